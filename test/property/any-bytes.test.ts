/**
 * What must be true for any bytes: the project's own error or a value, nothing beyond the limits, and never an object that
 * was not sent. Bytes come in three kinds: noise, good ones with some replaced, and good ones with what the sender's
 * key makes right again.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DiodeError } from '../../shared/errors.ts';
import { type Beacon, decodeBeacon, encodeBeacon } from '../../shared/wire/beacon.ts';
import { at, headerBytes, protection } from '../../shared/wire/datagram.ts';
import { isAeTitle, isUid, limits } from '../../shared/wire/limits.ts';
import { fingerprintOf } from '../../shared/wire/link-parameters.ts';
import { decodeManifest, encodeManifest, type Manifest } from '../../shared/wire/manifest.ts';
import { decodeRollPage, encodeRollPage, type RollPage } from '../../shared/wire/roll.ts';
import { Random } from '../harness/random.ts';
import { memoryBytes, openObjectsMax, receive, send, tag } from './one-way.ts';

const parameters = {
  datagramBytes: 512,
  sourceSymbols: 8,
  repairSymbols: 4,
  protection: protection.sealed,
} as const;

const anyHex = (bytes: number) =>
  fc.uint8Array({ minLength: bytes, maxLength: bytes }).map((found) => Buffer.from(found).toString('hex'));
const anyUid = fc.stringMatching(/^[0-9][0-9.]{0,63}$/).filter(isUid);
const anyCode = fc.stringMatching(/^E_[A-Z0-9_]{1,38}$/);
const anyAeTitle = fc.stringMatching(/^[ -[\]-~]{1,16}$/).filter(isAeTitle);
const anyUint32 = fc.integer({ min: 0, max: 0xffff_ffff });
const anyCount = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });

const anyManifest: fc.Arbitrary<Manifest> = fc.record({
  senderId: anyHex(8),
  studyNumber: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
  revision: fc.integer({ min: 1, max: 0xffff_ffff }),
  closedBecause: fc.constantFrom(1, 2, 3),
  priority: fc.constantFrom(1, 2),
  closedAtMs: anyCount,
  studyUid: anyUid,
  entries: fc.array(
    fc.record(
      {
        sopInstanceUid: anyUid,
        seriesUid: fc.oneof(anyUid, fc.constantFrom('1.2', '1.3')),
        objectId: anyHex(16),
        bytes: anyCount,
        sha256: anyHex(32),
        aeTitles: fc.record({
          calling: fc.oneof(anyAeTitle, fc.constant('CT1')),
          called: fc.oneof(anyAeTitle, fc.constantFrom('DIODE', 'DIODE_STAT')),
        }),
      },
      { requiredKeys: ['sopInstanceUid', 'seriesUid', 'objectId', 'bytes', 'sha256'] },
    ),
    { minLength: 1, maxLength: 8 },
  ),
});

const anyBeacon: fc.Arbitrary<Beacon> = fc.record({
  senderId: anyHex(8),
  sessionCounter: anyUint32,
  sessionRandom: anyUint32,
  beaconNumber: anyCount,
  fingerprint: fc.constant(fingerprintOf(parameters)),
  parameters: fc.record({
    datagramBytes: fc.integer({ min: 0, max: 0xffff }),
    sourceSymbols: fc.integer({ min: 0, max: 255 }),
    repairSymbols: fc.integer({ min: 0, max: 255 }),
    protection: fc.constantFrom(1, 2),
  }),
  clockMs: anyCount,
  upMs: anyCount,
  highestStudyNumber: anyCount,
  lowestRetainedStudyNumber: anyCount,
  queuedObjects: anyCount,
  queuedBytes: anyCount,
  oldestQueuedMs: anyCount,
  spoolBytes: anyCount,
  spoolFreeBytes: anyCount,
  rejected: fc.array(fc.record({ code: anyCode, count: anyCount }), { maxLength: limits.beaconCountersMax }),
  alarms: fc.array(anyCode, { maxLength: limits.beaconAlarmsMax }),
});

const anyRoll: fc.Arbitrary<RollPage> = fc
  .record({
    senderId: anyHex(8),
    sessionCounter: anyUint32,
    sessionRandom: anyUint32,
    rollNumber: anyCount,
    page: fc.integer({ min: 0, max: 0xffff_fffe }),
    more: fc.integer({ min: 1, max: 0xffff_ffff }),
    entries: fc.array(
      fc.record({
        studyNumber: anyCount,
        revision: anyUint32,
        instances: anyUint32,
        state: fc.constantFrom(1, 2),
        manifestId: anyHex(16),
        studyUid: anyUid,
      }),
      { maxLength: 8 },
    ),
  })
  .map(({ more, ...roll }) => ({ ...roll, pages: Math.min(0xffff_ffff, roll.page + more) }));

interface Format<Value> {
  readonly any: fc.Arbitrary<Value>;
  readonly encode: (value: Value) => Uint8Array;
  readonly decode: (bytes: Uint8Array) => Value;
  /** Bytes that the elements of its lists take at least. */
  readonly listBytes: (value: Value) => number;
}

