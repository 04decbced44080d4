/**
 * The state machine of an association (PS3.8 section 9.2), without I/O and without a clock: bytes and times come in,
 * events and bytes go out. One class serves as requestor and acceptor.
 *
 * `receive` gives it bytes; `next` is called until it returns undefined, so that slow handling of an event delays the ones
 * after it. After every call the caller writes `takeOutput` and does what `transport` says.
 */
import { assert } from '../../assert.ts';
import { DiodeError } from '../../errors.ts';
import {
  readAssociateAccept,
  readAssociateRequest,
  writeAssociateAccept,
  writeAssociateRequest,
} from './associate-pdu.ts';
import {
  type AssociationTimes,
  expected,
  type State,
  type UpperLayerEvent,
  waitedFor,
} from './association-state.ts';
import { associationLimits } from './limits.ts';
import { type CollectedPdu, type DataPart, PduReader, pduTypes } from './pdu-reader.ts';
import {
  type AcceptedContext,
  type AnsweredContext,
  contextResults,
  type ProposedContext,
} from './presentation-context.ts';
import { type AbortReason, abortReasons, invalidParameter, ProtocolViolation } from './protocol-violation.ts';
import {
  type AbortSource,
  type Rejection,
  readAbort,
  readReject,
  writeAbort,
  writeReject,
  writeReleaseRequest,
  writeReleaseResponse,
} from './short-pdus.ts';

export interface UpperLayerOptions {
  readonly times: AssociationTimes;
  readonly nowMs: number;
  /** What is announced to the peer. */
  readonly dataPduBytesMax?: number;
}

export interface AssociationProposal {
  readonly calledAe: string;
  readonly callingAe: string;
  readonly contexts: readonly (ProposedContext & { readonly abstractSyntax: string })[];
}

export class UpperLayer {
  readonly #role: 'acceptor' | 'requestor';
  readonly #times: AssociationTimes;
  readonly #dataPduBytesMax: number;
  readonly #reader: PduReader;
  readonly #contexts = new Map<number, AcceptedContext>();
  #proposed: readonly ProposedContext[] = [];
  #echoed: Uint8Array = new Uint8Array(0);
  #state: State;
  #output: Uint8Array[] = [];
  #transport: 'keep' | 'finish' | 'drop' = 'keep';
  #nowMs: number;
  #stateDeadlineMs: number;
  #activeMs: number;
  #pduSinceMs: number | undefined;
  #peerPduBytesMax = associationLimits.sentPduBytesMax as number;

