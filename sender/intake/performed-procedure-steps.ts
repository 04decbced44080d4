/**
 * Modality performed procedure step as SCP (PS3.4 annex F.7): the only way for a modality to say what a study
 * consists of. N-CREATE is kept in memory; N-SET with a final status gives the exact list of instances.
 *
 * A step belongs to the address it came from: no other scanner can change it, or displace it to get room.
 */
import { type Command, commandFields } from '../../shared/dicom/dimse/command.ts';
import { dimseStatus } from '../../shared/dicom/dimse/status.ts';
import { NestedDataSet } from '../../shared/dicom/nested-data-set.ts';
import { encodingOf } from '../../shared/dicom/transfer-syntax.ts';
import { associationLimits } from '../../shared/dicom/upper-layer/limits.ts';
import { DiodeError } from '../../shared/errors.ts';
import { isUid } from '../../shared/wire/limits.ts';
import { MessageRoom } from './message-room.ts';
import { SharedRoom } from './shared-room.ts';
import { type Outcome, outcomeOf } from './store-operation.ts';

/** What a modality said at the end of a step. All UIDs are checked; it contains nothing about the patient. */
export interface ProcedureStepReport {
  readonly procedureStepUid: string;
  /** The address it came from: a title is whatever a scanner says. */
  readonly scanner: string;
  readonly callingAe: string;
  /** Only COMPLETED says that the list is complete. */
  readonly status: 'COMPLETED' | 'DISCONTINUED';
  /** From N-CREATE; empty if this program started after it. */
  readonly studyUids: readonly string[];
  readonly series: readonly PerformedSeries[];
}

/** Who wants to know of steps. */
export interface ProcedureStepListener {
  /** A step was created, or set without ending. */
  stepBegan(scanner: string, procedureStepUid: string, studyUids: readonly string[]): void;
  /** Resolves when the end is recorded; a DiodeError becomes the status of the response. */
  stepEnded(report: ProcedureStepReport): Promise<void> | void;
}

/** Who asks, and how it encodes. */
export interface StepSource {
  readonly scanner: string;
  readonly callingAe: string;
  readonly transferSyntaxUid: string;
}

export interface PerformedSeries {
  readonly seriesUid: string;
  readonly instances: readonly { readonly sopClassUid: string; readonly sopInstanceUid: string }[];
}

/** PS3.3 sections C.4.13 to C.4.16. */
const stepTags = {
  status: 0x0040_0252,
  scheduledStepAttributes: 0x0040_0270,
  performedSeries: 0x0040_0340,
  referencedImages: 0x0008_1140,
  referencedOthers: 0x0040_0220,
  referencedSopClassUid: 0x0008_1150,
  referencedSopInstanceUid: 0x0008_1155,
  studyInstanceUid: 0x0020_000d,
  seriesInstanceUid: 0x0020_000e,
} as const;

const sequenceTags: ReadonlySet<number> = new Set([
  stepTags.scheduledStepAttributes,
  stepTags.performedSeries,
  stepTags.referencedImages,
  stepTags.referencedOthers,
]);

interface Step {
  readonly studyUids: readonly string[];
  /** Series listed so far: N-SET may come several times, and each replaces the list (PS3.4 section F.7.2.2.2). */
  series: readonly PerformedSeries[];
  ended: boolean;
}

interface StepRequest {
  readonly take: (bytes: Uint8Array) => undefined;
  readonly finish: () => Promise<Outcome>;
  readonly abandon: () => void;
}

/** The memory of a step without its lists, and of each UID in them. */
const stepBytes = 1024;
const uidBytes = 100;
/** Item, two UIDs and the end of each reference; and everything else in a step. */
const elementsMax = 4 * associationLimits.procedureStepReferencesMax + 10_000;

export class PerformedProcedureSteps {
  readonly #listener: ProcedureStepListener;
  readonly #messages: MessageRoom;
  /** By scanner and UID. */
  readonly #steps = new Map<string, Step>();
  readonly #room = new SharedRoom(associationLimits.procedureStepBytesMax);

  constructor(listener: ProcedureStepListener, messages = new MessageRoom()) {
    this.#listener = listener;
    this.#messages = messages;
  }

  /** Memory of all steps. */
  get bytes(): number {
    return this.#room.bytes;
  }

  /** Takes an N-CREATE or N-SET whose data set comes next. */
  begin(command: Command, source: StepSource): StepRequest {
    const message = this.#messages.begin(source.scanner);
    return {
      take: (piece) => {
        message.add(piece);
        return undefined;
      },
      finish: async () => {
        const bytes = message.take();
        if (bytes === undefined) return tooLarge;
        const encoding = encodingOf(source.transferSyntaxUid);
        const dataSet = NestedDataSet.read(bytes, encoding, sequenceTags, elementsMax);
        if (dataSet instanceof DiodeError) return refusalOf(dataSet);
        return command.field === commandFields.create
          ? this.#create(command.affectedSopInstanceUid, dataSet, source)
          : await this.#set(command.requestedSopInstanceUid, dataSet, source);
      },
      abandon: () => message.abandon(),
    };
  }

