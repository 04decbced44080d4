/** What the storage SCP hands instances to. The spool behind it decides; the SCP only speaks DICOM. */
import type { ErrorCode } from '../../shared/errors.ts';

/** One of our AE titles: scanners choose urgency by the title they send to. */
export interface ApplicationEntity {
  readonly title: string;
  readonly priority: 'routine' | 'stat';
  /** A study that came to this title is closed when nothing came for so long. */
  readonly quietSeconds: number;
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

/** A C-STORE status (PS3.4 table B.2-1). The comment goes to the scanner: 64 ASCII characters, no PHI. */
export interface StoreOutcome {
  readonly status: number;
  readonly comment?: string;
}

/** Why an instance is not taken: 0xA700 no space, 0xA900 or 0xC000 not to be taken at all. */
export interface Refusal extends StoreOutcome {
  readonly refused: true;
}

/** Takes one Part 10 file, from its preamble on. Its calls never overlap. */
export interface InstanceWriter {
  /** The bytes are good until the promise resolves or, without one, the call returns. */
  write(bytes: Uint8Array): Promise<void> | void;
  /** Success is answered to the scanner when this resolves with status 0: file and ledger row are durable then. */
  finish(): Promise<StoreOutcome>;
  /** The instance is not coming: everything of it is to be forgotten. */
  abort(): Promise<void> | void;
}

/**
 * A DiodeError that `open`, `write` or `finish` gives becomes a status: 0xA700 for E_DISK_FULL, E_DISK and E_LEDGER,
 * else 0xC000.
 */
export interface InstanceSink {
  open(context: InstanceContext): InstanceWriter | Refusal | Promise<InstanceWriter | Refusal>;
  /** While an association is open, none of the studies that came over it is complete. */
  associationOpened(associationId: number, facts: AssociationFacts): void;
  associationClosed(associationId: number, facts: AssociationFacts): void;
  /** An association or an instance was refused, or a peer broke the protocol. To be counted. */
  refused(code: ErrorCode, address: string): void;
}
