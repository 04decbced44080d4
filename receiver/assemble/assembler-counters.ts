/** What the assembler counts: for status. */
import type { ErrorCode } from '../../shared/errors.ts';

export class AssemblerCounters {
  datagrams = 0;
  /** Of a test transmission, which is none of this program's business: see `diode-receiver calibrate`. */
  ofCalibration = 0;
  ofFinished = 0;
  duplicates = 0;
  /** Datagrams and blocks that there was no room for. */
  noRoom = 0;
  blocksFinished = 0;
  /** Blocks that left the window for the spill area, and those for which it had no room. */
  blocksSpilled = 0;
  blocksEvicted = 0;
  /** Objects that were given up for others, and those of which nothing came for long. */
  objectsEvicted = 0;
  objectsExpired = 0;
  /** Source symbols that repair symbols stood in for. */
  symbolsRepaired = 0;
  readonly refused = new Map<ErrorCode, number>();

  /** Counts what was refused, here or of what came out of here. */
  refuse(code: ErrorCode): void {
    this.refused.set(code, (this.refused.get(code) ?? 0) + 1);
  }
}
