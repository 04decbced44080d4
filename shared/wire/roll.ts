/**
 * The roll: pages that list every study the sender still keeps, and tombstones of those it once kept.
 * It names studies of which the receiver never saw a datagram.
 */
import { DocumentReader, DocumentWriter } from './binary.ts';
import { objectIdBytes, senderIdBytes } from './datagram.ts';
import { limits } from './limits.ts';

const rollFormat = 1;
/** number + revision + instances + state + manifest id + uid (at least 2) */
const rollEntryBytesMin = 8 + 4 + 4 + 1 + objectIdBytes + 2;

/** Whether the sender could still send the study again. */
export const rollState = { retained: 1, tombstone: 2 } as const;
export type RollState = (typeof rollState)[keyof typeof rollState];

export interface RollEntry {
  readonly studyNumber: number;
  readonly revision: number;
  readonly instances: number;
  readonly state: RollState;
  /** Object id of the manifest of this revision, 16 bytes as hexadecimal. */
  readonly manifestId: string;
  readonly studyUid: string;
}

export interface RollPage {
  readonly senderId: string;
  readonly sessionCounter: number;
  readonly sessionRandom: number;
  /** The announcement of the roll that this page belongs to, from 1 in each session. */
  readonly rollNumber: number;
  readonly page: number;
  readonly pages: number;
  readonly entries: readonly RollEntry[];
}

export function encodeRollPage(roll: RollPage): Uint8Array {
  const writer = new DocumentWriter()
    .uint8(rollFormat)
    .hex(roll.senderId, senderIdBytes)
    .uint32(roll.sessionCounter)
    .uint32(roll.sessionRandom)
    .uint64(roll.rollNumber)
    .uint32(roll.page)
    .uint32(roll.pages)
    .uint32(roll.entries.length);
  for (const entry of roll.entries) {
    writer
      .uint64(entry.studyNumber)
      .uint32(entry.revision)
      .uint32(entry.instances)
      .uint8(entry.state)
      .hex(entry.manifestId, objectIdBytes)
      .uid(entry.studyUid);
  }
  return writer.finish();
}

/** @throws DiodeError E_DOCUMENT if the bytes are not a page of a roll. */
export function decodeRollPage(bytes: Uint8Array): RollPage {
  const reader = new DocumentReader(bytes);
  reader.oneOf([rollFormat]);
  const head = {
    senderId: reader.hex(senderIdBytes),
    sessionCounter: reader.uint32(),
    sessionRandom: reader.uint32(),
    rollNumber: reader.uint64(),
    page: reader.uint32(),
    pages: reader.uint32(),
  };
  const entries: RollEntry[] = [];
  for (let left = reader.count(limits.rollEntriesMax, rollEntryBytesMin); left > 0; left -= 1) {
    entries.push({
      studyNumber: reader.uint64(),
      revision: reader.uint32(),
      instances: reader.uint32(),
      state: reader.oneOf(Object.values(rollState)),
      manifestId: reader.hex(objectIdBytes),
      studyUid: reader.uid(),
    });
  }
  if (head.page >= head.pages) reader.fail('a page is outside its roll');
  reader.end();
  return { ...head, entries };
}
