/** An instance on disk, with what a destination is told before it gets the data set. */
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
  /** First byte behind the file meta information. */
  readonly dataSetOffset: number;
}

/** What is read of a file for its UIDs; they rarely stand behind the first 2000 bytes. */
const prefixBytesMax = 65_536;

/**
 * Reads what a destination has to be told of a Part 10 file. SOP class and instance are those of the data set, as
 * PS3.4 section B.2.1 asks for; where it can't be read (a private transfer syntax, say), those of the file meta
 * information.
 * @throws DiodeError E_FILE_READ, E_NOT_DICOM and the others of file meta information, E_BAD_UID, E_NO_UID
 */
export async function describeInstanceFile(path: string): Promise<InstanceFile> {
  const file = await openFile(path);
  try {
    const { size } = await file.stat();
    const prefix = new Uint8Array(Math.min(prefixBytesMax, size));
    await readFully(file, [prefix], 0);
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
    };
  } finally {
    await file.close();
  }
}

function checked(uid: string | undefined): string {
  if (uid === undefined) throw new DiodeError('E_NO_UID', 'the file meta information lacks a UID');
  if (!isUid(uid)) throw new DiodeError('E_BAD_UID');
  return uid;
}

/** @throws DiodeError E_FILE_READ */
export async function openFile(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r');
  } catch (cause) {
    throw readError(cause);
  }
}

/**
 * Fills places with the bytes from `position` on, in one call of the system where it gives all.
 * @throws DiodeError E_FILE_READ
 */
export async function readFully(
  file: FileHandle,
  places: readonly Uint8Array[],
  position: number,
): Promise<void> {
  let rest = places.filter((place) => place.length > 0);
  let offset = position;
  while (rest.length > 0) {
    let bytesRead: number;
    try {
      ({ bytesRead } = await file.readv(rest, offset));
    } catch (cause) {
      throw readError(cause);
    }
    if (bytesRead === 0) throw new DiodeError('E_FILE_READ', 'the file is shorter than it was');
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
    `the file can not be read (${errorCauseCode(cause) ?? 'unknown cause'})`,
    {
      cause,
    },
  );
}
