/**
 * Feeds the transmission with orders: finds the bytes of an object, in its file or in the order itself,
 * and says when its pass has left. This is what runs on the encoding thread, and in the simulator.
 */
import type { Disk } from '../../shared/disk.ts';
import { DiodeError, type ErrorCode } from '../../shared/errors.ts';
import type { ObjectType } from '../../shared/wire/datagram.ts';
import { CheckedFile } from './checked-file.ts';
import type { ReadObject } from './object-pass.ts';
import type { LaneName, Transmission } from './transmission.ts';

/** One pass of one object; it is passed between threads, so it is plain data. */
export interface TransmitOrder {
  /** 16 bytes as hexadecimal */
  readonly objectId: string;
  readonly type: ObjectType;
  readonly bytes: number;
  readonly maximumSourceSymbols: number;
  readonly pass: number;
  /** The key it was planned under. */
  readonly keyId: number;
  readonly lane: LaneName;
  /** Where the bytes are: a file in the spool with the tags of its pieces, or the document itself. */
  readonly from:
    | { readonly path: string; readonly pieceTags: Uint8Array }
    | { readonly document: Uint8Array };
}

export interface TransmitEnd {
  readonly objectId: string;
  /** Why the pass broke off, if it did. */
  readonly failedBecause: ErrorCode | undefined;
}

export class Transmitter {
  readonly #transmission: Transmission;
  readonly #disk: Disk;
  readonly #files = new Map<string, CheckedFile>();

  constructor(transmission: Transmission, disk: Disk) {
    this.#transmission = transmission;
    this.#disk = disk;
  }

  add(order: TransmitOrder): void {
    const { objectId, type, bytes, maximumSourceSymbols, pass, keyId, lane } = order;
    const options = {
      objectId: Buffer.from(objectId, 'hex'),
      type,
      objectBytes: bytes,
      maximumSourceSymbols,
      pass,
      keyId,
    };
    this.#transmission.add({ ...options, read: this.#reader(order) }, lane);
  }

  /** Writes the next datagram. @returns false if there is none now */
  next(target: Uint8Array): boolean {
    return this.#transmission.next(target);
  }

  /** Says where the next datagrams are: see {@link Transmission.collect}. */
  collect(addresses: Uint32Array): number {
    return this.#transmission.collect(addresses);
  }

  get sequence(): number {
    return this.#transmission.sequence;
  }

  takeEnded(): TransmitEnd[] {
    return this.#transmission.takeEnded().map(({ objectId, error }) => {
      const id = Buffer.from(objectId).toString('hex');
      this.#files.get(id)?.close();
      this.#files.delete(id);
      if (error !== undefined && !(error instanceof DiodeError)) throw error;
      return { objectId: id, failedBecause: error?.code };
    });
  }

  #reader(order: TransmitOrder): ReadObject {
    const { from, objectId, bytes } = order;
    if ('document' in from) return (offset, length) => from.document.subarray(offset, offset + length);
    // Opened with the first block, so that waiting objects need no descriptor.
    return (offset, length) => {
      let file = this.#files.get(objectId);
      if (file === undefined) {
        file = new CheckedFile(this.#disk.open(from.path, 'read'), bytes, from.pieceTags);
        this.#files.set(objectId, file);
      }
      return file.read(offset, length);
    };
  }
}
