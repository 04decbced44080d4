/**
 * Goal: what is brought together from the slots is, byte for byte, what one datagram after the other is, with every
 * engine and with keys that change. Method: two transmissions of the same, one of each kind, with objects and turns from
 * a seed.
 */
import { describe, expect, it } from 'vitest';
import {
  gatheredMax,
  memoryBeforeRing,
  SlotMemory,
  slotMemoryBytes,
} from '../../../../sender/encode/slot-memory.ts';
import { type LaneName, Transmission } from '../../../../sender/encode/transmission.ts';
import { type SenderIdentity, secretsOf } from '../../../../sender/identity.ts';
import { HeaderTags } from '../../../../shared/crypto/header-tags.ts';
import { createErasureCode, engineNames } from '../../../../shared/fec/engine.ts';
import { loadErasureLibrary } from '../../../../shared/kernel-socket.ts';
import { createRing, RingReader, RingWriter } from '../../../../shared/ring.ts';
import { objectType, protection } from '../../../../shared/wire/datagram.ts';
import { Random } from '../../../harness/random.ts';

const openBlocks = 6;
const session = { counter: 3, random: 4 };
const engines = engineNames.filter((name) => name !== 'isal' || loadErasureLibrary() !== undefined);

function identityOf(datagramBytes: number): SenderIdentity {
  return {
    senderId: new Uint8Array(8).fill(9),
    keyId: 1,
    secret: new Uint8Array(32).fill(1),
    otherSecrets: new Map([[2, new Uint8Array(32).fill(2)]]),
    parameters: { datagramBytes, sourceSymbols: 20, repairSymbols: 5, protection: protection.sealed },
  };
}

/** Objects from a seed, each with the step before which it comes. */
function objectsOf(random: Random) {
  return Array.from({ length: 25 }, (_, number) => {
    const content = random.bytes(random.between(1, 40_000));
    return {
      step: random.between(0, 15),
      lane: random.pick<LaneName>(['urgent', 'routine', 'background']),
      object: {
        objectId: new Uint8Array(16).fill(number),
        type: objectType.instance,
        objectBytes: content.length,
        maximumSourceSymbols: 20,
        pass: random.between(0, 3),
        keyId: random.between(1, 2),
        read: (offset: number, length: number) => content.subarray(offset, offset + length),
      },
    };
  });
}

describe.each(engines)('with the engine %s', (engine) => {
  it.each([1472, 517, 1000])(
    'gathered datagrams of %i bytes are those given out one by one',
    (datagramBytes) => {
      const identity = identityOf(datagramBytes);
      const { parameters } = identity;
      const random = new Random(5 + datagramBytes);
      const objects = objectsOf(random);
      const ring = createRing(datagramBytes, 512, memoryBeforeRing(parameters, openBlocks));
      const bytesMax = slotMemoryBytes(parameters, openBlocks);
      const code = createErasureCode(engine, bytesMax, loadErasureLibrary, ring.memory);
      const memory = new SlotMemory(ring, code);
      const tags = new HeaderTags(secretsOf(identity), ring.memory);
      const common = { identity, session, openBlocks };
      const allocate = (byteLength: number) => memory.allocate(byteLength);
      const gathered = new Transmission({ ...common, code, tag: tags, allocate });
      const single = new Transmission({
        ...common,
        code: createErasureCode('simd', bytesMax),
        tag: new HeaderTags(secretsOf(identity)),
        allocate: (byteLength) => new Uint8Array(byteLength),
      });
      const writer = new RingWriter(ring, () => {});
      const reader = new RingReader(ring, () => {});
      const wanted = new Uint8Array(datagramBytes);
      for (let step = 0; step < 400 && !(step > 15 && gathered.idle); step += 1) {
        for (const { lane, object } of objects.filter((each) => each.step === step)) {
          gathered.add(object, lane);
          single.add(object, lane);
        }
        const first = gathered.sequence;
        const count = gathered.collect(memory.addresses.subarray(0, random.between(1, gatheredMax)));
        const region = writer.region(0, count);
        const some = region.length / datagramBytes;
        tags.gather(memory.addresses.subarray(0, some), memory.bytes, region, datagramBytes, first);
        const rest = writer.region(some, count - some);
        tags.gather(memory.addresses.subarray(some, count), memory.bytes, rest, datagramBytes, first + some);
        writer.publish(count);
        for (let index = 0; index < count; index += 1) {
          expect(single.next(wanted)).toBe(true);
          expect(Buffer.compare(reader.region(index, 1), wanted)).toBe(0);
        }
        reader.consume(count);
        expect(gathered.takeEnded()).toEqual(single.takeEnded());
      }
      expect([gathered.idle, single.idle]).toEqual([true, true]);
      expect(gathered.sequence).toBeGreaterThan(500);
    },
  );
});
