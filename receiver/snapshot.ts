/** What the running receiver tells of itself, twice a second, for `status` and for scripts. No PHI. */
import type { Alarm, Alarms } from '../shared/alarms.ts';
import { systemClock } from '../shared/clock.ts';
import type { SenderLosses } from './assemble/origins.ts';
import type { Shortage } from './assemble/shortages.ts';
import type { DestinationStatus } from './deliver/delivery.ts';
import type { ReceiverLedger } from './ledger/ledger.ts';
import type { Losses, ReceiverLinkHealth } from './link/link-health.ts';
import type { LinkThreadCounters } from './link/link-thread.ts';
import type { Pipeline } from './pipeline/pipeline.ts';
import type { SenderStatus } from './watch/sender-watch.ts';

export interface ReceiverSnapshot {
  readonly atMs: number;
  readonly pid: number;
  readonly upMs: number;
  readonly link: {
    readonly admitted: number;
    readonly refused: Readonly<Record<string, number>>;
    /** Sent and never received, by the sequence numbers. */
    readonly lost: number;
    /** The same by sender. */
    readonly lostBySender: readonly SenderLosses[];
    /** The same by the place where it was lost, as far as this host can tell. */
    readonly losses: Losses;
    readonly interface: string | undefined;
    /** The interface that the socket is bound to; undefined while other networks reach it as well. */
    readonly boundTo: string | undefined;
    /** Frames that the interface found damaged. */
    readonly damagedFrames: number;
    /** Received and dropped since the ring was full. */
    readonly ringDrops: number;
    readonly ringFilled: number;
    readonly ringSlots: number;
  };
  readonly assemble: {
    readonly openObjects: number;
    readonly heldBytes: number;
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
  };
  readonly senders: readonly SenderStatus[];
  /** The delivery queue, by destination. */
  readonly destinations: readonly DestinationStatus[];
  readonly alarms: readonly Alarm[];
}

export function receiverSnapshot(from: {
  pipeline: Pipeline;
  ledger: ReceiverLedger;
  alarms: Alarms;
  counters: LinkThreadCounters;
  linkHealth: ReceiverLinkHealth;
  destinations: readonly DestinationStatus[];
  ring: { slots: number; filled: number };
  startedMs: number;
}): ReceiverSnapshot {
  const { assembler, senders } = from.pipeline;
  const { counters } = assembler;
  return {
    atMs: systemClock.wallMs(),
    pid: process.pid,
    upMs: Math.round(systemClock.monotonicMs() - from.startedMs),
    link: {
      admitted: from.counters.admitted,
      refused: from.counters.refused,
      lost: assembler.datagramsLost,
      lostBySender: assembler.losses(),
      losses: from.linkHealth.losses,
      interface: from.linkHealth.interface,
      boundTo: typeof from.counters.binding === 'object' ? from.counters.binding.to : undefined,
      damagedFrames: from.linkHealth.damaged,
      ringDrops: from.counters.ringDrops,
      ringFilled: from.ring.filled,
      ringSlots: from.ring.slots,
    },
    assemble: {
      openObjects: assembler.openObjects,
      heldBytes: assembler.heldBytes,
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
    },
    senders: senders.statuses(),
    destinations: from.destinations,
    alarms: from.alarms.standing(),
  };
}
