/** Manifests, beacons and rolls: what a sender, or somebody with its key, says in place of them. */
import { deepStrictEqual } from 'node:assert/strict';
import { type Beacon, decodeBeacon, encodeBeacon } from '../../../shared/wire/beacon.ts';
import { protection } from '../../../shared/wire/datagram.ts';
import {
  closeReason,
  decodeManifest,
  encodeManifest,
  type Manifest,
  priority,
} from '../../../shared/wire/manifest.ts';
import { decodeRollPage, encodeRollPage, type RollPage, rollState } from '../../../shared/wire/roll.ts';
import { Random } from '../../harness/random.ts';
import { uidFrom } from '../../harness/synthetic-instance.ts';
import type { FuzzTarget } from '../fuzz-target.ts';
import { mutate } from '../mutate.ts';

const hex = (random: Random, bytes: number) => Buffer.from(random.bytes(bytes)).toString('hex');

function manifest(random: Random, entries: number): Manifest {
  const seriesUids = Array.from({ length: 1 + random.integer(4) }, () => uidFrom(random));
  return {
    senderId: hex(random, 8),
    studyNumber: 1 + random.integer(1e6),
    revision: 1 + random.integer(9),
    closedBecause: random.pick(Object.values(closeReason)),
    priority: random.pick(Object.values(priority)),
    closedAtMs: random.integer(2 ** 42),
    studyUid: uidFrom(random),
    entries: Array.from({ length: entries }, () => ({
      sopInstanceUid: uidFrom(random),
      seriesUid: random.pick(seriesUids),
      objectId: hex(random, 16),
      bytes: 1 + random.integer(1e9),
      sha256: hex(random, 32),
      ...(random.chance(0.7) && {
        aeTitles: { calling: random.pick(['CT1', 'MR 2']), called: random.pick(['DIODE', 'DIODE_STAT']) },
      }),
    })),
  };
}

function beacon(random: Random): Beacon {
  const codes = ['E_DISK_FULL', 'E_NOT_DICOM', 'E_LINK_DOWN'];
  return {
    senderId: hex(random, 8),
    sessionCounter: random.word(),
    sessionRandom: random.word(),
    beaconNumber: random.integer(1e9),
    fingerprint: hex(random, 8),
    parameters: {
      datagramBytes: 1472,
      sourceSymbols: 200,
      repairSymbols: 24,
      protection: protection.sealed,
    },
    clockMs: random.integer(2 ** 42),
    upMs: random.integer(2 ** 32),
    highestStudyNumber: random.integer(1e6),
    lowestRetainedStudyNumber: random.integer(1e3),
    queuedObjects: random.integer(1e5),
    queuedBytes: random.integer(1e12),
    oldestQueuedMs: random.integer(1e7),
    spoolBytes: random.integer(1e12),
    spoolFreeBytes: random.integer(1e12),
    rejected: codes.slice(random.integer(4)).map((code) => ({ code, count: random.integer(1e6) })),
    alarms: codes.slice(random.integer(4)),
  };
}

function roll(random: Random, entries: number): RollPage {
  const pages = 1 + random.integer(4);
  return {
    senderId: hex(random, 8),
    sessionCounter: random.word(),
    sessionRandom: random.word(),
    rollNumber: random.integer(1e6),
    page: random.integer(pages),
    pages,
    entries: Array.from({ length: entries }, (_, index) => ({
      studyNumber: 1 + index,
      revision: 1 + random.integer(4),
      instances: random.integer(1e4),
      state: random.pick(Object.values(rollState)),
      manifestId: hex(random, 16),
      studyUid: uidFrom(random),
    })),
  };
}

/** A document that is taken must be one that could have been written, and mean the same when it is read again. */
function runOf<Document>(
  decode: (bytes: Uint8Array) => Document,
  encode: (document: Document) => Uint8Array,
): FuzzTarget['run'] {
  return (input) => {
    const document = decode(input);
    deepStrictEqual(decode(encode(document)), document);
    return 'taken';
  };
}

/** Half of a kind are soundly encoded and then changed in one place: they get past the first fields. */
function inputOf(encoded: (random: Random) => Uint8Array): FuzzTarget['input'] {
  return (random) => {
    const sound = encoded(random);
    if (random.chance(0.02)) return sound;
    return mutate(sound, random, random.chance(0.1) ? encoded(random) : sound);
  };
}

const entriesOf = (random: Random): number => (random.chance(0.05) ? 300 : 1 + random.integer(12));
const manifestEntryBytes = 106;
const rollEntryBytes = 78;

export const manifestTarget: FuzzTarget = {
  name: 'manifest',
  input: inputOf((random) => encodeManifest(manifest(random, entriesOf(random)))),
  run: runOf(decodeManifest, encodeManifest),
  timed: decodeManifest,
  sized: (bytes) => encodeManifest(manifest(new Random(1), Math.ceil(bytes / manifestEntryBytes))),
};

export const beaconTarget: FuzzTarget = {
  name: 'beacon',
  input: inputOf((random) => encodeBeacon(beacon(random))),
  run: runOf(decodeBeacon, encodeBeacon),
};

export const rollTarget: FuzzTarget = {
  name: 'roll',
  input: inputOf((random) => encodeRollPage(roll(random, entriesOf(random)))),
  run: runOf(decodeRollPage, encodeRollPage),
  timed: decodeRollPage,
  sized: (bytes) => encodeRollPage(roll(new Random(1), Math.min(4096, Math.ceil(bytes / rollEntryBytes)))),
};
