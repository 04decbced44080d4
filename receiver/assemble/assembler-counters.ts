/** What the assembler counts: for status. */
import type { ErrorCode } from '../../shared/errors.ts';

export class AssemblerCounters {
  datagrams = 0;
  /** Of a test transmission, which only `diode-receiver calibrate` uses. */
  ofCalibration = 0;
  ofFinished = 0;
  duplicates = 0;
  /** Datagrams and blocks that there was no room for. */
  noRoom = 0;
  blocksFinished = 0;
  /** Blocks that left the window for the spill area, and those that it had no room for. */
  blocksSpilled = 0;
  blocksEvicted = 0;
  /** Objects that were given up for others, and those of which nothing came for a long time. */
  objectsEvicted = 0;
  objectsExpired = 0;
  /** Source symbols that were replaced by repair symbols. */
  symbolsRepaired = 0;
  readonly refused = new Map<ErrorCode, number>();

  /** Counts what was refused, here or further on. */
  refuse(code: ErrorCode): void {
    this.refused.set(code, (this.refused.get(code) ?? 0) + 1);
  }
}
