/** What the running sender tells of itself, twice a second, for `status` and for scripts. No PHI. */
import type { Alarm, Alarms } from '../shared/alarms.ts';
import { systemClock } from '../shared/clock.ts';
import type { Binding } from '../shared/kernel-socket.ts';
import type { SenderIdentity, Session } from './identity.ts';
import type { AssociationStatus } from './intake/storage-scp.ts';
import type { SenderLedger } from './ledger/ledger.ts';
import type { LinkHold, SenderLinkHealth } from './link/link-health.ts';
import type { Spool } from './spool/spool.ts';

export interface SenderSnapshot {
  readonly atMs: number;
  readonly pid: number;
  readonly upMs: number;
  readonly senderId: string;
  readonly session: Session;
  readonly keyId: number;
  /** Datagrams given to the kernel in this session. */
  readonly datagrams: number;
  readonly link: {
    readonly interface: string | undefined;
    /** The interface that the socket is bound to; undefined while it could send over others. */
    readonly boundTo: string | undefined;
    /** Whether the queue is held since nothing can cross. */
    readonly hold: LinkHold;
    /** Packets that the interface was given and did not send, since it is there. */
    readonly notSent: number;
  };
  readonly queue: { readonly objects: number; readonly bytes: number; readonly oldestMs: number };
  readonly openStudies: number;
  /** Scanners that are connected. */
  readonly associations: readonly AssociationStatus[];
  readonly highestStudyNumber: number;
  readonly spool: { readonly bytes: number; readonly freeBytes: number; readonly unreadable: number };
  /** Duplicates, and what was rejected by code, since the ledger began. */
  readonly counters: Readonly<Record<string, number>>;
  readonly alarms: readonly Alarm[];
}

export function senderSnapshot(from: {
  ledger: SenderLedger;
  spool: Spool;
  alarms: Alarms;
  identity: SenderIdentity;
  session: Session;
  datagrams: number;
  link: SenderLinkHealth;
  binding: Binding;
  associations: readonly AssociationStatus[];
  passCount: number;
  startedMs: number;
  /** Running time of the sender. */
  runningMs: number;
}): SenderSnapshot {
  const queue = from.ledger.totals.queue(from.passCount);
  const atMs = systemClock.wallMs();
  return {
    atMs,
    pid: process.pid,
    upMs: Math.round(systemClock.monotonicMs() - from.startedMs),
    senderId: Buffer.from(from.identity.senderId).toString('hex'),
    session: from.session,
    keyId: from.identity.keyId,
    datagrams: from.datagrams,
    link: {
      interface: from.link.interface,
      boundTo: typeof from.binding === 'object' ? from.binding.to : undefined,
      hold: from.link.hold,
      notSent: from.link.notSent,
    },
    queue: {
      objects: queue.objects,
      bytes: queue.bytes,
      oldestMs:
        queue.oldestTakenRunningMs === undefined
          ? 0
          : Math.max(0, from.runningMs - queue.oldestTakenRunningMs),
    },
    openStudies: from.ledger.studies.open().length,
    associations: from.associations,
    highestStudyNumber: from.ledger.studies.highestNumber(),
    spool: {
      bytes: from.ledger.totals.heldBytes(),
      freeBytes: from.spool.freeBytes().free,
      unreadable: from.ledger.totals.unreadableObjects(),
    },
    counters: Object.fromEntries(from.ledger.counters.all().map(({ code, count }) => [code, count])),
    alarms: from.alarms.standing(),
  };
}
