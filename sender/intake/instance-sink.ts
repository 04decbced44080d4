/** What the storage SCP hands instances to. The spool behind it decides; the SCP only speaks DICOM. */
import type { ErrorCode } from '../../shared/errors.ts';

/** One of our AE titles: scanners choose the priority by the title they send to. */
export interface ApplicationEntity {
  readonly title: string;
  readonly priority: 'routine' | 'stat';
  /** How long after its last instance a study sent to this title is closed. */
  readonly quietSeconds: number;
  /** The calling AE titles that are allowed; left out: any. */
  readonly callingTitles?: readonly string[];
  /** The addresses and networks that may call it; left out: any. */
  readonly callingAddresses?: readonly string[];
}

export interface AssociationFacts {
  readonly called: ApplicationEntity;
  readonly callingAe: string;
  readonly address: string;
}

/** An instance about to arrive. All UIDs are checked. */
export interface InstanceContext {
  readonly associationId: number;
  readonly called: ApplicationEntity;
  readonly callingAe: string;
  readonly sopClassUid: string;
  readonly sopInstanceUid: string;
  readonly transferSyntaxUid: string;
}

/** Takes one Part 10 file, from its preamble on. Its calls never overlap. */
export interface InstanceWriter {
  /** The bytes are valid until the promise resolves or, without one, until the call returns. */
  write(bytes: Uint8Array): Promise<void> | void;
  /** The scanner gets success when this resolves: file and ledger row are then durable. */
  finish(): Promise<void>;
  /** The instance is not coming, or `write` or `finish` failed: forget all of it. */
  abort(): Promise<void> | void;
}

/**
 * A DiodeError thrown by `open`, `write` or `finish` says why an instance is not accepted: it becomes the status that the
 * scanner gets (PS3.4 table B.2-1), and is passed to `refused`.
 */
export interface InstanceSink {
  open(context: InstanceContext): InstanceWriter | Promise<InstanceWriter>;
  /** While an association is open, none of the studies that came over it counts as complete. */
  associationOpened(associationId: number, facts: AssociationFacts): void;
  associationClosed(associationId: number, facts: AssociationFacts): void;
  /** An association or an instance was refused, or a peer broke the protocol. To be counted. */
  refused(code: ErrorCode, address: string): void;
}
