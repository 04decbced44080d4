/**
 * The sending end of the link: the only file of the sender that has a UDP socket. It has no listener for
 * messages and never reads; the kernel drops whatever might arrive; the socket is connected, so it names one
 * receiver and nothing else.
 */
import { createSocket, type Socket } from 'node:dgram';
import { DiodeError, errorCauseCode } from '../../shared/errors.ts';
import {
  type Binding,
  bindingOf,
  type PreparedSocket,
  prepareSendingSocket,
  stopSegmentation,
} from '../../shared/kernel-socket.ts';

export interface SenderLinkOptions {
  /** The receiver's address and port. */
  readonly address: string;
  readonly port: number;
  /** The local address, to choose the interface; any if left out. */
  readonly sourceAddress: string | undefined;
  /** Datagrams leave by this interface or not at all; if it is not known, by that of the route. */
  readonly interface: string | undefined;
  readonly sendBufferBytes: number;
  readonly datagramBytes: number;
}

/** How many sends may wait in the process when the kernel takes no more. */
const queueMax = 64;
/** The kernel has no room now: nothing is wrong, and the same data is sent again a little later. */
const busyCodes = ['ENOBUFS', 'EAGAIN', 'ENOMEM'];
/** What one send may contain if the kernel splits it: the largest UDP payload, at most 44 datagrams. */
const payloadBytesMax = 65_507;
const segmentsMax = 44;

export class SenderLink {
  readonly #socket: Socket;
  readonly #descriptor: number | undefined;
  /** By then the descriptor's number may belong to another file. */
  #isClosed = false;
  /** Set while the kernel splits sends. */
  readonly #cutting: number | undefined;
  readonly #datagramBytes: number;
  #segments: number;
  /** Sends whose outcome is not known yet. */
  #pending = 0;
  /** What the kernel did not take, in order. */
  #refused: Uint8Array[] = [];
  #failed: DiodeError | undefined;

  private constructor(socket: Socket, datagramBytes: number, prepared: PreparedSocket | undefined) {
    this.#socket = socket;
    this.#descriptor = prepared?.descriptor;
    this.#cutting = prepared?.offload === true ? prepared.descriptor : undefined;
    this.#datagramBytes = datagramBytes;
    const fitting = Math.min(segmentsMax, Math.floor(payloadBytesMax / datagramBytes));
    this.#segments = this.#cutting === undefined ? 1 : fitting;
    socket.on('error', (cause) => {
      if (!isNobodyThere(cause)) this.#fail(cause);
    });
  }

  /** @throws DiodeError E_LINK_ADDRESS, E_LINK_SEND */
  static async open(options: SenderLinkOptions): Promise<SenderLink> {
    const prepared = prepareSendingSocket(options);
    const buffer = prepared === undefined ? { sendBufferSize: options.sendBufferBytes } : {};
    const socket = createSocket({ type: 'udp4', ...buffer });
    const local =
      prepared === undefined ? { port: 0, address: options.sourceAddress } : { fd: prepared.descriptor };
    try {
      await new Promise<void>((resolve, reject) => {
        socket.once('error', reject);
        // A callback would also be called without a route to the receiver; the event is not emitted then.
        socket.once('connect', () => {
          socket.off('error', reject);
          resolve();
        });
        socket.bind(local, () => socket.connect(options.port, options.address));
      });
    } catch (cause) {
      socket.close();
      const code = errorCauseCode(cause) === 'EADDRNOTAVAIL' ? 'E_LINK_ADDRESS' : 'E_LINK_SEND';
      throw new DiodeError(code, `the link cannot be opened (${errorCauseCode(cause) ?? 'unknown cause'})`, {
        cause,
      });
    }
    return new SenderLink(socket, options.datagramBytes, prepared);
  }

  get binding(): Binding {
    if (this.#isClosed) return 'gone';
    return this.#descriptor === undefined ? 'unbound' : bindingOf(this.#descriptor);
  }

  /** Whether the kernel keeps up. While it does not, nothing is handed to it. */
  get ready(): boolean {
    return this.#socket.getSendQueueCount() < queueMax;
  }

  /** How many datagrams one send may contain: 1 if the kernel does not split. */
  get segments(): number {
    return this.#segments;
  }

  /**
   * Sends consecutive datagrams, at most {@link segments}. The bytes must not change until {@link idle}: the
   * kernel may take them later. A refusal shows up in {@link takeFailure}; a missing receiver never does.
   */
  send(datagrams: Uint8Array): void {
    this.#pending += 1;
    this.#socket.send(datagrams, (cause) => {
      this.#pending -= 1;
      if (cause !== null) this.#refuse(cause, datagrams);
    });
  }

  /** Whether the kernel has taken everything. */
  get idle(): boolean {
    return this.#pending === 0 && this.#refused.length === 0;
  }

  /** Whether the kernel had no room for something. Wait a little, then {@link sendRefused}. */
  get hasRefused(): boolean {
    return this.#refused.length > 0;
  }

  /** Hands the kernel again what it had no room for. */
  sendRefused(): void {
    const again = this.#refused;
    this.#refused = [];
    for (const datagrams of again) this.#inPieces(datagrams);
  }

  /** What went wrong since the last call. */
  takeFailure(): DiodeError | undefined {
    const failed = this.#failed;
    this.#failed = undefined;
    return failed;
  }

  /** The size the kernel granted: it silently limits requests. */
  get sendBufferBytes(): number {
    return this.#socket.getSendBufferSize();
  }

  close(): void {
    this.#isClosed = true;
    this.#socket.close();
  }

  /** Datagrams to be split may now have to leave one by one. */
  #inPieces(datagrams: Uint8Array): void {
    const bytes = this.#segments * this.#datagramBytes;
    for (let start = 0; start < datagrams.length; start += bytes)
      this.send(datagrams.subarray(start, start + bytes));
  }

  #refuse(cause: Error, datagrams: Uint8Array): void {
    const code = errorCauseCode(cause) ?? '';
    if (isNobodyThere(cause)) return;
    if (busyCodes.includes(code)) {
      this.#refused.push(datagrams);
      return;
    }
    const isCut = datagrams.length > this.#datagramBytes;
    if ((code === 'EIO' || code === 'EINVAL') && this.#cutting !== undefined && isCut) {
      // The kernel can't split datagrams for this interface.
      if (this.#segments > 1) stopSegmentation(this.#cutting);
      this.#segments = 1;
      this.#refused.push(datagrams);
      return;
    }
    this.#fail(cause);
  }

  #fail(cause: unknown): void {
    const code = errorCauseCode(cause);
    this.#failed = new DiodeError('E_LINK_SEND', `the kernel refused to send (${code ?? 'unknown cause'})`, {
      cause,
    });
  }

  /** The length of every datagram. */
  get datagramBytes(): number {
    return this.#datagramBytes;
  }
}

/** A connected socket is told when nobody listens on the port; on a one-way link nobody can tell. */
function isNobodyThere(cause: Error): boolean {
  return errorCauseCode(cause) === 'ECONNREFUSED';
}
