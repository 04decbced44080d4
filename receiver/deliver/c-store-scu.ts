/**
 * C-STORE as SCU (PS3.4 annex B): instances from disk to a PACS, data sets untouched. An association that breaks, or a
 * peer that does not answer, costs one instance its turn: the next one goes out over a new association.
 */
import { assert } from '../../shared/assert.ts';
import { type Clock, systemClock } from '../../shared/clock.ts';
import { commandFields } from '../../shared/dicom/dimse/command.ts';
import { commandPdus, DataSetFraming } from '../../shared/dicom/dimse/message-writer.ts';
import { dimseStatus, formatStatus, storeStatusKind } from '../../shared/dicom/dimse/status.ts';
import { transferSyntaxUids } from '../../shared/dicom/transfer-syntax.ts';
import type { AcceptedContext } from '../../shared/dicom/upper-layer/presentation-context.ts';
import { DiodeError } from '../../shared/errors.ts';
import { contextFor, type PlannedAssociation, planAssociations } from './association-plan.ts';
import type { DeliveryResult } from './delivery-result.ts';
import { type DicomDestination, destinationTimes } from './destination.ts';
import { type InstanceFile, InstanceReader, prefixBytesMax } from './instance-file.ts';
import { Losses, type RunOptions, reasonOf } from './losses.ts';
import { connectToPeer } from './peer-connection.ts';
import { Requestor } from './requestor.ts';

const verificationUid = '1.2.840.10008.1.1';
/** How many associations may be lost in a row, without any answer, before the destination is given up for now. */
const lossesMax = 5;
/** Two: one is written while the next is filled. */
const bufferBytes = 262_144;

/**
 * Sends instances in order and yields one result for each, as it comes. A file that breaks its association is tried again
 * alone, at the end.
 */
export async function* storeInstances(
  destination: DicomDestination,
  files: readonly InstanceFile[],
  options: RunOptions = {},
): AsyncGenerator<DeliveryResult> {
  yield* new StoreRun(destination, files, options).run(files);
}

/** Sends the destination a C-ECHO. @throws DiodeError like {@link Requestor.open}, E_PEER_CONNECT, E_PEER_REFUSED */
export async function verify(destination: DicomDestination, clock: Clock = systemClock): Promise<string> {
  const requestor = await openAssociation(
    destination,
    [
      {
        id: 1,
        abstractSyntax: verificationUid,
        transferSyntaxes: [transferSyntaxUids.implicitLittleEndian],
      },
    ],
    clock,
  );
  const context = requestor.contexts[0];
  try {
    if (context === undefined)
      throw new DiodeError('E_PEER_CONTEXT', 'the destination does not accept C-ECHO');
    const messageId = requestor.nextMessageId();
    const command = {
      field: commandFields.echo,
      messageId,
      affectedSopClassUid: verificationUid,
      hasDataSet: false,
    };
    await requestor.send(commandPdus(context.id, command, requestor.sentPduBytesMax));
    const { status } = await requestor.response(messageId);
    if (status !== dimseStatus.success) {
      throw new DiodeError('E_PEER_REFUSED', `C-ECHO was answered with ${formatStatus(status ?? 0)}`);
    }
    return requestor.peer?.implementationVersionName ?? 'an unnamed implementation';
  } finally {
    await requestor.close();
  }
}

async function openAssociation(
  destination: DicomDestination,
  contexts: PlannedAssociation['contexts'],
  clock: Clock,
): Promise<Requestor> {
  const times = { ...destinationTimes.association, ...destination.times };
  const connection = await connectToPeer(destination);
  const { calledAe, callingAe } = destination;
  return Requestor.open(connection, { calledAe, callingAe, contexts }, times, clock);
}

class StoreRun {
  readonly #destination: DicomDestination;
  readonly #clock: Clock;
  readonly #buffers = [new Uint8Array(bufferBytes), new Uint8Array(bufferBytes)] as const;
  readonly #prefix = new Uint8Array(prefixBytesMax);
  /** Instances whose association broke: each is tried once more, alone. */
  #suspects: InstanceFile[] = [];
  readonly #losses: Losses;
  /** Why the last association broke. */
  #lost: DiodeError | undefined;

  constructor(destination: DicomDestination, files: readonly InstanceFile[], options: RunOptions) {
    this.#destination = destination;
    this.#losses = new Losses(files, lossesMax, options);
    this.#clock = options.clock ?? systemClock;
  }

