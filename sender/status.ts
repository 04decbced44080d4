/** What the running sender tells of itself, twice a second, for `status` and for scripts. No PHI. */
import type { Alarm } from '../shared/program/alarm.ts';
import type { ProgramStatus } from '../shared/program/status-part.ts';
import type { Session } from './identity.ts';
import type { AssociationStatus } from './intake/storage-scp.ts';
import type { LinkStop } from './link/link-health.ts';

/** Each section is told by the part that owns it. */
export interface SenderStatus extends ProgramStatus {
  readonly senderId: string;
  readonly session: Session;
  readonly keyId: number;
  /** Datagrams given to the kernel in this session. */
  readonly datagrams: number;
  readonly link: LinkStatus;
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

export interface LinkStatus {
  readonly interface: string | undefined;
  /** The interface that the socket is bound to; undefined while it could send over others. */
  readonly boundTo: string | undefined;
  /** Whether the queue is stopped since nothing can cross. */
  readonly stopped: LinkStop;
  /** Packets that the interface was given and did not send, since it is there. */
  readonly notSent: number;
}
