/**
 * One association with a scanner: C-STORE, C-ECHO, performed procedure steps, and a clear no to everything else. Requests
 * are answered one after another; asynchronous operations are not negotiated, so peers wait for each answer.
 */
import { present } from '../../shared/assert.ts';
import { type Command, commandFields, responseBit } from '../../shared/dicom/dimse/command.ts';
import { MessageReader } from '../../shared/dicom/dimse/message-reader.ts';
import { commandPdus, DataSetFraming, dataOverheadBytes } from '../../shared/dicom/dimse/message-writer.ts';
import { dimseStatus } from '../../shared/dicom/dimse/status.ts';
import type { AssociateRequest } from '../../shared/dicom/upper-layer/associate-pdu.ts';
import type { UpperLayerEvent } from '../../shared/dicom/upper-layer/association-state.ts';
import type {
  AssociationListener,
  AssociationStream,
} from '../../shared/dicom/upper-layer/association-stream.ts';
import type { DataPart } from '../../shared/dicom/upper-layer/pdu-reader.ts';
import { invalidParameter, ProtocolViolation } from '../../shared/dicom/upper-layer/protocol-violation.ts';
import { type Rejection, rejections } from '../../shared/dicom/upper-layer/short-pdus.ts';
import type { UpperLayer } from '../../shared/dicom/upper-layer/upper-layer.ts';
import type { AssociationFacts, InstanceSink } from './instance-sink.ts';
import type { MessageRoom } from './message-room.ts';
import type { PerformedProcedureSteps } from './performed-procedure-steps.ts';
import {
  type CommitmentOutcome,
  type CommitmentReport,
  CommitmentRequest,
  commitmentInstanceUid,
} from './storage-commitment.ts';
import {
  answerContexts,
  type CalledEntity,
  isStorable,
  judgeRequest,
  serviceUids,
} from './storage-negotiation.ts';
import { type Outcome, StoreOperation } from './store-operation.ts';

export interface StorageAssociationOptions {
  readonly id: number;
  readonly address: string;
  readonly layer: UpperLayer;
  readonly sink: InstanceSink;
  readonly entities: readonly CalledEntity[];
  readonly performedProcedureSteps: PerformedProcedureSteps | undefined;
  /** Where the data sets of all associations are while they arrive. */
  readonly messages: MessageRoom;
  /** Whether the spool keeps an instance; if left out, storage commitment is refused. */
  readonly isKept?: ((sopInstanceUid: string) => boolean) | undefined;
  readonly nowMs: () => number;
  /** Whether one more association fits; the connection itself is already counted. */
  readonly hasRoom: () => boolean;
  readonly ended: () => void;
}

/** The request being read: its command, and where its data set goes. */
interface Request {
  readonly command: Command;
  readonly messageId: number;
  readonly contextId: number;
  readonly take: (bytes: Uint8Array) => Promise<void> | undefined;
  readonly finish: () => Promise<CommitmentOutcome> | CommitmentOutcome;
  /** Drops what is kept of its data set. */
  readonly abandon?: () => void;
}

export class StorageAssociation implements AssociationListener {
  readonly #options: StorageAssociationOptions;
  readonly #layer: UpperLayer;
  readonly #reader = new MessageReader();
  #stream: AssociationStream | undefined;
  #facts: AssociationFacts | undefined;
  #request: Request | undefined;
  #store: StoreOperation | undefined;
  #instances = 0;
  #bytes = 0;
  /** Requests of ours, and how many of them the scanner has answered. */
  #reports = { sent: 0, answered: 0 };

  constructor(options: StorageAssociationOptions) {
    this.#options = options;
    this.#layer = options.layer;
  }

  /** Call it once, before the first event. */
  runOn(stream: AssociationStream): void {
    this.#stream = stream;
  }

  /** Undefined until the association is accepted. */
  get facts(): AssociationFacts | undefined {
    return this.#facts;
  }