  private constructor(role: 'acceptor' | 'requestor', options: UpperLayerOptions) {
    this.#role = role;
    this.#times = options.times;
    this.#dataPduBytesMax = options.dataPduBytesMax ?? associationLimits.dataPduBytesMax;
    this.#nowMs = options.nowMs;
    this.#activeMs = options.nowMs;
    this.#state = role === 'acceptor' ? 'awaiting-request' : 'awaiting-answer';
    this.#stateDeadlineMs = options.nowMs + options.times.associationMs;
    this.#reader = new PduReader({
      dataPduBytesMax: this.#dataPduBytesMax,
      expects: (type) => expected[this.#state].includes(type),
    });
  }

  /** The side that a connection came to. */
  static acceptor(options: UpperLayerOptions): UpperLayer {
    return new UpperLayer('acceptor', options);
  }

  /** The side that made a connection; its request is immediately in `takeOutput`. */
  static requestor(proposal: AssociationProposal, options: UpperLayerOptions): UpperLayer {
    const layer = new UpperLayer('requestor', options);
    layer.#proposed = proposal.contexts;
    layer.#output.push(writeAssociateRequest({ ...proposal, dataPduBytesMax: layer.#dataPduBytesMax }));
    return layer;
  }

  /** `keep` the connection; `finish`: write what is left, end our half, read no more; `drop` it at once. */
  get transport(): 'keep' | 'finish' | 'drop' {
    return this.#transport;
  }

  /** Whether data may be sent. */
  get isEstablished(): boolean {
    return this.#state === 'established' || this.#state === 'releasing';
  }

  /** Contexts agreed on, by their id. */
  get contexts(): ReadonlyMap<number, AcceptedContext> {
    return this.#contexts;
  }

  /** Longest P-DATA-TF to send, its header of 6 bytes not counted. */
  get sentPduBytesMax(): number {
    return this.#peerPduBytesMax;
  }

  /** When `tick` has something to do. */
  get deadlineMs(): number {
    if (this.#state === 'closed') return Number.POSITIVE_INFINITY;
    const pduMs = this.#pduSinceMs === undefined ? Infinity : this.#pduSinceMs + this.#times.pduMs;
    const idleMs = this.#state === 'established' ? this.#activeMs + this.#times.idleMs : Infinity;
    return Math.min(this.#stateDeadlineMs, pduMs, idleMs);
  }

  /** What has to be written, in this order. */
  takeOutput(): Uint8Array[] {
    const output = this.#output;
    if (output.length > 0) this.#output = [];
    return output;
  }

  /** Gives bytes from the peer; then call `next` until it returns undefined. */
  receive(bytes: Uint8Array, nowMs: number): void {
    this.#nowMs = nowMs;
    if (this.#isOver) return;
    this.#activeMs = nowMs;
    this.#reader.feed(bytes);
  }

  next(): UpperLayerEvent | undefined {
    if (this.#isOver) return undefined;
    try {
      const read = this.#reader.next();
      if (read === undefined) {
        if (!this.#reader.insidePdu) this.#pduSinceMs = undefined;
        else this.#pduSinceMs ??= this.#nowMs;
        return undefined;
      }
      if (!this.#reader.insidePdu) this.#pduSinceMs = undefined;
      return read.type === pduTypes.data ? this.#data(read) : this.#collected(read);
    } catch (error) {
      if (!(error instanceof ProtocolViolation)) throw error;
      return this.fail(error, this.#nowMs);
    }
  }

  /** Bytes moved, or we kept the peer waiting ourselves: idle and PDU times start over. */
  active(nowMs: number): void {
    this.#nowMs = nowMs;
    this.#activeMs = nowMs;
    if (this.#pduSinceMs !== undefined) this.#pduSinceMs = nowMs;
  }

  /** Ends what took too long. */
  tick(nowMs: number): UpperLayerEvent | undefined {
    this.#nowMs = nowMs;
    if (nowMs < this.deadlineMs) return undefined;
    if (this.#state === 'closing') {
      this.#close('drop');
      return undefined;
    }
    const waiting = this.#state === 'established' ? 'a PDU or an answer' : waitedFor[this.#state];
    return this.fail(new DiodeError('E_ASSOCIATION_TIMEOUT', `the peer took too long for ${waiting}`), nowMs);
  }

  /** Acceptor: accepts the association with an answer to each proposed context. */
  accept(answers: readonly AnsweredContext[]): void {
    assert(this.#state === 'awaiting-decision', 'a request is accepted once');
    this.#agree(answers);
    this.#output.push(
      writeAssociateAccept({
        echoed: this.#echoed,
        contexts: answers,
        dataPduBytesMax: this.#dataPduBytesMax,
      }),
    );
    this.#enter('established', Infinity);
  }

  /** Acceptor: refuses the association. */
  reject(rejection: Rejection, nowMs: number): void {
    assert(this.#state === 'awaiting-decision', 'a request is rejected once');
    this.#output.push(writeReject(rejection));
    this.#finish(nowMs);
  }

  /** Sends whole P-DATA-TF PDUs. @returns false if the association is over by now */
  send(pdus: Uint8Array): boolean {
    if (!this.isEstablished) return false;
    this.#output.push(pdus);
    return true;
  }

  requestRelease(nowMs: number): void {
    if (this.#state !== 'established') return;
    this.#output.push(writeReleaseRequest());
    this.#enter('awaiting-release', nowMs + this.#times.releaseMs);
  }

  respondRelease(nowMs: number): void {
    if (this.#state !== 'releasing') return;
    this.#output.push(writeReleaseResponse());
    this.#finish(nowMs);
  }

  /** Ends the association on the application's request. */
  abort(nowMs: number): void {
    this.#abort('user', abortReasons.notSpecified, nowMs);
  }

  /** Ends it because of an error of the peer; its abort reason goes out with it. */
  fail(error: DiodeError, nowMs: number): UpperLayerEvent {
    const reason = error instanceof ProtocolViolation ? error.reason : abortReasons.notSpecified;
    this.#abort('provider', reason, nowMs);
    return { kind: 'failed', error };
  }

  /** The connection is gone. */
  transportClosed(): UpperLayerEvent | undefined {
    const wasOpen = !this.#isOver;
    this.#close('drop');
    return wasOpen ? { kind: 'aborted', source: 'transport', reason: 0 } : undefined;
  }

  get #isOver(): boolean {
    return this.#state === 'closing' || this.#state === 'closed';
  }

  #data(part: DataPart): UpperLayerEvent {
    if (!this.#contexts.has(part.contextId)) {
      throw invalidParameter('data for a presentation context that was not accepted');
    }
    return { kind: 'data', part };
  }

  #collected({ type, body }: CollectedPdu): UpperLayerEvent {
    switch (type) {
      case pduTypes.associateRequest: {
        const request = readAssociateRequest(body);
        this.#proposed = request.contexts;
        this.#echoed = request.echoed;
        this.#limitSent(request.user.dataPduBytesMax);
        this.#enter('awaiting-decision', Infinity);
        return { kind: 'requested', request };
      }
      case pduTypes.associateAccept: {
        const accept = readAssociateAccept(body);
        this.#agree(accept.contexts);
        this.#limitSent(accept.user.dataPduBytesMax);
        this.#enter('established', Infinity);
        return { kind: 'accepted', accept };
      }
      case pduTypes.associateReject:
        this.#close('finish');
        return { kind: 'rejected', rejection: readReject(body) };
      case pduTypes.releaseRequest:
        return this.#releaseRequested();
      case pduTypes.releaseResponse:
        return this.#released();
      case pduTypes.abort:
        this.#close('drop');
        return { kind: 'aborted', ...readAbort(body) };
    }
  }

  #releaseRequested(): UpperLayerEvent {
    if (this.#state === 'established') {
      this.#enter('releasing', Infinity);
      return { kind: 'release-requested' };
    }
    // Both asked at once (PS3.8 section 9.2, actions AR-8 to AR-10): the requestor answers first.
    const answers = this.#role === 'requestor';
    if (answers) this.#output.push(writeReleaseResponse());
    this.#enter('collided', this.#stateDeadlineMs);
    return { kind: 'release-requested' };
  }

  #released(): UpperLayerEvent {
    const answersLast = this.#state === 'collided' && this.#role === 'acceptor';
    if (answersLast) {
      this.#output.push(writeReleaseResponse());
      this.#finish(this.#nowMs);
    } else {
      this.#close('finish');
    }
    return { kind: 'released' };
  }

  #agree(answers: readonly AnsweredContext[]): void {
    for (const { id, result, transferSyntax } of answers) {
      const proposed = this.#proposed.find((context) => context.id === id);
      if (proposed === undefined) throw invalidParameter('answer to a context that was not proposed');
      if (result !== contextResults.accepted || transferSyntax === undefined) continue;
      if (!proposed.transferSyntaxes.includes(transferSyntax) || proposed.abstractSyntax === undefined) {
        throw invalidParameter('context accepted with a transfer syntax that was not proposed');
      }
      this.#contexts.set(id, { id, abstractSyntax: proposed.abstractSyntax, transferSyntax });
    }
  }

  #limitSent(announcedBytes: number): void {
    const most = associationLimits.sentPduBytesMax;
    this.#peerPduBytesMax = announcedBytes === 0 ? most : Math.min(announcedBytes, most);
  }

  #abort(source: AbortSource, reason: AbortReason, nowMs: number): void {
    if (this.#isOver) return;
    this.#output.push(writeAbort(source, reason));
    this.#finish(nowMs);
  }

  /** Our last PDU is in the output; the peer has a moment to read it. */
  #finish(nowMs: number): void {
    this.#enter('closing', nowMs + this.#times.closeMs);
    this.#transport = 'finish';
    this.#pduSinceMs = undefined;
  }

  #close(transport: 'finish' | 'drop'): void {
    if (transport === 'drop') this.#enter('closed', Infinity);
    else this.#finish(this.#nowMs);
    this.#transport = transport;
    this.#pduSinceMs = undefined;
  }

  #enter(state: State, deadlineMs: number): void {
    this.#state = state;
    this.#stateDeadlineMs = deadlineMs;
    this.#activeMs = this.#nowMs;
  }
}
