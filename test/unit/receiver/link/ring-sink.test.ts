/**
 * Goal: every good datagram of every message is in the ring once and in order, whatever stands between, whether it was
 * read into the ring or handed over, and wherever the ring ends; what has no room is counted. Method: messages from a
 * seed, with good, forged and cut datagrams, into a small ring that is read now and then.
 */
import { describe, expect, it } from 'vitest';
import { Admission } from '../../../../receiver/link/admission.ts';
import { messageBytesMax } from '../../../../receiver/link/link.ts';
import { RingSink } from '../../../../receiver/link/ring-sink.ts';
import { deriveTagKey } from '../../../../shared/crypto/keys.ts';
import { DatagramTag } from '../../../../shared/crypto/siphash.ts';
import { createRing, RingReader, RingWriter } from '../../../../shared/ring.ts';
import {
  at,
  objectType,
  protection,
  writeObjectHeader,
  writeSequence,
} from '../../../../shared/wire/datagram.ts';
import { Random } from '../../../harness/random.ts';

const datagramBytes = 1472;
const perMessageMax = Math.floor(messageBytesMax / datagramBytes);
const secret = new Uint8Array(32).fill(3);
const tag = new DatagramTag(deriveTagKey(secret));

function datagramOf(sequence: number, isGood: boolean): Uint8Array {
  const bytes = new Uint8Array(datagramBytes);
  const identity = { senderId: new Uint8Array(8), objectId: new Uint8Array(16) };
  writeObjectHeader(bytes, {
    ...identity,
    datagramBytes,
    type: objectType.instance,
    protection: protection.sealed,
    keyId: 1,
    sessionCounter: 1,
    sessionRandom: 1,
    objectBytes: 1000,
    maximumSourceSymbols: 200,
  });
  writeSequence(bytes, sequence);
  tag.write(bytes);
  if (!isGood) bytes[at.symbol] = (bytes[at.symbol] ?? 0) ^ 1;
  return bytes;
}

function site(slots: number) {
  const ring = createRing(datagramBytes, slots);
  const writer = new RingWriter(ring, () => {});
  const admission = new Admission(datagramBytes, new Map([[1, secret]]), ring.memory);
  const sink = new RingSink(writer, admission);
  const reader = new RingReader(ring, () => {});
  const read = (): number[] => {
    const found: number[] = [];
    while (reader.available > 0) {
      const bytes = reader.region(0, 1);
      found.push(new DataView(bytes.buffer, bytes.byteOffset).getUint32(at.sequence + 4));
      reader.consume(1);
    }
    return found;
  };
  return { ring, admission, sink, read };
}

/** As the kernel does it: into the room there is. */
function readInto(sink: RingSink, message: Uint8Array): void {
  sink.room().set(message);
  sink.filled(message.length);
}

describe('from the socket into the ring', () => {
  it.each(['read', 'handed over', 'now this, now that'])(
    'what is good goes in, once and in order: %s',
    (how) => {
      const random = new Random(7);
      const { ring, admission, sink, read } = site(256);
      const [wanted, found]: [number[], number[]] = [[], []];
      let [sequence, forged, cut] = [0, 0, 0];
      for (let turn = 0; turn < 60; turn += 1) {
        const count = random.between(0, perMessageMax);
        const pieces: Uint8Array[] = [];
        for (let index = 0; index < count; index += 1) {
          const isGood = !random.chance(0.1);
          sequence += 1;
          if (isGood) wanted.push(sequence);
          else forged += 1;
          pieces.push(datagramOf(sequence, isGood));
        }
        const rest = random.chance(0.2) ? 100 : 0;
        if (rest > 0 || count === 0) cut += 1;
        const message = Buffer.concat([...pieces, new Uint8Array(rest)]);
        const isRead = how === 'read' || (how !== 'handed over' && random.chance(0.5));
        if (isRead) readInto(sink, message);
        else sink.take(message);
        if (random.chance(0.4) || ring.slots - (wanted.length - found.length) < perMessageMax)
          found.push(...read());
      }
      found.push(...read());
      expect(found).toEqual(wanted);
      expect(sink.ringDrops).toBe(0);
      expect(admission.refused).toMatchObject({ E_DATAGRAM_TAG: forged, E_DATAGRAM_LENGTH: cut });
      expect(admission.admitted).toBe(wanted.length);
    },
  );

  it('counts what a full ring has no room for, and goes on when there is room', () => {
    const { ring, sink, read } = site(64);
    const message = (first: number) =>
      Buffer.concat(Array.from({ length: 40 }, (_, index) => datagramOf(first + index, true)));
    readInto(sink, message(0));
    readInto(sink, message(100));
    expect(sink.ringDrops).toBe(80 - ring.slots);
    expect(read()).toHaveLength(ring.slots);
    readInto(sink, message(200));
    expect(read()).toEqual(Array.from({ length: 40 }, (_, index) => 200 + index));
    expect(sink.ringDrops).toBe(80 - ring.slots);
  });

  it('says whether there is room for the largest message, and whether half of it is free', () => {
    const { sink, read } = site(128);
    const message = Buffer.concat(Array.from({ length: 20 }, (_, index) => datagramOf(index, true)));
    const told = () => {
      readInto(sink, message);
      return [sink.hasRoom, sink.isHalfFree];
    };
    // 108, 88, 68, 48 and 28 of 128 are free; the largest message takes 45.
    expect([told(), told(), told(), told(), told()]).toEqual([
      [true, true],
      [true, true],
      [true, true],
      [true, false],
      [false, false],
    ]);
    read();
    expect([sink.hasRoom, sink.isHalfFree]).toEqual([true, true]);
  });
});
