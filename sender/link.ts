/**
 * The sending end of the link: the only file of the sender that has a UDP socket. It has no listener for
 * messages and never reads; the socket is connected, so it names one receiver and nothing else.
 */
import { createSocket, type Socket } from 'node:dgram';
import { DiodeError, errorCauseCode } from '../shared/errors.ts';

export interface SenderLinkOptions {
  /** The receiver's address and port. */
  readonly address: string;
  readonly port: number;
  /** The local address, to choose the interface; any when left out. */
  readonly sourceAddress: string | undefined;
  readonly sendBufferBytes: number;
}

/** Datagrams that may wait in the process when the kernel takes no more. */
const queueMax = 256;

export class SenderLink {
  readonly #socket: Socket;
  #failed: DiodeError | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('error', (cause) => this.#fail(cause));
  }

  /** @throws DiodeError E_LINK_ADDRESS, E_LINK_SEND */
  static async open(options: SenderLinkOptions): Promise<SenderLink> {
    const socket = createSocket({ type: 'udp4', sendBufferSize: options.sendBufferBytes });
    const link = new SenderLink(socket);
    try {
      await new Promise<void>((resolve, reject) => {
        socket.once('error', reject);
        socket.bind(0, options.sourceAddress, () => {
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
    link.#failed = undefined;
    return link;
  }

  /** Whether the kernel keeps up. While it does not, nothing is given to it. */
  get ready(): boolean {
    return this.#socket.getSendQueueCount() < queueMax;
  }

  /**
   * Sends one datagram. The bytes must not change until {@link idle}: the kernel may take them later.
   * A refusal shows up in {@link takeFailure}; a missing receiver never does.
   */
  send(datagram: Uint8Array): void {
    this.#socket.send(datagram, (cause) => {
      if (cause !== null) this.#fail(cause);
    });
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
    // A connected socket is told when nobody listens on the port; on a one-way link nobody can tell.
    if (errorCauseCode(cause) === 'ECONNREFUSED') return;
    this.#failed = new DiodeError(
      'E_LINK_SEND',
      `the kernel refused to send (${errorCauseCode(cause) ?? 'unknown cause'})`,
      { cause },
    );
  }
}
