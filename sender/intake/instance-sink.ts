/** What the storage SCP hands instances to. The spool behind it decides; the SCP only speaks DICOM. */
import type { ErrorCode } from '../../shared/errors.ts';

/** One of our AE titles: scanners choose urgency by the title they send to. */
export interface ApplicationEntity {
  readonly title: string;
  readonly priority: 'routine' | 'stat';
  /** A study that came to this title is closed when nothing came for so long. */
  readonly quietSeconds: number;
  /** Who may call it by its own AE title; left out: any. */
  readonly callingTitles?: readonly string[];
  /** Who may call it by address: addresses and networks; left out: any. */
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
  /** The bytes are good until the promise resolves or, without one, the call returns. */
  write(bytes: Uint8Array): Promise<void> | void;
  /** Success is answered to the scanner when this resolves: file and ledger row are durable then. */
  finish(): Promise<void>;
  /** The instance is not coming, or `write` or `finish` failed: everything of it is to be forgotten. */
  abort(): Promise<void> | void;
}

/**
 * A DiodeError that `open`, `write` or `finish` throws says why an instance is not taken: it becomes the status that the
 * scanner hears (PS3.4 table B.2-1), and is told to `refused`.
 */
export interface InstanceSink {
  open(context: InstanceContext): InstanceWriter | Promise<InstanceWriter>;
  /** While an association is open, none of the studies that came over it is complete. */
  associationOpened(associationId: number, facts: AssociationFacts): void;
  associationClosed(associationId: number, facts: AssociationFacts): void;
  /** An association or an instance was refused, or a peer broke the protocol. To be counted. */
  refused(code: ErrorCode, address: string): void;
}
