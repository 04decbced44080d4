/**
 * What a sender host that was taken over can put on the link with a key of its own: datagrams whose tags are right and
 * that ask the receiver for everything it has of something. For benchmarks and long runs against the real programs.
 */
import { createHash } from 'node:crypto';
import { deflateRawSync } from 'node:zlib';
import type { SenderIdentity } from '../../sender/identity.ts';
import { deriveTagKey } from '../../shared/crypto/keys.ts';
import { DatagramTag } from '../../shared/crypto/siphash.ts';
import { encodeBeacon } from '../../shared/wire/beacon.ts';
import {
  at,
  type ObjectType,
  objectIdBytes,
  objectType,
  writeObjectHeader,
  writeSequence,
  writeSymbolHeader,
} from '../../shared/wire/datagram.ts';
import { limits } from '../../shared/wire/limits.ts';
import { fingerprintOf } from '../../shared/wire/link-parameters.ts';
import { closeReason, encodeManifest, type ManifestEntry, priority } from '../../shared/wire/manifest.ts';
import { encodeRollPage, rollState } from '../../shared/wire/roll.ts';
import { datagramsOf } from '../unit/receiver/assemble/datagrams.ts';
import { transferSyntaxes } from './dicom-writer.ts';
import type { Random } from './random.ts';
import { ctImage, encodeElements, encodePart10 } from './unchecked-writer.ts';

/** Datagrams of one attack, one behind the other. */
export type Attack = (from: SenderIdentity, random: Random) => Uint8Array;

/** Objects of the largest size, one datagram each: what the receiver keeps for an object that is open. */
const hugeObjects: Attack = (from, random) =>
  claims(from, random, { type: objectType.instance, objectBytes: largestObject(from), count: 4000 });

/** Documents of the largest size, one datagram each: the room for documents. */
const hugeDocuments: Attack = (from, random) =>
  Buffer.concat(
    [objectType.manifest, objectType.beacon, objectType.roll].map((type) =>
      claims(from, random, { type, objectBytes: limits.documentBytesMax, count: 200 }),
    ),
  );

/** One symbol for each of many blocks of a few objects: the memory for open blocks, and the area they spill to. */
const openBlocks: Attack = (from, random) =>
  claims(from, random, { type: objectType.instance, objectBytes: 2e9, count: 4000, blocksOfOne: 500 });

/** Objects under ids of senders that do not exist. */
const manySenders: Attack = (from, random) =>
  Buffer.concat(
    Array.from({ length: 500 }, () =>
      claims({ ...from, senderId: random.bytes(8) }, random, {
        type: objectType.instance,
        objectBytes: 1e6,
        count: 1,
      }),
    ),
  );

/** A list of very many instances, none of which ever comes. */
const longLists: Attack = (from, random) =>
  document(from, objectType.manifest, manifestOf(from, random, 200_000));

/** Short lists, each of a study of its own. */
const manyStudies: Attack = (from, random) =>
  Buffer.concat(
    Array.from({ length: 300 }, () => document(from, objectType.manifest, manifestOf(from, random, 3))),
  );

/** A telling of the roll that names studies and instances beyond all counting. */
const longRolls: Attack = (from, random) =>
  document(
    from,
    objectType.roll,
    encodeRollPage({
      senderId: hexOf(from.senderId),
      sessionCounter: nextSession(),
      sessionRandom: 5,
      rollNumber: 1,
      page: 0,
      pages: 1,
      entries: Array.from({ length: limits.rollEntriesMax }, () => ({
        studyNumber: 1 + random.integer(2 ** 31),
        revision: 1 + random.integer(1000),
        instances: 4_294_967_294,
        state: rollState.retained,
        manifestId: Buffer.from(random.bytes(objectIdBytes)).toString('hex'),
        studyUid: `2.25.${random.integer(2 ** 31)}`,
      })),
    }),
  );

/** A beacon that tells of as many studies as there are numbers. */
const absurdBeacons: Attack = (from) => {
  const session = nextSession();
  return document(
    from,
    objectType.beacon,
    encodeBeacon({
      senderId: hexOf(from.senderId),
      sessionCounter: session,
      sessionRandom: 5,
      beaconNumber: 1,
      fingerprint: fingerprintOf(from.parameters),
      parameters: from.parameters,
      clockMs: 0,
      upMs: 1,
      highestStudyNumber: Number.MAX_SAFE_INTEGER,
      lowestRetainedStudyNumber: 1,
      queuedObjects: Number.MAX_SAFE_INTEGER,
      queuedBytes: Number.MAX_SAFE_INTEGER,
      oldestQueuedMs: Number.MAX_SAFE_INTEGER,
      spoolBytes: Number.MAX_SAFE_INTEGER,
      spoolFreeBytes: 0,
      rejected: [{ code: 'E_NOT_DICOM', count: Number.MAX_SAFE_INTEGER }],
      alarms: ['E_DISK_FULL', 'E_DISK'],
    }),
    session,
  );
};

/** Small files that are millions of elements once they are inflated. */
const expensiveFiles: Attack = (from, random) =>
  Buffer.concat(Array.from({ length: 8 }, () => instance(from, expensiveFile(random))));

