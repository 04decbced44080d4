/** What the running receiver tells of itself, twice a second, for `status` and for scripts. No PHI. */
import type { Alarm } from '../shared/program/alarm.ts';
import type { ProgramStatus } from '../shared/program/status-part.ts';
import type { SenderLosses } from './assemble/origins.ts';
import type { DestinationStatus } from './deliver/delivery.ts';
import type { Losses } from './link/link-health.ts';
import type { PipelineStatus } from './pipeline/pipeline-status.ts';

/** Each section is told by the part that owns it. */
export interface ReceiverStatus extends ProgramStatus, PipelineStatus {
  readonly link: LinkStatus;
  /** The delivery queue, by destination. */
  readonly destinations: readonly DestinationStatus[];
  readonly alarms: readonly Alarm[];
}

export interface LinkStatus {
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
}
