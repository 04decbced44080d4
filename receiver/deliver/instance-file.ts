/**
 * An instance on disk, with what a destination is told before it gets the data set, and the reader through which it
 * leaves: once, from one descriptor, and hashed on the way. Its last bytes are handed out only if the whole file matches
 * the ledger, so that a destination never gets all of anything else.
 */
import { createHash, type Hash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { ByteWindow } from '../../shared/dicom/byte-window.ts';
import { readFileMeta } from '../../shared/dicom/file-meta.ts';
import { readInstanceHeader } from '../../shared/dicom/instance-header.ts';
import { DiodeError, errorCauseCode } from '../../shared/errors.ts';
import { isUid } from '../../shared/wire/limits.ts';

export interface InstanceFile {
  readonly path: string;
  readonly fileBytes: number;
  readonly sopClassUid: string;
  readonly sopInstanceUid: string;
  readonly transferSyntaxUid: string;
  /** First byte after the file meta information. */
  readonly dataSetOffset: number;
  /** What the file has to be; left out if unknown. */
  readonly known?: ObjectAliases | undefined;
}

/** SHA-256, hexadecimal: of the whole file, and of the part of it that was read for its UIDs. */
interface ObjectAliases {
  readonly sha256: string;
  readonly prefixSha256: string;
}

/** What a file has to be. */
export interface ExpectedFile {
  readonly bytes: number;
  readonly sha256: string;
}

/** How much of a file is read for its UIDs; they are rarely beyond the first 2000 bytes. */
export const prefixBytesMax = 65_536;

/**
 * Reads what a destination has to be told about a Part 10 file. SOP class and instance are those of the data set, as
 * PS3.4 section B.2.1 requires; if it can't be read (a private transfer syntax, say), those of the file meta information.
 * @param expected what the ledger says about it
 * @throws DiodeError E_FILE_READ, E_VAULT_DAMAGED, E_NOT_DICOM and the others of file meta information, E_BAD_UID, E_NO_UID
 */
export async function describeInstanceFile(path: string, expected?: ExpectedFile): Promise<InstanceFile> {
  const file = await openFile(path);
  try {
    const { size } = await file.stat();
    if (expected !== undefined && size !== expected.bytes) throw damaged();
    const prefix = new Uint8Array(Math.min(prefixBytesMax, size));
    await readFully(file, [prefix], 0);
    const known =
      expected === undefined
        ? undefined
        : { sha256: expected.sha256, prefixSha256: createHash('sha256').update(prefix).digest('hex') };
    const meta = readFileMeta(ByteWindow.ofPrefix(prefix, size));
    if (meta === 'needs-more') throw new DiodeError('E_DICOM_META');
    if (meta instanceof DiodeError) throw meta;
    const header = readInstanceHeader(prefix, size);
    const named = header === 'needs-more' || header instanceof DiodeError ? meta : header;
    return {
      path,
      fileBytes: size,
      sopClassUid: checked(named.sopClassUid),
      sopInstanceUid: checked(named.sopInstanceUid),
      transferSyntaxUid: checked(meta.transferSyntaxUid),
      dataSetOffset: meta.dataSetOffset,
      known,
    };
  } finally {
    await file.close();
  }
}

/** Reads a described file once, from `start` to its end. One at a time shares a buffer of {@link prefixBytesMax}. */
export class InstanceReader {
  readonly #file: InstanceFile;
  readonly #handle: FileHandle;
  readonly #prefix: Uint8Array;
  readonly #hash: Hash | undefined;
  #position: number;

  private constructor(file: InstanceFile, handle: FileHandle, prefix: Uint8Array, start: number) {
    this.#file = file;
    this.#handle = handle;
    this.#prefix = prefix;
    this.#position = start;
    this.#hash = file.known === undefined ? undefined : createHash('sha256').update(prefix);
  }

  /** @throws DiodeError E_FILE_READ, E_VAULT_DAMAGED if it is not the file that was described */
  static async open(file: InstanceFile, buffer: Uint8Array, start: number): Promise<InstanceReader> {
    const handle = await openFile(file.path);
    try {
      const { size } = await handle.stat();
      if (size !== file.fileBytes)
        throw file.known === undefined
          ? new DiodeError('E_FILE_READ', 'the file has a different length than before')
          : damaged();
      const prefix = buffer.subarray(0, Math.min(prefixBytesMax, size));
      await readFully(handle, [prefix], 0);
      const reader = new InstanceReader(file, handle, prefix, start);
      // The bytes from which its UIDs were read are the ones that leave under them.
      if (reader.#hash?.copy().digest('hex') !== file.known?.prefixSha256) throw damaged();
      return reader;
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** How many bytes are still to be read. */
  get remaining(): number {
    return this.#file.fileBytes - this.#position;
  }

  /**
   * Fills places with the next bytes. If these are the last ones, the whole file has proved to be what it should be.
   * @throws DiodeError E_FILE_READ, E_VAULT_DAMAGED
   */
  async fill(places: readonly Uint8Array[]): Promise<void> {
    const rest = this.#fromPrefix(places);
    await readFully(this.#handle, rest, this.#position);
    for (const place of rest) {
      this.#hash?.update(place);
      this.#position += place.length;
    }
    if (this.remaining === 0 && this.#hash?.copy().digest('hex') !== this.#file.known?.sha256)
      throw damaged();
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  /** What is in memory and hashed is not read again. @returns the places that are still to be filled */
  #fromPrefix(places: readonly Uint8Array[]): Uint8Array[] {
    return places.flatMap((place) => {
      const part = this.#prefix.subarray(this.#position, this.#position + place.length);
      place.set(part);
      this.#position += part.length;
      return part.length === place.length ? [] : [place.subarray(part.length)];
    });
  }
}

function damaged(): DiodeError {
  return new DiodeError('E_VAULT_DAMAGED', 'the file does not match the ledger');
}

function checked(uid: string | undefined): string {
  if (uid === undefined) throw new DiodeError('E_NO_UID', 'the file meta information lacks a UID');
  if (!isUid(uid)) throw new DiodeError('E_BAD_UID');
  return uid;
}

/** @throws DiodeError E_FILE_READ */
async function openFile(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r');
  } catch (cause) {
    throw readError(cause);
  }
}

/**
 * Fills places with the bytes from `position` on, in one system call if it returns all of them.
 * @throws DiodeError E_FILE_READ
 */
async function readFully(file: FileHandle, places: readonly Uint8Array[], position: number): Promise<void> {
  let rest = places.filter((place) => place.length > 0);
  let offset = position;
  while (rest.length > 0) {
    let bytesRead: number;
    try {
      ({ bytesRead } = await file.readv(rest, offset));
    } catch (cause) {
      throw readError(cause);
    }
    if (bytesRead === 0) throw new DiodeError('E_FILE_READ', 'the file is shorter than before');
    offset += bytesRead;
    rest = behind(rest, bytesRead);
  }
}

/** The places that `filled` bytes did not fill. */
function behind(places: readonly Uint8Array[], filled: number): Uint8Array[] {
  let skip = filled;
  return places.flatMap((place) => {
    const used = Math.min(skip, place.length);
    skip -= used;
    return used === place.length ? [] : [place.subarray(used)];
  });
}

function readError(cause: unknown): DiodeError {
  return new DiodeError(
    'E_FILE_READ',
    `the file cannot be read (${errorCauseCode(cause) ?? 'unknown cause'})`,
    {
      cause,
    },
  );
}
