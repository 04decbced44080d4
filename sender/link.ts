/**
 * The sending end of the link: the only file of the sender that has a UDP socket. It has no listener for
 * messages and never reads; the kernel drops whatever might arrive; the socket is connected, so it names one
 * receiver and nothing else.
 */
import { createSocket, type Socket } from 'node:dgram';
import { DiodeError, errorCauseCode } from '../shared/errors.ts';
import { prepareSendingSocket, stopSegmentation } from '../shared/kernel-socket.ts';

export interface SenderLinkOptions {
  /** The receiver's address and port. */
  readonly address: string;
  readonly port: number;
  /** The local address, to choose the interface; any when left out. */
  readonly sourceAddress: string | undefined;
  readonly sendBufferBytes: number;
  readonly datagramBytes: number;
}

/** Sends that may wait in the process when the kernel takes no more. */
const queueMax = 64;
/** What one send may hold when the kernel cuts it: the largest UDP payload, at most 44 datagrams. */
const payloadBytesMax = 65_507;
const segmentsMax = 44;

export class SenderLink {
  readonly #socket: Socket;
  readonly #descriptor: number | undefined;
  readonly #datagramBytes: number;
  readonly #onSent = (cause: Error | null) => {
    if (cause !== null) this.#fail(cause);
  };
  #segments: number;
  #failed: DiodeError | undefined;

  private constructor(socket: Socket, datagramBytes: number, offload: number | undefined) {
    this.#socket = socket;
    this.#descriptor = offload;
    this.#datagramBytes = datagramBytes;
    const fitting = Math.min(segmentsMax, Math.floor(payloadBytesMax / datagramBytes));
    this.#segments = offload === undefined ? 1 : fitting;
    socket.on('error', (cause) => this.#fail(cause));
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
        socket.bind(local, () => {
          socket.connect(options.port, options.address, () => {
            socket.off('error', reject);
            resolve();
          });
        });
      });
    } catch (cause) {
      socket.close();
      const code = errorCauseCode(cause) === 'EADDRNOTAVAIL' ? 'E_LINK_ADDRESS' : 'E_LINK_SEND';
      throw new DiodeError(code, `the link can not be opened (${errorCauseCode(cause) ?? 'unknown cause'})`, {
        cause,
      });
    }
    return new SenderLink(
      socket,
      options.datagramBytes,
      prepared?.offload === true ? prepared.descriptor : undefined,
    );
  }

  /** Whether the kernel keeps up. While it does not, nothing is given to it. */
  get ready(): boolean {
    return this.#socket.getSendQueueCount() < queueMax;
  }

  /** How many datagrams one send may hold: 1 where the kernel does not cut. */
  get segments(): number {
    return this.#segments;
  }

  /**
   * Sends datagrams that lie one behind the other, at most {@link segments}. The bytes must not change until
   * {@link idle}: the kernel may take them later. A refusal shows up in {@link takeFailure}; a missing
   * receiver never does.
   */
  send(datagrams: Uint8Array): void {
    this.#socket.send(datagrams, this.#onSent);
  }

  /** Whether the kernel has taken everything. */
  get idle(): boolean {
    return this.#socket.getSendQueueCount() === 0;
  }

  /** What went wrong since the last call. */
  takeFailure(): DiodeError | undefined {
    const failed = this.#failed;
    this.#failed = undefined;
    return failed;
  }

  /** What the kernel gave: it clamps what it is asked for without a word. */
  get sendBufferBytes(): number {
    return this.#socket.getSendBufferSize();
  }

  close(): void {
    this.#socket.close();
  }

  #fail(cause: unknown): void {
    const code = errorCauseCode(cause);
    // A connected socket is told when nobody listens on the port; on a one-way link nobody can tell.
    if (code === 'ECONNREFUSED') return;
    if ((code === 'EIO' || code === 'EINVAL') && this.#descriptor !== undefined && this.#segments > 1) {
      // This interface can't have datagrams cut for it. What was in this send comes again with a later pass.
      this.#segments = 1;
      stopSegmentation(this.#descriptor);
      return;
    }
    this.#failed = new DiodeError('E_LINK_SEND', `the kernel refused to send (${code ?? 'unknown cause'})`, {
      cause,
    });
  }

  /** The length every datagram has. */
  get datagramBytes(): number {
    return this.#datagramBytes;
  }
}
