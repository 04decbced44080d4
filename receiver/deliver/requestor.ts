/** One association that we asked for: opened, used for one request at a time, closed. */
import type { Duplex } from 'node:stream';
import { assert } from '../../shared/assert.ts';
import { type Clock, systemClock } from '../../shared/clock.ts';
import { type Command, responseBit } from '../../shared/dicom/dimse/command.ts';
import { MessageReader } from '../../shared/dicom/dimse/message-reader.ts';
import type { UserInformation } from '../../shared/dicom/upper-layer/associate-pdu.ts';
import type { AssociationTimes, UpperLayerEvent } from '../../shared/dicom/upper-layer/association-state.ts';
import {
  type AssociationListener,
  AssociationStream,
} from '../../shared/dicom/upper-layer/association-stream.ts';
import type { DataPart } from '../../shared/dicom/upper-layer/pdu-reader.ts';
import type { AcceptedContext } from '../../shared/dicom/upper-layer/presentation-context.ts';
import { invalidParameter, ProtocolViolation } from '../../shared/dicom/upper-layer/protocol-violation.ts';
import { describeRejection } from '../../shared/dicom/upper-layer/short-pdus.ts';
import { type AssociationProposal, UpperLayer } from '../../shared/dicom/upper-layer/upper-layer.ts';
import { DiodeError } from '../../shared/errors.ts';

interface Waiting {
  readonly resolve: (command: Command | undefined) => void;
  readonly reject: (error: DiodeError) => void;
}

export class Requestor implements AssociationListener {
  readonly #layer: UpperLayer;
  readonly #stream: AssociationStream;
  readonly #reader = new MessageReader();
  readonly #clock: Clock;
  readonly #closed: Promise<void>;
  #tellClosed: () => void = () => {};
  #peer: UserInformation | undefined;
  /** Why the association is over. */
  #over: DiodeError | undefined;
  #waiting: Waiting | undefined;
  #response: Command | undefined;
  #messageId = 0;

  private constructor(connection: Duplex, layer: UpperLayer, clock: Clock) {
    this.#layer = layer;
    this.#clock = clock;
    this.#closed = new Promise((resolve) => {
      this.#tellClosed = resolve;
    });
    this.#stream = new AssociationStream(connection, layer, this, clock);
  }

  /**
   * Asks for an association.
   * @throws DiodeError E_ASSOCIATION_REJECTED, E_ASSOCIATION_ABORTED, E_ASSOCIATION_TIMEOUT, E_DICOM_PROTOCOL
   */
  static async open(
    connection: Duplex,
    proposal: AssociationProposal,
    times: AssociationTimes,
    clock: Clock = systemClock,
  ): Promise<Requestor> {
    const layer = UpperLayer.requestor(proposal, { times, nowMs: clock.monotonicMs() });
    const requestor = new Requestor(connection, layer, clock);
    try {
      await requestor.#wait();
    } catch (error) {
      await requestor.#closed;
      throw error;
    }
    return requestor;
  }

  get contexts(): readonly AcceptedContext[] {
    return [...this.#layer.contexts.values()];
  }

  get sentPduBytesMax(): number {
    return this.#layer.sentPduBytesMax;
  }

  /** What the peer calls itself. */
  get peer(): UserInformation | undefined {
    return this.#peer;
  }

  nextMessageId(): number {
    this.#messageId = (this.#messageId % 0xffff) + 1;
    return this.#messageId;
  }

  /** Sends PDUs; resolves when they are handed to the system. @throws DiodeError if the association is over */
  async send(pdus: Uint8Array): Promise<void> {
    await this.#stream.send(pdus);
    if (this.#over !== undefined) throw this.#over;
  }

  /** The response to a request. @throws DiodeError if the association is over, or the peer takes too long */
  async response(messageId: number): Promise<Command> {
    const command = this.#response ?? (await this.#wait());
    this.#response = undefined;
    assert(command !== undefined, 'a wait for a response ends with one');
    if (command.respondedTo !== messageId || command.status === undefined) {
      const error = invalidParameter('a response to another request, or without a status');
      this.#stream.fail(error);
      await this.#closed;
      throw error;
    }
    return command;
  }

  /** Closes the association in order (A-RELEASE); resolves when the connection is closed, whatever the peer does. */
  async close(): Promise<void> {
    this.#stream.close();
    await this.#closed;
  }

  /** Ends it at once. */
  async abort(): Promise<void> {
    this.#stream.abort();
    await this.#closed;
  }

  event(event: UpperLayerEvent): undefined {
    switch (event.kind) {
      case 'accepted':
        this.#peer = event.accept.user;
        this.#answer(undefined);
        break;
      case 'rejected':
        this.#end(new DiodeError('E_ASSOCIATION_REJECTED', describeRejection(event.rejection)));
        break;
      case 'data':
        this.#data(event.part);
        break;
      case 'release-requested':
        // Only requestors send A-RELEASE; an acceptor that does gets its answer, and our work continues elsewhere.
        this.#layer.respondRelease(this.#clock.monotonicMs());
        this.#end(new DiodeError('E_ASSOCIATION_ABORTED', 'the peer closed the association'));
        break;
      case 'aborted':
        this.#end(new DiodeError('E_ASSOCIATION_ABORTED', abortTexts[event.source]));
        break;
      case 'failed':
        this.#end(event.error);
        break;
      default:
        this.#end(new DiodeError('E_ASSOCIATION_ABORTED', 'the association is closed'));
    }
    return undefined;
  }

  closed(): void {
    this.#end(new DiodeError('E_ASSOCIATION_ABORTED', abortTexts.transport));
    this.#tellClosed();
  }

  #data(part: DataPart): void {
    try {
      const message = this.#reader.take(part);
      if (message === undefined) return;
      // C-STORE and C-ECHO responses carry none (PS3.7 sections 9.1.1 and 9.1.5).
      if (message.kind === 'data-set') throw invalidParameter('a response with a data set');
      if ((message.command.field & responseBit) === 0)
        throw invalidParameter('a request where a response was expected');
      this.#answer(message.command);
    } catch (error) {
      if (!(error instanceof ProtocolViolation)) throw error;
      this.#stream.fail(error);
    }
  }

  #wait(): Promise<Command | undefined> {
    const over = this.#over;
    if (over !== undefined) return Promise.reject(over);
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
  }

  #answer(command: Command | undefined): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting !== undefined) waiting.resolve(command);
    else this.#response = command;
  }

  #end(error: DiodeError): void {
    this.#over ??= error;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.reject(this.#over);
  }
}

const abortTexts = {
  user: 'the peer aborted the association',
  provider: 'the peer aborted the association because of a protocol violation',
  transport: 'the connection was lost',
} as const;