/** Nearly all of an instance, and never its end: what a partial object may take of the disk. */
const partialObjects: Attack = (from, random) => {
  const datagrams = datagramsOf(random.bytes(32 * 2 ** 20), { from, session: nextSession() }).datagrams;
  return Buffer.concat(datagrams.slice(0, Math.floor(datagrams.length * 0.95)));
};

/** Whole instances of studies that no list ever names. */
const unclaimedInstances: Attack = (from, random) =>
  Buffer.concat(Array.from({ length: 200 }, () => instance(from, smallFile(random))));

export const attacks = {
  hugeObjects,
  hugeDocuments,
  openBlocks,
  manySenders,
  longLists,
  manyStudies,
  longRolls,
  absurdBeacons,
  expensiveFiles,
  partialObjects,
  unclaimedInstances,
} as const satisfies Record<string, Attack>;

let sessions = 0;

/** Each document comes in a session of its own, so that none of them is old. */
function nextSession(): number {
  sessions += 1;
  return sessions;
}

/** As many blocks as an object may have. */
function largestObject({ parameters }: SenderIdentity): number {
  const symbolBytes = parameters.datagramBytes - 80;
  return Math.min(
    limits.objectBytesMax,
    (limits.blocksMax - 1) * (parameters.sourceSymbols * symbolBytes - 16),
  );
}

/** Datagrams that are right in all but that what they begin never comes. */
function claims(
  from: SenderIdentity,
  random: Random,
  what: { type: ObjectType; objectBytes: number; count: number; blocksOfOne?: number },
): Uint8Array {
  const { datagramBytes, protection, sourceSymbols } = from.parameters;
  const tag = new DatagramTag(deriveTagKey(from.secret));
  const stock = new Uint8Array(what.count * datagramBytes);
  const session = nextSession();
  const blocks = what.blocksOfOne ?? 1;
  let objectId = random.bytes(objectIdBytes);
  for (let index = 0; index < what.count; index += 1) {
    const datagram = stock.subarray(index * datagramBytes, (index + 1) * datagramBytes);
    if (index % blocks === 0) objectId = random.bytes(objectIdBytes);
    writeObjectHeader(datagram, {
      ...what,
      datagramBytes,
      keyId: from.keyId,
      protection,
      maximumSourceSymbols: sourceSymbols,
      senderId: from.senderId,
      sessionCounter: session,
      sessionRandom: 5,
      objectId,
    });
    writeSymbolHeader(datagram, index % blocks, random.integer(sourceSymbols), 0);
    writeSequence(datagram, index);
    random.fill(datagram.subarray(at.symbol, at.symbol + 64));
    tag.write(datagram);
  }
  return stock;
}

function document(
  from: SenderIdentity,
  type: ObjectType,
  bytes: Uint8Array,
  session = nextSession(),
): Uint8Array {
  return Buffer.concat(datagramsOf(bytes, { from, type, session }).datagrams);
}

function instance(from: SenderIdentity, bytes: Uint8Array): Uint8Array {
  return Buffer.concat(datagramsOf(bytes, { from, session: nextSession() }).datagrams);
}

function manifestOf(from: SenderIdentity, random: Random, count: number): Uint8Array {
  const seed = random.bytes(8);
  const entry = (index: number): ManifestEntry => {
    const digest = createHash('sha256').update(seed).update(String(index)).digest();
    return {
      sopInstanceUid: `2.25.${digest.readUInt32BE(4)}${index}`,
      seriesUid: '2.25.2',
      objectId: digest.toString('hex', 0, objectIdBytes),
      bytes: 1000 + index,
      sha256: digest.toString('hex'),
    };
  };
  return encodeManifest({
    senderId: hexOf(from.senderId),
    studyNumber: 1 + random.integer(2 ** 31),
    revision: 1,
    closedBecause: closeReason.quiet,
    priority: priority.stat,
    closedAtMs: 0,
    studyUid: `2.25.${random.integer(2 ** 31)}${random.integer(2 ** 31)}`,
    entries: Array.from({ length: count }, (_, index) => entry(index)),
  });
}

/** About 50 KB that are 4 million private elements without a value. */
function expensiveFile(random: Random): Uint8Array {
  const elements = 4_000_000;
  const empty = Buffer.alloc(8 * elements);
  const head = Buffer.from([0x29, 0x00, 0x10, 0x10, 0x4c, 0x4f, 0, 0]);
  for (let offset = 0; offset < empty.length; offset += 8) head.copy(empty, offset);
  const dataSet = ctImage({ sopInstanceUid: `2.25.${random.integer(2 ** 31)}` });
  const before = encodeElements(
    dataSet.filter(({ tag }) => tag < 0x0029_1010),
    transferSyntaxes.deflated,
  );
  return encodePart10({
    syntax: transferSyntaxes.deflated,
    dataSet: deflateRawSync(Buffer.concat([before, empty])),
    metaSopClassUid: '1.2.840.10008.5.1.4.1.1.2',
    metaSopInstanceUid: '2.25.11',
  });
}

function smallFile(random: Random): Uint8Array {
  return encodePart10({
    dataSet: ctImage({
      sopInstanceUid: `2.25.${random.integer(2 ** 31)}`,
      studyUid: `2.25.${random.integer(2 ** 31)}`,
    }),
  });
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
