/**
 * The manifest: what a study consists of, as the sender took it in. One document per revision; each
 * revision lists the whole study, so the newest one that arrives is enough.
 */
import { DiodeError } from '../errors.ts';
import { DocumentReader, DocumentWriter } from './binary.ts';
import { objectIdBytes, senderIdBytes } from './datagram.ts';
import { limits } from './limits.ts';

const manifestFormat = 1;
const sha256Bytes = 32;
/** uid (at least 2) + series index + AE titles index + object id + size + SHA-256 */
const entryBytesMin = 2 + 2 + 2 + objectIdBytes + 8 + sha256Bytes;
/** Two titles of at least 1 character. */
const aeTitlesBytesMin = 4;

/** Why a study was closed. `quiet` is a belief, not knowledge: no instance came for a while. */
export const closeReason = { quiet: 1, forced: 2, mpps: 3 } as const;
export type CloseReason = (typeof closeReason)[keyof typeof closeReason];

export const priority = { routine: 1, stat: 2 } as const;
export type Priority = (typeof priority)[keyof typeof priority];

/** The scanner's association over which an instance came (PS3.8). They name programs, not people. */
export interface AeTitles {
  /** That of the scanner. */
  readonly calling: string;
  /** The sender's: scanners choose by it. */
  readonly called: string;
}

export interface ManifestEntry {
  readonly sopInstanceUid: string;
  readonly seriesUid: string;
  /** 16 bytes as hexadecimal */
  readonly objectId: string;
  readonly bytes: number;
  /** 32 bytes as hexadecimal, of the whole file */
  readonly sha256: string;
  /** Left out for instances that came as files. */
  readonly aeTitles?: AeTitles | undefined;
}

export interface Manifest {
  /** 8 bytes as hexadecimal */
  readonly senderId: string;
  /** Consecutive per sender, from 1: a gap is a missing study. */
  readonly studyNumber: number;
  /** From 1, one more for each late instance or batch of them. */
  readonly revision: number;
  readonly closedBecause: CloseReason;
  readonly priority: Priority;
  /** The sender's wall clock; for people, never for a decision. */
  readonly closedAtMs: number;
  readonly studyUid: string;
  /** In the order they were taken in; that order decides between two with one UID. */
  readonly entries: readonly ManifestEntry[];
}

/** What a manifest contains besides its entries. */
export type ManifestHead = Omit<Manifest, 'entries'>;

/** Writes a manifest from entries that come one by one: those of a large study are never all in memory. */
export class ManifestWriter {
  readonly #entries = new DocumentWriter();
  readonly #series = new Map<string, number>();
  readonly #titles = new AeTitlesTable();
  #count = 0;
  #isFull = false;

  /** Entries it lists. */
  get count(): number {
    return this.#count;
  }