/** Replaces some bytes, cuts the end off or adds to it. */
const anySpoiling = fc.record({
  changes: fc.array(fc.tuple(fc.nat(), fc.oneof(fc.nat(255), fc.constantFrom(0, 1, 127, 255))), {
    maxLength: 4,
  }),
  keep: fc.oneof(fc.constant(1), fc.double({ min: 0, max: 1, noNaN: true })),
  more: fc.uint8Array({ maxLength: 2 }),
});

function spoil(
  bytes: Uint8Array,
  spoiling: typeof anySpoiling extends fc.Arbitrary<infer S> ? S : never,
): Uint8Array {
  const copy = Uint8Array.from([
    ...bytes.subarray(0, Math.ceil(bytes.length * spoiling.keep)),
    ...spoiling.more,
  ]);
  for (const [position, value] of spoiling.changes) if (copy.length > 0) copy[position % copy.length] = value;
  return copy;
}

/** The same cases in every run; another seed finds others. */
const seed = 20;

function documents<Value>(name: string, { any, encode, decode, listBytes }: Format<Value>): void {
  describe(name, () => {
    const read = (bytes: Uint8Array): Value | undefined => {
      try {
        return decode(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(DiodeError);
        expect(error).toMatchObject({ code: 'E_DOCUMENT' });
        return undefined;
      }
    };

    it('that was written is read as it was', () =>
      fc.assert(
        fc.property(any, (value) => {
          expect(decode(encode(value))).toEqual(value);
        }),
        { seed, numRuns: 300 },
      ));

    it('of any bytes is the error, or a value no larger than its bytes', () =>
      fc.assert(
        fc.property(
          fc.oneof(any.map(encode), fc.uint8Array({ maxLength: 300 })),
          anySpoiling,
          (good, spoiling) => {
            const bytes = spoil(good, spoiling);
            const value = read(bytes);
            if (value === undefined) return;
            expect(listBytes(value)).toBeLessThan(bytes.length);
            expect(read(encode(value))).toEqual(value);
          },
        ),
        { seed, numRuns: 1500 },
      ));

    it('with any prefix is the error: a document says where it ends', () =>
      fc.assert(
        fc.property(any, fc.nat(), (value, at) => {
          const bytes = encode(value);
          expect(read(bytes.subarray(0, at % bytes.length))).toBeUndefined();
        }),
        { seed, numRuns: 300 },
      ));
  });
}

documents<Manifest>('a manifest', {
  any: anyManifest,
  encode: encodeManifest,
  decode: decodeManifest,
  listBytes: ({ entries }) => entries.length * 60,
});
documents<Beacon>('a beacon', {
  any: anyBeacon,
  encode: encodeBeacon,
  decode: decodeBeacon,
  listBytes: ({ rejected, alarms }) => rejected.length * 12 + alarms.length * 4,
});
documents<RollPage>('a page of a roll', {
  any: anyRoll,
  encode: encodeRollPage,
  decode: decodeRollPage,
  listBytes: ({ entries }) => entries.length * 35,
});

describe('a datagram', () => {
  const bytes = new Random(3).bytes(9000);
  const good = [0, 1].flatMap((pass) => send(bytes, { parameters, engine: 'fastest', pass, openBlocks: 2 }));

  it('of any bytes is refused by its tag at the latest', () =>
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(), anySpoiling), { maxLength: 20 }), (changes) => {
        const spoiled = changes
          .map(([index, spoiling]) => spoil(good[index % good.length] ?? bytes, spoiling))
          .filter((datagram) => !good.some((other) => Buffer.compare(other, datagram) === 0));
        const { objects, refused, openObjects } = receive(spoiled, { parameters, engine: 'fastest' });
        expect([objects.length, openObjects]).toEqual([0, 0]);
        expect(Object.values(refused).reduce((sum, count) => sum + count, 0)).toBe(spoiled.length);
      }),
      { seed, numRuns: 200 },
    ));

  it('made by who has the key is counted or kept within bounds, and gives no byte that was not sent', () =>
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            index: fc.nat(),
            header: fc.array(fc.tuple(fc.nat(headerBytes - 1), fc.nat(255)), { maxLength: 3 }),
            symbol: fc.boolean(),
          }),
          { minLength: 1, maxLength: 60 },
        ),
        (changes) => {
          const spoiled = changes.map(({ index, header, symbol }) => {
            const copy = (good[index % good.length] ?? bytes).slice();
            // Magic, version, length and key are admission's, and vectors check them.
            for (const [offset, value] of header) if (offset >= at.protection) copy[offset] = value;
            if (symbol) copy[at.symbol + (index % 400)] = index & 0xff;
            tag.write(copy);
            return copy;
          });
          const outcome = receive([...spoiled, ...good], { parameters, engine: 'fastest', memoryBytes });
          expect(outcome.openObjects).toBeLessThanOrEqual(openObjectsMax);
          expect(outcome.usedBytesMost).toBeLessThanOrEqual(memoryBytes + 255 * 512);
          for (const { objectId } of outcome.objects)
            expect(Buffer.compare(outcome.written.get(objectId) ?? new Uint8Array(0), bytes)).toBe(0);
        },
      ),
      { seed, numRuns: 300 },
    ));
});
