/**
 * A file that arrives in pieces over the network. Small pieces are gathered into large ones; one is filled while another is
 * being written, so a file takes two pieces of memory, and the sending side waits for the disk.
 *
 * From time to time what was written is synced while more comes in. So the last sync is short however large the file is,
 * and the ledger's own sync never waits behind gigabytes.
 */
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { diskError } from '../../shared/errors.ts';

/** The disk as an arriving file needs it: never blocking, unlike {@link Disk}. Errors are DiodeErrors. */
export interface ArrivingDisk {
  /** Creates a file that must not exist. */
  create(path: string): Promise<WritableFile>;
}

export interface WritableFile {
  /** Appends. The bytes must stay unchanged until the promise resolves. */
  append(bytes: Uint8Array): Promise<void>;
  /** After this, what was appended survives a power cut. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

export const pieceBytes = 512 * 1024;
/** The most unsynced bytes, apart from those being synced. */
const syncEachBytes = 32 * 2 ** 20;
/** Pieces kept for the next file: allocating new ones costs more than writing a small instance. */
const sparePiecesMax = 8;
const fileMode = 0o640;

export const nodeArrivingDisk: ArrivingDisk = {
  create: async (path) => {
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;
    return new NodeWritableFile(await guard('opening a file', () => open(path, flags, fileMode)));
  },
};

class NodeWritableFile implements WritableFile {
  readonly #handle: FileHandle;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  append(bytes: Uint8Array): Promise<void> {
    return guard('writing a file', async () => {
      for (let done = 0; done < bytes.length; ) {
        done += (await this.#handle.write(bytes, done, bytes.length - done)).bytesWritten;
      }
    });
  }

  sync(): Promise<void> {
    return guard('syncing a file', () => this.#handle.sync());
  }

  close(): Promise<void> {
    return guard('closing a file', () => this.#handle.close());
  }
}

async function guard<T>(what: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (cause) {
    throw diskError(cause, what);
  }
}

const sparePieces: Uint8Array[] = [];

export class ArrivingFile {
  readonly #disk: ArrivingDisk;
  readonly #path: string;
  readonly #firstPiece: (bytes: Uint8Array) => void;
  #file: WritableFile | undefined;
  #piece: Uint8Array | undefined;
  #filled = 0;
  #bytes = 0;
  #unsyncedBytes = 0;
  #writing: Promise<void> = Promise.resolve();
  #syncing: Promise<void> = Promise.resolve();

  /** @param firstPiece examines the beginning of the file: 512 KiB, or all of it. May throw. */
  constructor(disk: ArrivingDisk, path: string, firstPiece: (bytes: Uint8Array) => void) {
    this.#disk = disk;
    this.#path = path;
    this.#firstPiece = firstPiece;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Takes bytes. If no promise is returned, they are taken. @throws DiodeError from the disk, also for earlier writes */
  write(bytes: Uint8Array): Promise<void> | undefined {
    this.#piece ??= sparePieces.pop() ?? new Uint8Array(pieceBytes);
    if (this.#filled + bytes.length > pieceBytes) return this.#writeThrough(bytes);
    this.#fill(bytes);
    return undefined;
  }

  /** Writes the rest, and syncs: the content is durable, its name is not yet. */
  async finish(): Promise<void> {
    if (this.#bytes <= pieceBytes) this.#firstPiece(this.#filledPart());
    await this.#flush();
    await this.#writing;
    await this.#syncing;
    if (this.#unsyncedBytes > 0) await this.#file?.sync();
    await this.#close();
  }

  /** Ends writing, in whatever state it is. The file itself is left to its owner. */
  async abandon(): Promise<void> {
    await Promise.allSettled([this.#writing, this.#syncing]);
    await this.#close().catch(() => {});
  }

  async #writeThrough(bytes: Uint8Array): Promise<void> {
    for (let offset = 0; offset < bytes.length; ) {
      if (this.#filled === pieceBytes) {
        if (this.#bytes === pieceBytes) this.#firstPiece(this.#filledPart());
        await this.#flush();
      }
      const part = bytes.subarray(offset, offset + pieceBytes - this.#filled);
      this.#fill(part);
      offset += part.length;
    }
  }

  #fill(bytes: Uint8Array): void {
    this.#piece ??= sparePieces.pop() ?? new Uint8Array(pieceBytes);
    this.#piece.set(bytes, this.#filled);
    this.#filled += bytes.length;
    this.#bytes += bytes.length;
  }

  #filledPart(): Uint8Array {
    return (this.#piece ?? new Uint8Array(0)).subarray(0, this.#filled);
  }

  /** Hands the piece to the disk once the previous one is written. */
  async #flush(): Promise<void> {
    await this.#writing;
    const piece = this.#piece;
    if (piece === undefined || this.#filled === 0) return;
    const part = this.#filledPart();
    this.#piece = undefined;
    this.#filled = 0;
    this.#file ??= await this.#disk.create(this.#path);
    if (this.#unsyncedBytes >= syncEachBytes) {
      await this.#syncing;
      this.#unsyncedBytes = 0;
      this.#syncing = this.#file.sync();
      // Its error is thrown where it is awaited.
      this.#syncing.catch(() => {});
    }
    this.#unsyncedBytes += part.length;
    this.#writing = this.#file.append(part).finally(() => giveBack(piece));
    this.#writing.catch(() => {});
  }

  async #close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    if (this.#piece !== undefined) giveBack(this.#piece);
    this.#piece = undefined;
    await file?.close();
  }
}

function giveBack(piece: Uint8Array): void {
  if (sparePieces.length < sparePiecesMax) sparePieces.push(piece);
}