  /** @returns false if the manifest has no room for it, nor for any that follow: it lists the first ones, nearly always all */
  add(entry: ManifestEntry): boolean {
    const series = this.#series.get(entry.seriesUid) ?? this.#series.size;
    if (this.#count === limits.manifestEntriesMax || series === limits.manifestSeriesMax) this.#isFull = true;
    if (this.#isFull) return false;
    this.#series.set(entry.seriesUid, series);
    this.#entries
      .uid(entry.sopInstanceUid)
      .uint16(series)
      .uint16(this.#titles.numberOf(entry.aeTitles))
      .hex(entry.objectId, objectIdBytes)
      .uint64(entry.bytes)
      .hex(entry.sha256, sha256Bytes);
    this.#count += 1;
    return true;
  }

  /** Its bytes; the same manifest gives the same bytes. */
  finish(head: ManifestHead): Uint8Array {
    const writer = new DocumentWriter()
      .uint8(manifestFormat)
      .uint8(head.closedBecause)
      .uint8(head.priority)
      .hex(head.senderId, senderIdBytes)
      .uint64(head.studyNumber)
      .uint32(head.revision)
      .uint64(head.closedAtMs)
      .uid(head.studyUid)
      .uint32(this.#series.size);
    for (const uid of this.#series.keys()) writer.uid(uid);
    writer.uint32(this.#titles.list.length);
    for (const { calling, called } of this.#titles.list) writer.aeTitle(calling).aeTitle(called);
    return writer.uint32(this.#count).bytes(this.#entries.written).finish();
  }
}

/** Bytes of a manifest whose entries one manifest can list. */
export function encodeManifest(manifest: Manifest): Uint8Array {
  const writer = new ManifestWriter();
  for (const entry of manifest.entries) writer.add(entry);
  return writer.finish(manifest);
}

/** Reads a manifest entry by entry: those of a large study are never all in memory. */
export class ManifestReader {
  readonly head: ManifestHead;
  /** Entries it lists. */
  readonly count: number;
  readonly #reader: DocumentReader;
  readonly #series: string[] = [];
  readonly #titles: AeTitles[] = [];
  #read = 0;

  /** @throws DiodeError E_DOCUMENT if the bytes do not begin like a manifest. */
  constructor(bytes: Uint8Array) {
    const reader = new DocumentReader(bytes);
    this.#reader = reader;
    reader.oneOf([manifestFormat]);
    const closedBecause = reader.oneOf(Object.values(closeReason));
    const urgency = reader.oneOf(Object.values(priority));
    const senderId = reader.hex(senderIdBytes);
    const studyNumber = reader.uint64();
    const revision = reader.uint32();
    const closedAtMs = reader.uint64();
    const studyUid = reader.uid();
    this.head = { senderId, studyNumber, revision, closedBecause, priority: urgency, closedAtMs, studyUid };
    for (let left = reader.count(limits.manifestSeriesMax, 2); left > 0; left -= 1)
      this.#series.push(reader.uid());
    for (let left = reader.count(limits.manifestAeTitlesMax, aeTitlesBytesMin); left > 0; left -= 1)
      this.#titles.push({ calling: reader.aeTitle(), called: reader.aeTitle() });
    this.count = reader.count(limits.manifestEntriesMax, entryBytesMin);
    if (studyNumber < 1 || revision < 1 || this.count < 1) reader.fail('a manifest must list something');
  }

  /** Whether it says for any entry how it came to the sender. */
  get hasTitles(): boolean {
    return this.#titles.length > 0;
  }

  /** The next entry; undefined after the last one. @throws DiodeError E_DOCUMENT */
  next(): ManifestEntry | undefined {
    const reader = this.#reader;
    if (this.#read === this.count) {
      reader.end();
      return undefined;
    }
    this.#read += 1;
    const sopInstanceUid = reader.uid();
    const seriesUid =
      this.#series[reader.uint16()] ?? reader.fail('an entry names a series that is not listed');
    const titlesNumber = reader.uint16();
    const aeTitles = this.#titles[titlesNumber - 1];
    if (titlesNumber > 0 && aeTitles === undefined)
      reader.fail('an entry names AE titles that are not listed');
    const objectId = reader.hex(objectIdBytes);
    return {
      sopInstanceUid,
      seriesUid,
      objectId,
      bytes: reader.uint64(),
      sha256: reader.hex(sha256Bytes),
      ...(aeTitles !== undefined && { aeTitles }),
    };
  }
}

/** @throws DiodeError E_DOCUMENT if the bytes are not a manifest. */
export function decodeManifest(bytes: Uint8Array): Manifest {
  const reader = new ManifestReader(bytes);
  const entries: ManifestEntry[] = [];
  for (let entry = reader.next(); entry !== undefined; entry = reader.next()) entries.push(entry);
  return { ...reader.head, entries };
}

/**
 * All that a manifest has to be by itself, before anything of it is believed: all of it is read, and no entry is kept.
 * Whether what it lists is here, agrees with it or is in conflict is no matter of the document.
 * @param senderId whom the datagrams it came in are of
 * @returns what it says besides its entries, and how many these are
 * @throws DiodeError E_DOCUMENT
 */
export function checkManifest(
  bytes: Uint8Array,
  senderId: string,
): ManifestHead & { readonly count: number } {
  const reader = new ManifestReader(bytes);
  if (reader.head.senderId !== senderId)
    throw new DiodeError('E_DOCUMENT', 'the manifest is from another sender');
  while (reader.next() !== undefined);
  return { ...reader.head, count: reader.count };
}

/** Each pair of AE titles once, in order. If a study has more pairs than fit, some instances have none. */
class AeTitlesTable {
  readonly list: AeTitles[] = [];
  readonly #numbers = new Map<string, number>();

  /** From 1, in the order they come; 0 is none. */
  numberOf(titles: AeTitles | undefined): number {
    if (titles === undefined) return 0;
    const key = keyOf(titles);
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    if (this.list.length === limits.manifestAeTitlesMax) return 0;
    const number = this.list.push(titles);
    this.#numbers.set(key, number);
    return number;
  }
}

/** No title has a backslash. */
function keyOf({ calling, called }: AeTitles): string {
  return `${calling}\\${called}`;
}
