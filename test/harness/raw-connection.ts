/** A TCP connection that says whatever a test wants, and keeps what it hears: a peer that does not follow the rules. */
import { connect, createServer, type Socket } from 'node:net';

const answerBytesMax = 1 << 20;

export class RawConnection {
  readonly socket: Socket;
  /** Everything the other side said, when it has closed the connection. */
  readonly closed: Promise<Buffer>;
  readonly #heard: Buffer[] = [];
  #heardBytes = 0;
  #told: () => void = () => {};

  constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on('error', () => {});
    socket.on('data', (bytes: Buffer) => {
      this.#heardBytes += bytes.length;
      if (this.#heardBytes <= answerBytesMax) this.#heard.push(bytes);
      this.#told();
    });
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.#told();
        resolve(this.heard);
      });
    });
  }

  static async to(port: number, localAddress = '127.0.0.1'): Promise<RawConnection> {
    const socket = connect({ host: '127.0.0.1', port, localAddress });
    await new Promise((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    return new RawConnection(socket);
  }

  get heard(): Buffer {
    return Buffer.concat(this.#heard);
  }

  send(...parts: readonly Uint8Array[]): void {
    this.socket.write(Buffer.concat(parts));
  }

  /** Waits for so many PDUs, or the end of the connection; gives the PDUs heard so far. */
  async pdus(count: number): Promise<Buffer[]> {
    for (;;) {
      const found = splitPdus(this.heard);
      if (found.length >= count || this.socket.closed) return found;
      await new Promise<void>((resolve) => {
        this.#told = resolve;
      });
    }
  }
}

/** Whole PDUs of a stream. */
export function splitPdus(stream: Buffer): Buffer[] {
  const found: Buffer[] = [];
  for (let offset = 0; stream.length - offset >= 6; ) {
    const end = offset + 6 + stream.readUInt32BE(offset + 2);
    if (end > stream.length) break;
    found.push(stream.subarray(offset, end));
    offset = end;
  }
  return found;
}

export interface RawServer {
  readonly port: number;
  close(): Promise<void>;
}

/** A server on loopback that hands each connection to the test. */
export async function rawServer(
  taken: (connection: RawConnection, number: number) => void,
): Promise<RawServer> {
  const open = new Set<Socket>();
  let number = 0;
  const server = createServer((socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    taken(new RawConnection(socket), number++);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  return {
    port: address.port,
    close: () =>
      new Promise((resolve) => {
        for (const socket of open) socket.destroy();
        server.close(() => resolve());
      }),
  };
}
