/**
 * Stands between a scanner and the sender and reads along: which data sets went over the wire, byte by byte. It shares no
 * code with `shared/dicom`, and believes what it reads: its peers are programs that follow the rules.
 */
import { createHash, type Hash } from 'node:crypto';
import { connect, createServer, type Socket } from 'node:net';

export interface TappedInstance {
  readonly sopInstanceUid: string;
  /** Of the data set as it was on the wire, in hexadecimal. */
  readonly sha256: string;
  readonly bytes: number;
  /** What the sender answered; undefined when it did not. */
  status: number | undefined;
}

export class AssociationTap {
  readonly port: number;
  /** In the order they came, over all associations. */
  readonly instances: TappedInstance[] = [];
  readonly #close: () => Promise<void>;

  private constructor(port: number, close: () => Promise<void>) {
    this.port = port;
    this.#close = close;
  }

  static async before(targetPort: number): Promise<AssociationTap> {
    const open = new Set<Socket>();
    const connected: { tap?: AssociationTap } = {};
    const server = createServer((scanner) => {
      const sender = connect(targetPort, '127.0.0.1');
      const instances = connected.tap?.instances ?? [];
      // An association waits for each answer, so that the last instance is the one answered.
      const requests = new MessageStream((message) => {
        if (message.field === 0x0001) instances.push({ ...message, status: undefined });
      });
      const answers = new MessageStream(({ field, status }) => {
        const last = instances.at(-1);
        if (field === 0x8001 && last !== undefined) last.status = status;
      });
      for (const [from, to, stream] of [
        [scanner, sender, requests],
        [sender, scanner, answers],
      ] as const) {
        open.add(from);
        from.setNoDelay(true);
        from.on('data', (bytes: Buffer) => stream.take(bytes));
        from.pipe(to);
        from.on('error', () => to.destroy());
        from.on('close', () => {
          open.delete(from);
          to.destroy();
        });
      }
    });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('the tap has no port');
    connected.tap = new AssociationTap(address.port, () => {
      for (const socket of open) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    });
    return connected.tap;
  }

  close(): Promise<void> {
    return this.#close();
  }
}

interface Message {
  readonly field: number;
  readonly status: number;
  readonly sopInstanceUid: string;
  readonly sha256: string;
  readonly bytes: number;
}

/** One direction of an association: PDUs to data values to messages. */
class MessageStream {
  readonly #ended: (message: Message) => void;
  #rest = Buffer.alloc(0);
  #command: Buffer[] = [];
  #message: Omit<Message, 'sha256' | 'bytes'> | undefined;
  #hash: Hash = createHash('sha256');
  #bytes = 0;

  constructor(ended: (message: Message) => void) {
    this.#ended = ended;
  }

  take(bytes: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    while (this.#rest.length >= 6) {
      const end = 6 + this.#rest.readUInt32BE(2);
      if (this.#rest.length < end) return;
      if (this.#rest[0] === 4) this.#data(this.#rest.subarray(6, end));
      this.#rest = this.#rest.subarray(end);
    }
  }

  #data(values: Buffer): void {
    for (let at = 0; at < values.length; ) {
      const end = at + 4 + values.readUInt32BE(at);
      const control = values[at + 5] ?? 0;
      this.#value((control & 1) !== 0, (control & 2) !== 0, values.subarray(at + 6, end));
      at = end;
    }
  }

  #value(isCommand: boolean, isLast: boolean, bytes: Buffer): void {
    if (isCommand) {
      this.#command.push(Buffer.from(bytes));
      if (!isLast) return;
      const elements = commandElements(Buffer.concat(this.#command));
      this.#command = [];
      const message = {
        field: elements.get(0x0100)?.readUInt16LE() ?? 0,
        status: elements.get(0x0900)?.readUInt16LE() ?? 0,
        sopInstanceUid: elements.get(0x1000)?.toString('latin1').replace(/\0$/, '') ?? '',
      };
      if (elements.get(0x0800)?.readUInt16LE() === 0x0101) this.#ended({ ...message, sha256: '', bytes: 0 });
      else this.#message = message;
      return;
    }
    this.#hash.update(bytes);
    this.#bytes += bytes.length;
    if (!isLast || this.#message === undefined) return;
    this.#ended({ ...this.#message, sha256: this.#hash.digest('hex'), bytes: this.#bytes });
    this.#message = undefined;
    this.#hash = createHash('sha256');
    this.#bytes = 0;
  }
}

function commandElements(command: Buffer): Map<number, Buffer> {
  const elements = new Map<number, Buffer>();
  for (let at = 0; at + 8 <= command.length; ) {
    const end = at + 8 + command.readUInt32LE(at + 4);
    elements.set(command.readUInt16LE(at + 2), command.subarray(at + 8, end));
    at = end;
  }
  return elements;
}