  #create(uid: string | undefined, dataSet: NestedDataSet, { scanner }: StepSource): Outcome {
    if (uid === undefined) return { status: dimseStatus.invalidInstance };
    if (this.#steps.has(keyOf(scanner, uid))) return { status: dimseStatus.duplicateInstance };
    const scheduled = dataSet.items(stepTags.scheduledStepAttributes);
    if (scheduled.length > associationLimits.procedureStepStudiesMax) return tooLarge;
    const studyUids = scheduled.map((item) => item.text(stepTags.studyInstanceUid)).filter(isUid);
    const series = performedSeries(dataSet);
    if (series instanceof DiodeError) return refusalOf(series);
    const step = { studyUids: [...new Set(studyUids)], series, ended: false };
    if (!this.#keep(scanner, uid, step)) return tooLarge;
    this.#listener.stepBegan(scanner, uid, step.studyUids);
    return { status: dimseStatus.success };
  }

  async #set(uid: string | undefined, dataSet: NestedDataSet, source: StepSource): Promise<Outcome> {
    const { scanner, callingAe } = source;
    if (uid === undefined) return { status: dimseStatus.invalidInstance };
    // A step begun before a restart is not known, but its end is just as useful: it contains the list.
    const step = this.#steps.get(keyOf(scanner, uid)) ?? { studyUids: [], series: [], ended: false };
    if (step.ended) {
      const comment = 'Performed procedure step may no longer be updated';
      return { status: dimseStatus.processingFailure, comment };
    }
    const series = performedSeries(dataSet);
    if (series instanceof DiodeError) return refusalOf(series);
    if (series.length > 0) step.series = series;
    if (!this.#keep(scanner, uid, step)) return tooLarge;
    const status = dataSet.text(stepTags.status);
    if (status !== 'COMPLETED' && status !== 'DISCONTINUED') return { status: dimseStatus.success };
    try {
      await this.#listener.stepEnded({
        procedureStepUid: uid,
        scanner,
        callingAe,
        status,
        studyUids: step.studyUids,
        series: step.series,
      });
    } catch (error) {
      if (!(error instanceof DiodeError)) throw error;
      return { ...outcomeOf(error), status: dimseStatus.processingFailure };
    }
    step.ended = true;
    // The listener now has its list; all that remains to know is that it has ended.
    step.series = [];
    this.#keep(scanner, uid, step);
    return { status: dimseStatus.success };
  }

  /** @returns false if it is larger than its scanner's share */
  #keep(scanner: string, uid: string, step: Step): boolean {
    const key = keyOf(scanner, uid);
    const gone = this.#room.put(scanner, key, bytesOf(step));
    if (gone === undefined) {
      this.#steps.delete(key);
      return false;
    }
    for (const oldest of gone) this.#steps.delete(oldest);
    this.#steps.set(key, step);
    return true;
  }
}

function keyOf(scanner: string, uid: string): string {
  return `${scanner} ${uid}`;
}

function bytesOf({ studyUids, series }: Step): number {
  const references = series.reduce((count, { instances }) => count + 1 + 2 * instances.length, 0);
  return stepBytes + uidBytes * (studyUids.length + references);
}

const tooLarge: Outcome = { status: dimseStatus.resourceLimitation, comment: 'procedure step too large' };

function refusalOf({ code }: DiodeError): Outcome {
  return code === 'E_TOO_LARGE' || code === 'E_DICOM_ELEMENTS' ? tooLarge : refusal(code);
}

function refusal(comment: string): Outcome {
  return { status: dimseStatus.processingFailure, comment };
}

/** A single malformed UID makes the list useless: it would no longer be exact. Errors: E_BAD_UID, E_TOO_LARGE. */
function performedSeries(dataSet: NestedDataSet): PerformedSeries[] | DiodeError {
  const series: PerformedSeries[] = [];
  let listed = 0;
  for (const item of dataSet.items(stepTags.performedSeries)) {
    const seriesUid = item.text(stepTags.seriesInstanceUid);
    const references = [...item.items(stepTags.referencedImages), ...item.items(stepTags.referencedOthers)];
    // A series counts, too: there may be as many without any instance.
    listed += 1 + references.length;
    if (listed > associationLimits.procedureStepReferencesMax) return new DiodeError('E_TOO_LARGE');
    const instances = references.map((reference) => ({
      sopClassUid: reference.text(stepTags.referencedSopClassUid),
      sopInstanceUid: reference.text(stepTags.referencedSopInstanceUid),
    }));
    const uids = instances.flatMap(({ sopClassUid, sopInstanceUid }) => [sopClassUid, sopInstanceUid]);
    if (![seriesUid, ...uids].every(isUid)) return new DiodeError('E_BAD_UID');
    series.push({ seriesUid, instances });
  }
  return series;
}
