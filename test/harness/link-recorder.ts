/** Stands in the link, passes every datagram on and keeps a copy: what somebody at the fibre can do. */
import { createSocket, type Socket } from 'node:dgram';

const recordedMax = 200_000;
/** Datagrams sent back to back while playing; then the receiver's socket is given time. */
const playBurst = 64;

export class LinkRecorder {
  readonly recorded: Uint8Array[] = [];
  readonly #socket: Socket;
  readonly #targetPort: number;

  private constructor(socket: Socket, targetPort: number) {
    this.#socket = socket;
    this.#targetPort = targetPort;
    socket.on('message', (datagram) => {
      if (this.recorded.length < recordedMax) this.recorded.push(datagram);
      socket.send(datagram, targetPort, '127.0.0.1');
    });
  }

  static async start(targetPort: number): Promise<LinkRecorder> {
    const socket = createSocket({ type: 'udp4', recvBufferSize: 4 * 2 ** 20 });
    await new Promise<void>((bound) => socket.bind(0, '127.0.0.1', bound));
    return new LinkRecorder(socket, targetPort);
  }

  get port(): number {
    return this.#socket.address().port;
  }

  /** Plays all that was recorded so far, in its order. @returns how many datagrams */
  async play(): Promise<number> {
    const datagrams = this.recorded.slice();
    for (let first = 0; first < datagrams.length; first += playBurst) {
      for (const datagram of datagrams.slice(first, first + playBurst))
        this.#socket.send(datagram, this.#targetPort, '127.0.0.1');
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    return datagrams.length;
  }

  close(): void {
    this.#socket.close();
  }
}
