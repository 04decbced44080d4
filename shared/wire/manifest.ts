/**
 * The manifest: what a study consists of, as the sender took it in. One document per revision; each
 * revision lists the whole study, so the newest one that arrives is enough.
 */
import { DocumentReader, DocumentWriter } from './binary.ts';
import { objectIdBytes, senderIdBytes } from './datagram.ts';
import { limits } from './limits.ts';

const manifestFormat = 1;
const sha256Bytes = 32;
/** uid (at least 2) + series index + object id + size + SHA-256 */
const entryBytesMin = 2 + 2 + objectIdBytes + 8 + sha256Bytes;

/** Why a study was closed. `quiet` is a belief, not knowledge: no instance came for a while. */
export const closeReason = { quiet: 1, forced: 2, mpps: 3 } as const;
export type CloseReason = (typeof closeReason)[keyof typeof closeReason];

export const priority = { routine: 1, stat: 2 } as const;
export type Priority = (typeof priority)[keyof typeof priority];

export interface ManifestEntry {
  readonly sopInstanceUid: string;
  readonly seriesUid: string;
  /** 16 bytes as hexadecimal */
  readonly objectId: string;
  readonly bytes: number;
  /** 32 bytes as hexadecimal, of the whole file */
  readonly sha256: string;
}

export interface Manifest {
  /** 8 bytes as hexadecimal */
  readonly senderId: string;
  /** Dense per sender, from 1: a gap is a missing study. */
  readonly studyNumber: number;
  /** From 1, for each late instance or batch of them one more. */
  readonly revision: number;
  readonly closedBecause: CloseReason;
  readonly priority: Priority;
  /** The sender's wall clock; for people, never for a decision. */
  readonly closedAtMs: number;
  readonly studyUid: string;
  /** In the order they were taken in; that order decides between two of one UID. */
  readonly entries: readonly ManifestEntry[];
}

/** Bytes of a manifest; the same manifest gives the same bytes. */
export function encodeManifest(manifest: Manifest): Uint8Array {
  const series = [...new Set(manifest.entries.map((entry) => entry.seriesUid))];
  const index = new Map(series.map((uid, position) => [uid, position]));
  const writer = new DocumentWriter()
    .uint8(manifestFormat)
    .uint8(manifest.closedBecause)
    .uint8(manifest.priority)
    .hex(manifest.senderId, senderIdBytes)
    .uint64(manifest.studyNumber)
    .uint32(manifest.revision)
    .uint64(manifest.closedAtMs)
    .uid(manifest.studyUid)
    .uint32(series.length);
  for (const uid of series) writer.uid(uid);
  writer.uint32(manifest.entries.length);
  for (const entry of manifest.entries) {
    writer
      .uid(entry.sopInstanceUid)
      .uint16(index.get(entry.seriesUid) ?? 0)
      .hex(entry.objectId, objectIdBytes)
      .uint64(entry.bytes)
      .hex(entry.sha256, sha256Bytes);
  }
  return writer.finish();
}

/** @throws DiodeError E_DOCUMENT when the bytes are not a manifest. */
export function decodeManifest(bytes: Uint8Array): Manifest {
  const reader = new DocumentReader(bytes);
  reader.oneOf([manifestFormat]);
  const closedBecause = reader.oneOf(Object.values(closeReason));
  const urgency = reader.oneOf(Object.values(priority));
  const senderId = reader.hex(senderIdBytes);
  const studyNumber = reader.uint64();
  const revision = reader.uint32();
  const closedAtMs = reader.uint64();
  const studyUid = reader.uid();
  const series: string[] = [];
  for (let left = reader.count(limits.manifestSeriesMax, 2); left > 0; left -= 1) series.push(reader.uid());
  const entries: ManifestEntry[] = [];
  for (let left = reader.count(limits.manifestEntriesMax, entryBytesMin); left > 0; left -= 1) {
    const sopInstanceUid = reader.uid();
    const seriesUid = series[reader.uint16()] ?? reader.fail('an entry names a series that is not listed');
    const objectId = reader.hex(objectIdBytes);
    entries.push({
      sopInstanceUid,
      seriesUid,
      objectId,
      bytes: reader.uint64(),
      sha256: reader.hex(sha256Bytes),
    });
  }
  if (studyNumber < 1 || revision < 1 || entries.length < 1) reader.fail('a manifest lists something');
  reader.end();
  return { senderId, studyNumber, revision, closedBecause, priority: urgency, closedAtMs, studyUid, entries };
}
