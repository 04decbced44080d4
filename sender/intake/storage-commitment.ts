/**
 * Storage commitment as SCP (PS3.4 annex J), for the sender's own spool and nothing else: it says which instances are kept
 * here, durably, until they expire. Nobody on this side of a one-way link can promise that the PACS keeps them.
 *
 * The report follows on the requesting association (PS3.4 section J.3.3 allows it); the sender calls nobody.
 */
import { DataSetWriter } from '../../shared/dicom/data-set-writer.ts';
import { dimseStatus } from '../../shared/dicom/dimse/status.ts';
import { NestedDataSet } from '../../shared/dicom/nested-data-set.ts';
import { encodingOf } from '../../shared/dicom/transfer-syntax.ts';
import { associationLimits } from '../../shared/dicom/upper-layer/limits.ts';
import { DiodeError } from '../../shared/errors.ts';
import { isUid } from '../../shared/wire/limits.ts';
import type { ArrivingMessage } from './message-room.ts';
import type { Outcome } from './store-operation.ts';

/** The one instance that requests go to (PS3.4 section J.3.5). */
export const commitmentInstanceUid = '1.2.840.10008.1.20.1.1';
/** Request storage commitment (PS3.4 table J.3-1). */
const requestAction = 1;
/** All are kept; some are not (PS3.4 table J.3-2). */
const eventTypes = { committed: 1, failuresExist: 2 } as const;

const commitmentTags = {
  failedSequence: 0x0008_1198,
  referencedSequence: 0x0008_1199,
  transactionUid: 0x0008_1195,
  failureReason: 0x0008_1197,
  referencedSopClassUid: 0x0008_1150,
  referencedSopInstanceUid: 0x0008_1155,
} as const;

/** Item, two UIDs and the end of each reference; and everything else in a request. */
const elementsMax = 4 * associationLimits.commitmentReferencesMax + 1000;
/** About a millisecond. */
const lookUpsPerTurn = 100;

/** What is told in N-EVENT-REPORT. */
export interface CommitmentReport {
  readonly eventTypeId: number;
  readonly dataSet: Uint8Array;
}

export interface CommitmentOutcome extends Outcome {
  /** Follows the response to an accepted request. */
  readonly report?: CommitmentReport;
}

interface Reference {
  readonly sopClassUid: string;
  readonly sopInstanceUid: string;
}

/** Reads the data set of an N-ACTION, piece by piece, and answers it. */
export class CommitmentRequest {
  readonly #isKept: (sopInstanceUid: string) => boolean;
  readonly #transferSyntaxUid: string;
  readonly #actionTypeId: number | undefined;
  readonly #message: ArrivingMessage;

  constructor(options: {
    readonly isKept: (sopInstanceUid: string) => boolean;
    readonly transferSyntaxUid: string;
    readonly actionTypeId: number | undefined;
    readonly message: ArrivingMessage;
  }) {
    this.#message = options.message;
    this.#isKept = options.isKept;
    this.#transferSyntaxUid = options.transferSyntaxUid;
    this.#actionTypeId = options.actionTypeId;
  }

  take(bytes: Uint8Array): undefined {
    this.#message.add(bytes);
    return undefined;
  }

  abandon(): void {
    this.#message.abandon();
  }

  /** Looks up some references at a time, so that other scanners are served in between. */
  async finish(): Promise<CommitmentOutcome> {
    const bytes = this.#message.take();
    if (this.#actionTypeId !== requestAction) return failure('no such action');
    if (bytes === undefined) return tooLarge;
    const encoding = encodingOf(this.#transferSyntaxUid);
    const dataSet = NestedDataSet.read(bytes, encoding, sequenceTags, elementsMax);
    if (dataSet instanceof DiodeError)
      return dataSet.code === 'E_DICOM_ELEMENTS' ? tooLarge : failure(dataSet.code);
    const transactionUid = dataSet.text(commitmentTags.transactionUid);
    const items = dataSet.items(commitmentTags.referencedSequence);
    if (items.length > associationLimits.commitmentReferencesMax) return tooLarge;
    const references = items.map((item) => ({
      sopClassUid: item.text(commitmentTags.referencedSopClassUid),
      sopInstanceUid: item.text(commitmentTags.referencedSopInstanceUid),
    }));
    const uids = references.flatMap(({ sopClassUid, sopInstanceUid }) => [sopClassUid, sopInstanceUid]);
    if (![transactionUid, ...uids].every(isUid) || references.length === 0) return failure('E_BAD_UID');
    const kept: Reference[] = [];
    const missing: Reference[] = [];
    for (const [index, reference] of references.entries()) {
      if (index % lookUpsPerTurn === lookUpsPerTurn - 1)
        await new Promise((resolve) => setImmediate(resolve));
      (this.#isKept(reference.sopInstanceUid) ? kept : missing).push(reference);
    }
    return { status: dimseStatus.success, report: this.#report(transactionUid, kept, missing) };
  }

  #report(
    transactionUid: string,
    kept: readonly Reference[],
    missing: readonly Reference[],
  ): CommitmentReport {
    const writer = new DataSetWriter(encodingOf(this.#transferSyntaxUid));
    writer.uid(commitmentTags.transactionUid, transactionUid);
    const reference = ({ sopClassUid, sopInstanceUid }: Reference): void => {
      writer.uid(commitmentTags.referencedSopClassUid, sopClassUid);
      writer.uid(commitmentTags.referencedSopInstanceUid, sopInstanceUid);
    };
    // In the order of their tags.
    if (missing.length > 0) {
      writer.sequence(commitmentTags.failedSequence, missing, (each) => {
        writer.uid(commitmentTags.referencedSopClassUid, each.sopClassUid);
        writer.uid(commitmentTags.referencedSopInstanceUid, each.sopInstanceUid);
        writer.unsignedShort(commitmentTags.failureReason, dimseStatus.noSuchInstance);
      });
    }
    if (kept.length > 0) writer.sequence(commitmentTags.referencedSequence, kept, reference);
    const eventTypeId = missing.length === 0 ? eventTypes.committed : eventTypes.failuresExist;
    return { eventTypeId, dataSet: writer.bytes() };
  }
}

const sequenceTags: ReadonlySet<number> = new Set([commitmentTags.referencedSequence]);

const tooLarge: CommitmentOutcome = {
  status: dimseStatus.resourceLimitation,
  comment: 'too many references',
};

function failure(comment: string): CommitmentOutcome {
  return { status: dimseStatus.processingFailure, comment };
}
