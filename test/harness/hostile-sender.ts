/**
 * What somebody on the link may send to a receiver: good datagrams of a sender of its own, the same spoiled in each way
 * there is, and documents. It has the key where a test says so, since most harm needs none.
 */
import { createSocket, type Socket } from 'node:dgram';
import { setTimeout as sleep } from 'node:timers/promises';
import { readKeyFile } from '../../shared/crypto/key-file.ts';
import { deriveTagKey } from '../../shared/crypto/keys.ts';
import { DatagramTag } from '../../shared/crypto/siphash.ts';
import { at, protection } from '../../shared/wire/datagram.ts';
import { Random } from './random.ts';

const datagramBytes = 1472;

export class HostileSender {
  readonly #socket: Socket = createSocket('udp4');
  readonly #port: number;
  readonly #tag: DatagramTag;
  readonly #good: Uint8Array;

  constructor(port: number, keyFile: string) {
    const [key] = readKeyFile(keyFile);
    this.#port = port;
    this.#tag = new DatagramTag(deriveTagKey(key.secret));
    this.#good = goodDatagram(key.id);
    this.#tag.write(this.#good);
  }

  /** One symbol of an object that is never completed. */
  get good(): Uint8Array {
    return this.#good.slice();
  }

  /** The good datagram with bytes replaced, as somebody without the key can do it. */
  forged(offset: number, ...bytes: readonly number[]): Uint8Array {
    const copy = this.good;
    copy.set(bytes, offset);
    return copy;
  }

  /** The same by who has the key: the tag is right. */
  tagged(offset: number, ...bytes: readonly number[]): Uint8Array {
    const copy = this.forged(offset, ...bytes);
    this.#tag.write(copy);
    return copy;
  }

  /** Sends datagrams one by one; slowly enough for any socket buffer. */
  async send(datagrams: readonly Uint8Array[]): Promise<void> {
    for (const datagram of datagrams) {
      await new Promise<void>((sent, failed) => {
        this.#socket.send(datagram, this.#port, '127.0.0.1', (error) => (error ? failed(error) : sent()));
      });
      await sleep(1);
    }
  }

  close(): void {
    this.#socket.close();
  }
}

/** Written field by field, from PROTOCOL.md. */
function goodDatagram(keyId: number): Uint8Array {
  const datagram = Buffer.from(new Random(8).bytes(datagramBytes));
  datagram.write('DDIO', at.magic, 'latin1');
  datagram.writeUInt8(1, at.version);
  datagram.writeUInt8(1, at.type);
  datagram.writeUInt16BE(datagramBytes, at.datagramBytes);
  datagram.writeUInt16BE(keyId, at.keyId);
  datagram.writeUInt8(protection.sealed, at.protection);
  datagram.writeUInt8(200, at.maximumSourceSymbols);
  datagram.writeUInt32BE(1, at.sessionCounter);
  datagram.writeBigUInt64BE(0n, at.sequence);
  datagram.writeBigUInt64BE(100_000n, at.objectBytes);
  datagram.writeUInt32BE(0, at.blockNumber);
  datagram.writeUInt8(3, at.encodingSymbolId);
  datagram.writeUInt8(0, at.pass);
  datagram.fill(0, at.reserved, at.symbol);
  return new Uint8Array(datagram);
}