  async *run(files: readonly InstanceFile[]): AsyncGenerator<DeliveryResult> {
    for (const planned of planAssociations(files)) yield* this.#associations(planned);
    const suspects = this.#suspects;
    this.#suspects = [];
    for (const file of suspects) {
      if (this.#losses.why(file) !== undefined) {
        yield { file, outcome: 'failed', ...reasonOf(this.#lost) };
        continue;
      }
      for (const planned of planAssociations([file])) yield* this.#associations(planned);
      // Still suspect: it broke an association of its own, too.
      for (const again of this.#suspects) yield { file: again, outcome: 'failed', ...reasonOf(this.#lost) };
      this.#suspects = [];
    }
  }

  /** One planned association, and another one for each that breaks on the way. */
  async *#associations(planned: PlannedAssociation): AsyncGenerator<DeliveryResult> {
    for (let rest = planned.files; rest.length > 0; ) {
      const left: InstanceFile[] = [];
      for (const file of rest) {
        const why = this.#losses.why(file);
        if (why === undefined) left.push(file);
        else yield { file, outcome: 'untried', ...why };
      }
      const [first] = left;
      if (first === undefined) return;
      let requestor: Requestor;
      try {
        requestor = await openAssociation(this.#destination, planned.contexts, this.#clock);
      } catch (error) {
        if (!(error instanceof DiodeError)) throw error;
        const apart = this.#apart(error, planned, left);
        for (const each of apart) yield* this.#associations(each);
        if (apart.length > 0) return;
        if (isOfTheDestination(error)) this.#losses.giveUp(error);
        else this.#losses.putAside(first, error);
        // With other senders present, one of its instances has failed: that distinguishes it from instances not reached.
        const isBlamed = !isOfTheDestination(error) && !this.#losses.isOfOneSender;
        if (isBlamed) yield { file: first, outcome: 'failed', ...reasonOf(error) };
        rest = isBlamed ? left.slice(1) : left;
        continue;
      }
      const sent = yield* this.#sendOver(requestor, left);
      rest = left.slice(sent);
    }
  }

  /** What to propose instead if an association may have failed because of what one sender, or one pair, brought into it. */
  #apart(
    error: DiodeError,
    planned: PlannedAssociation,
    files: readonly InstanceFile[],
  ): PlannedAssociation[] {
    if (isOfTheDestination(error)) return [];
    const bySender = this.#losses.bySender(files);
    if (bySender.length > 1) return bySender.flatMap((ofSender) => planAssociations(ofSender));
    return mayBeTheProposal(error) && planned.contexts.length > 1 ? planAssociations(files, 1) : [];
  }

  /** @returns how many instances are dealt with */
  async *#sendOver(
    requestor: Requestor,
    files: readonly InstanceFile[],
  ): AsyncGenerator<DeliveryResult, number> {
    let dealt = 0;
    for (const file of files) {
      if (this.#losses.why(file) !== undefined) break;
      const context = contextFor(file, requestor.contexts);
      dealt += 1;
      if (context === undefined) {
        yield { file, outcome: 'refused', code: 'E_PEER_CONTEXT' };
        continue;
      }
      try {
        yield await this.#store(requestor, context, file);
        this.#losses.answered([file]);
      } catch (error) {
        if (!(error instanceof DiodeError)) throw error;
        await requestor.abort();
        if (error.code === 'E_FILE_READ' || error.code === 'E_VAULT_DAMAGED')
          yield { file, outcome: 'failed', ...reasonOf(error) };
        else this.#lose(file, error);
        return dealt;
      }
    }
    await requestor.close();
    return dealt;
  }

  #lose(file: InstanceFile, error: DiodeError): void {
    this.#suspects.push(file);
    this.#lost = error;
    this.#losses.lost([file], error);
  }

  /** @throws DiodeError if the association is over, or the file can't be read or is not what it should be */
  async #store(requestor: Requestor, context: AcceptedContext, file: InstanceFile): Promise<DeliveryResult> {
    const messageId = requestor.nextMessageId();
    const command = {
      field: commandFields.store,
      messageId,
      priority: 0,
      affectedSopClassUid: file.sopClassUid,
      affectedSopInstanceUid: file.sopInstanceUid,
      hasDataSet: true,
    };
    const pdus = commandPdus(context.id, command, requestor.sentPduBytesMax);
    await this.#sendDataSet(requestor, context, file, pdus);
    const response = await requestor.response(messageId);
    const status = response.status ?? dimseStatus.processingFailure;
    const comment = response.errorComment === undefined ? {} : { comment: response.errorComment };
    const kind = storeStatusKind(status);
    if (kind === 'stored' || kind === 'warning') return { file, outcome: 'delivered', status, ...comment };
    const outcome = kind === 'later' ? 'failed' : 'refused';
    return { file, outcome, status, code: 'E_PEER_REFUSED', ...comment };
  }

  /** The command is written together with the beginning of the data set, or all of it if it is small. */
  async #sendDataSet(
    requestor: Requestor,
    context: AcceptedContext,
    file: InstanceFile,
    command: Uint8Array,
  ): Promise<void> {
    const reader = await InstanceReader.open(file, this.#prefix, file.dataSetOffset);
    try {
      const framing = new DataSetFraming(context.id, reader.remaining, requestor.sentPduBytesMax);
      let offset = command.length;
      this.#buffers[0].set(command);
      let writing: Promise<void> = Promise.resolve();
      for (let round = 0; !framing.ended; round += 1) {
        const buffer = this.#buffers[round % 2 === 0 ? 0 : 1];
        const { places, end } = framing.next(buffer, offset);
        assert(end > offset, 'a round takes at least one PDU');
        // The last round is read, and with it judged, before it leaves: what is damaged never arrives whole.
        const [read] = await Promise.allSettled([reader.fill(places), writing]);
        await writing;
        if (read.status === 'rejected') throw read.reason;
        writing = requestor.send(buffer.subarray(0, end));
        offset = 0;
      }
      await writing;
    } finally {
      await reader.close();
    }
  }
}

/** Whether no association is possible, whatever is proposed. */
function isOfTheDestination(error: DiodeError): boolean {
  return error.code === 'E_PEER_CONNECT' || error.code === 'E_ASSOCIATION_REJECTED';
}

/** Whether an association may have failed because of what it proposed: then pairs are tried one by one. */
function mayBeTheProposal(error: DiodeError): boolean {
  return error.code === 'E_ASSOCIATION_ABORTED' || error.code === 'E_DICOM_PROTOCOL';
}