  /** Instances answered with success, and bytes of data sets that came. */
  get counts(): { readonly instances: number; readonly bytes: number } {
    return { instances: this.#instances, bytes: this.#bytes + (this.#store?.bytes ?? 0) };
  }

  event(event: UpperLayerEvent): Promise<void> | undefined {
    switch (event.kind) {
      case 'requested':
        this.#requested(event.request);
        return undefined;
      case 'data':
        return this.#data(event.part);
      case 'release-requested':
        this.#layer.respondRelease(this.#options.nowMs());
        return undefined;
      case 'failed':
        this.#options.sink.refused(event.error.code, this.#options.address);
        return undefined;
      default:
        // What an abort leaves is cleaned up once the connection has closed.
        return undefined;
    }
  }

  closed(): void {
    const facts = this.#facts;
    const told = (): void => {
      if (facts !== undefined) this.#options.sink.associationClosed(this.#options.id, facts);
      this.#options.ended();
    };
    this.#request?.abandon?.();
    this.#request = undefined;
    const store = this.#store;
    this.#store = undefined;
    if (store === undefined) told();
    else void store.abandon().then(told);
  }

  abort(): void {
    this.#stream?.abort();
  }

  #requested(request: AssociateRequest): void {
    const { address, entities, sink, id, hasRoom, nowMs } = this.#options;
    const judged = hasRoom() ? judgeRequest(request, address, entities) : rejections.localLimit;
    if (isRejection(judged)) {
      sink.refused('E_ASSOCIATION_REJECTED', address);
      this.#layer.reject(judged, nowMs());
      return;
    }
    const steps = this.#options.performedProcedureSteps !== undefined;
    this.#layer.accept(answerContexts(request.contexts, { performedProcedureSteps: steps }));
    this.#facts = { called: judged, callingAe: request.callingAe, address };
    sink.associationOpened(id, this.#facts);
  }

  #data(part: DataPart): Promise<void> | undefined {
    try {
      const message = this.#reader.take(part);
      if (message === undefined) return undefined;
      if (message.kind === 'command') return this.#command(message.contextId, message.command);
      const request = present(this.#request, 'a data set follows its command');
      const taken = request.take(message.bytes);
      if (!message.isLast) return taken;
      return taken === undefined ? this.#answer(request) : taken.then(() => this.#answer(request));
    } catch (error) {
      if (!(error instanceof ProtocolViolation)) throw error;
      this.#stream?.fail(error);
      return undefined;
    }
  }

  async #answer({ command, messageId, contextId, finish }: Request): Promise<void> {
    const { status, comment, report } = await finish();
    this.#request = undefined;
    if (status === dimseStatus.resourceLimitation)
      this.#options.sink.refused('E_TOO_LARGE', this.#options.address);
    await this.#respond(contextId, command, messageId, status, comment);
    if (report !== undefined) await this.#report(contextId, report);
  }

  /** @throws ProtocolViolation */
  #command(contextId: number, command: Command): Promise<void> | undefined {
    if ((command.field & responseBit) !== 0) {
      this.#responded(command);
      return undefined;
    }
    // C-CANCEL ends long-running operations; there are none.
    if (command.field === commandFields.cancel && !command.hasDataSet) return undefined;
    const { messageId } = command;
    if (messageId === undefined) throw invalidParameter('request without a message id');
    if (command.field === commandFields.store) return this.#openStore(contextId, command, messageId);
    const request = { command, messageId, contextId, ...this.#service(contextId, command) };
    if (!command.hasDataSet) return this.#answer(request);
    this.#request = request;
    return undefined;
  }

  /** How requests other than C-STORE are answered. */
  #service(contextId: number, command: Command): Pick<Request, 'take' | 'finish' | 'abandon'> {
    const context = present(this.#layer.contexts.get(contextId), 'data came in an accepted context');
    const answer = (status: number, comment?: string): Pick<Request, 'take' | 'finish'> => ({
      take: () => undefined,
      finish: () => ({ status, ...(comment !== undefined && { comment }) }),
    });
    if (command.field === commandFields.echo) return answer(dimseStatus.success);
    const steps = this.#options.performedProcedureSteps;
    const isStep = context.abstractSyntax === serviceUids.performedProcedureStep && steps !== undefined;
    if (isStep && (command.field === commandFields.create || command.field === commandFields.set)) {
      return steps.begin(command, {
        scanner: this.#options.address,
        callingAe: this.#facts?.callingAe ?? '',
        transferSyntaxUid: context.transferSyntax,
      });
    }
    if (command.field === commandFields.action && context.abstractSyntax === serviceUids.storageCommitment) {
      const { isKept, messages, address } = this.#options;
      if (isKept === undefined)
        return answer(dimseStatus.sopClassNotSupported, 'One-way link: no storage commitment can be given');
      const { actionTypeId } = command;
      const request = new CommitmentRequest({
        isKept,
        transferSyntaxUid: context.transferSyntax,
        actionTypeId,
        message: messages.begin(address),
      });
      return {
        take: (bytes) => request.take(bytes),
        finish: () => request.finish(),
        abandon: () => request.abandon(),
      };
    }
    return answer(dimseStatus.unrecognizedOperation);
  }

