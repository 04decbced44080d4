/** What the pipeline tells of itself. No PHI. */
import type { Measure } from '../../shared/program/measure.ts';
import type { Assembler } from '../assemble/assembler.ts';
import type { Shortage } from '../assemble/shortages.ts';
import type { SenderStatus } from '../watch/sender-watch.ts';

export interface PipelineStatus {
  readonly assemble: AssembleStatus;
  readonly senders: readonly SenderStatus[];
}

export interface AssembleStatus {
  readonly openObjects: number;
  readonly usedBytes: number;
  readonly symbolsRepaired: number;
  readonly blocksFinished: number;
  /** Left memory for the spill area before they could be decoded. */
  readonly blocksSpilled: number;
  /** Left memory, and the spill area had no room for them. */
  readonly blocksEvicted: number;
  /** Datagrams and blocks that there was no room for, and objects that were given up for others or stood still. */
  readonly noRoom: number;
  readonly objectsEvicted: number;
  readonly objectsExpired: number;
  /** Who had no room for what. */
  readonly shortages: readonly Shortage[];
  readonly duplicates: number;
  readonly ofFinished: number;
  /** Datagrams of a test transmission, which only `calibrate` looks at. */
  readonly ofCalibration: number;
  readonly refused: Readonly<Record<string, number>>;
}

export function assembleStatus(assembler: Assembler): AssembleStatus {
  const { counters } = assembler;
  return {
    openObjects: assembler.openObjects,
    usedBytes: assembler.usedBytes,
    symbolsRepaired: counters.symbolsRepaired,
    blocksFinished: counters.blocksFinished,
    blocksSpilled: counters.blocksSpilled,
    blocksEvicted: counters.blocksEvicted,
    noRoom: counters.noRoom,
    objectsEvicted: counters.objectsEvicted,
    objectsExpired: counters.objectsExpired,
    shortages: assembler.shortages.rows(),
    duplicates: counters.duplicates,
    ofFinished: counters.ofFinished,
    ofCalibration: counters.ofCalibration,
    refused: Object.fromEntries(counters.refused),
  };
}

export function assembleMeasures(assembler: Assembler): readonly Measure[] {
  const { counters } = assembler;
  return [
    { name: 'diode_receiver_open_objects', value: assembler.openObjects },
    { name: 'diode_receiver_assemble_bytes', value: assembler.usedBytes },
    { name: 'diode_receiver_symbols_repaired_total', value: counters.symbolsRepaired },
    { name: 'diode_receiver_blocks_finished_total', value: counters.blocksFinished },
    { name: 'diode_receiver_no_room_total', value: counters.noRoom },
  ];
}
