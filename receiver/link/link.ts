/**
 * The receiving end of the link: the only file of the receiver that has a UDP socket. It never sends; the
 * socket is not connected, so it has nobody to send to.
 *
 * Node's socket owns the descriptor and says when something has come. What waits behind that is read straight to
 * where it goes, where the host can do so: a buffer from Node for each message would cost more than its reception.
 */
import { createSocket, type Socket } from 'node:dgram';
import { UsedBuffers } from '../../shared/collector.ts';
import { DiodeError, errorCauseCode } from '../../shared/errors.ts';
import {
  type Binding,
  bindingOf,
  bindToInterface,
  prepareReceivingSocket,
  receiveNow,
} from '../../shared/kernel-socket.ts';
import { sleepThread } from '../../shared/thread-sleep.ts';
import { type Fillable, Pause } from './pause.ts';

export interface ReceiverLinkOptions {
  /** The local address of the interface that faces the link. */
  readonly address: string;
  readonly port: number;
  /** The interface that faces the link: what comes by another one is none of the link's. Undefined while not known. */
  readonly interface: string | undefined;
  readonly receiveBufferBytes: number;
}

/** Where datagrams go. With receive offload a message carries many of one length, one behind the other. */
export interface DatagramSink extends Fillable {
  /** Takes a message; the bytes are copied. */
  take(message: Uint8Array): void;
  /** Room for the next message: at least {@link messageBytesMax}. */
  room(): Uint8Array;
  /** A message of so many bytes was read to the start of the last {@link room}. */
  filled(bytes: number): void;
}

/** The kernel joins datagrams up to the largest UDP payload. */
export const messageBytesMax = 65_536;
/** Messages read in a row, and pauses for more of them, before the thread looks at anything else. */
const readsMax = 512;
const pausesMax = 16;
/** While datagrams stream in, what a pause gathers is read at once: to be woken for each message costs more. */
const pauseMs = 1;

export class ReceiverLink {
  readonly #socket: Socket;
  /** Undefined for a plain socket, and when it is closed: the number may be another file's by then. */
  #descriptor: number | undefined;
  #isClosed = false;

  private constructor(socket: Socket, descriptor: number | undefined) {
    this.#socket = socket;
    this.#descriptor = descriptor;
  }

  /**
   * Binds the port and begins to receive.
   * @throws DiodeError E_LINK_PORT_BUSY, E_LINK_ADDRESS
   */
  static async open(
    options: ReceiverLinkOptions,
    sink: DatagramSink,
    onFailure: () => void,
  ): Promise<ReceiverLink> {
    const prepared = prepareReceivingSocket(options);
    const { address, port } = options;
    const local =
      prepared === undefined
        ? { address, port, exclusive: true }
        : { fd: prepared.descriptor, exclusive: true };
    const socket = createSocket({ type: 'udp4' });
    try {
      await new Promise<void>((resolve, reject) => {
        socket.once('error', reject);
        socket.bind(local, () => {
          socket.off('error', reject);
          resolve();
        });
      });
    } catch (cause) {
      socket.close();
      throw openingFailure(cause);
    }
    if (prepared === undefined) setReceiveBuffer(socket, options.receiveBufferBytes);
    const pause = new Pause(sink, sleepThread);
    const usedBuffers = new UsedBuffers();
    socket.on('message', (message) => {
      pause.untilRoom();
      sink.take(message);
      if (prepared !== undefined) readWaiting(prepared.descriptor, sink, pause);
      usedBuffers.add(message.length);
    });
    socket.on('error', onFailure);
    return new ReceiverLink(socket, prepared?.descriptor);
  }

  get port(): number {
    return this.#socket.address().port;
  }

  /** What the kernel gave: it clamps what it is asked for without a word. */
  get receiveBufferBytes(): number {
    return this.#socket.getRecvBufferSize();
  }

  get binding(): Binding {
    if (this.#isClosed) return 'gone';
    return this.#descriptor === undefined ? 'unbound' : bindingOf(this.#descriptor);
  }

  /** Where the interface was not known when it was opened. */
  bindTo(name: string): void {
    if (this.#descriptor !== undefined) bindToInterface(this.#descriptor, name);
  }

  /** Resolves when the port is free again. */
  close(): Promise<void> {
    this.#isClosed = true;
    this.#descriptor = undefined;
    return new Promise((closed) => this.#socket.close(closed));
  }
}

function readWaiting(descriptor: number, sink: DatagramSink, pause: Pause): void {
  let reads = 0;
  for (let pauses = 0; pauses < pausesMax; pauses += 1) {
    const before = reads;
    for (; reads < readsMax; reads += 1) {
      pause.untilRoom();
      const bytes = receiveNow(descriptor, sink.room());
      if (bytes === undefined) break;
      sink.filled(bytes);
    }
    if (reads === before || reads === readsMax) return;
    sleepThread(pauseMs);
  }
}

/** Asking for more than the host allows is no failure here; the size is read back and compared elsewhere. */
function setReceiveBuffer(socket: Socket, bytes: number): void {
  try {
    socket.setRecvBufferSize(bytes);
  } catch {
    // Some systems refuse instead of clamping; the default then stands, and is read back.
  }
}

function openingFailure(cause: unknown): DiodeError {
  const code = errorCauseCode(cause);
  if (code === 'EADDRINUSE') return new DiodeError('E_LINK_PORT_BUSY', undefined, { cause });
  return new DiodeError('E_LINK_ADDRESS', `the link cannot be opened (${code ?? 'unknown cause'})`, {
    cause,
  });
}
