/** Stands where the receiver would: sees every datagram, and remembers when each object was first seen. */
import { createSocket, type Socket } from 'node:dgram';
import { at, objectIdBytes } from '../../shared/wire/datagram.ts';

/** More objects than any backlog here has. */
const objectsMax = 1_000_000;

export class LinkTap {
  readonly #socket: Socket;
  readonly #firstSeenMs = new Map<string, number>();

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('message', (datagram) => {
      const objectId = datagram.toString('latin1', at.objectId, at.objectId + objectIdBytes);
      if (this.#firstSeenMs.has(objectId) || this.#firstSeenMs.size >= objectsMax) return;
      this.#firstSeenMs.set(objectId, Date.now());
    });
  }

  static async open(): Promise<LinkTap> {
    const socket = createSocket({ type: 'udp4', recvBufferSize: 8 * 2 ** 20 });
    await new Promise<void>((bound) => socket.bind(0, '127.0.0.1', bound));
    return new LinkTap(socket);
  }

  get port(): number {
    return this.#socket.address().port;
  }

  /** Objects seen so far. */
  get objects(): number {
    return this.#firstSeenMs.size;
  }

  /** Wall clock of an object's first datagram; undefined while none came. */
  firstSeenMs(objectId: string): number | undefined {
    return this.#firstSeenMs.get(Buffer.from(objectId, 'hex').toString('latin1'));
  }

  close(): void {
    this.#socket.close();
  }
}