  /** N-EVENT-REPORT-RQ, after the response to the N-ACTION that requested it. */
  async #report(contextId: number, { eventTypeId, dataSet }: CommitmentReport): Promise<void> {
    this.#reports.sent += 1;
    const command: Command = {
      field: commandFields.eventReport,
      messageId: this.#reports.sent,
      hasDataSet: true,
      affectedSopClassUid: serviceUids.storageCommitment,
      affectedSopInstanceUid: commitmentInstanceUid,
      eventTypeId,
    };
    const pduBytes = this.#layer.sentPduBytesMax;
    await this.#stream?.send(commandPdus(contextId, command, pduBytes));
    const framing = new DataSetFraming(contextId, dataSet.length, pduBytes);
    for (let offset = 0; !framing.ended; ) {
      const buffer = new Uint8Array(Math.min(dataSet.length - offset, pduBytes) + dataOverheadBytes);
      const { places, end } = framing.next(buffer, 0);
      for (const place of places) {
        place.set(dataSet.subarray(offset, offset + place.length));
        offset += place.length;
      }
      await this.#stream?.send(buffer.subarray(0, end));
    }
  }

  /** @throws ProtocolViolation */
  #responded(command: Command): void {
    const isAwaited =
      command.field === (commandFields.eventReport | responseBit) &&
      !command.hasDataSet &&
      this.#reports.answered < this.#reports.sent;
    if (!isAwaited) throw invalidParameter('response to a request that was not made');
    this.#reports.answered += 1;
  }

  #openStore(contextId: number, command: Command, messageId: number): Promise<void> | undefined {
    const { affectedSopClassUid: sopClassUid, affectedSopInstanceUid: sopInstanceUid } = command;
    if (sopClassUid === undefined || sopInstanceUid === undefined || !command.hasDataSet) {
      throw invalidParameter('C-STORE-RQ without UIDs or data set');
    }
    const context = present(this.#layer.contexts.get(contextId), 'data came in an accepted context');
    if (!isStorable(context.abstractSyntax) || !isStorable(sopClassUid)) {
      const finish = (): Outcome => ({ status: dimseStatus.sopClassNotSupported });
      this.#request = { command, messageId, contextId, take: () => undefined, finish };
      return undefined;
    }
    const { called, callingAe } = present(this.#facts, 'data came in an accepted association');
    const { id: associationId, sink, address } = this.#options;
    const transferSyntaxUid = context.transferSyntax;
    const facts = { associationId, called, callingAe, sopClassUid, sopInstanceUid, transferSyntaxUid };
    const store = new StoreOperation(sink, facts, address);
    this.#store = store;
    const finish = async (): Promise<Outcome> => {
      const outcome = await store.finish();
      this.#bytes += store.bytes;
      if (outcome.status === dimseStatus.success) this.#instances += 1;
      this.#store = undefined;
      return outcome;
    };
    this.#request = { command, messageId, contextId, take: (bytes) => store.take(bytes), finish };
    return store.start();
  }

  async #respond(
    contextId: number,
    request: Command,
    messageId: number,
    status: number,
    comment: string | undefined,
  ): Promise<void> {
    const sopClassUid = request.affectedSopClassUid ?? request.requestedSopClassUid;
    const sopInstanceUid = request.affectedSopInstanceUid ?? request.requestedSopInstanceUid;
    const response: Command = {
      field: request.field | responseBit,
      respondedTo: messageId,
      hasDataSet: false,
      status,
      ...(sopClassUid !== undefined && { affectedSopClassUid: sopClassUid }),
      ...(sopInstanceUid !== undefined && { affectedSopInstanceUid: sopInstanceUid }),
      ...(comment !== undefined && comment !== '' && { errorComment: comment }),
    };
    // Waiting for the write keeps a peer that never reads its answers from filling our memory.
    await this.#stream?.send(commandPdus(contextId, response, this.#layer.sentPduBytesMax));
  }
}

function isRejection(judged: object): judged is Rejection {
  return 'reason' in judged;
}
