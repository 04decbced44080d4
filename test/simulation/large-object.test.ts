/**
 * Goal: an object much larger than the memory for it comes through a link that loses a tenth, in few passes, since
 * what a pass leaves open waits on the disk for the next one. Method: real passes of one object at the default code,
 * and an assembler with a spill area on a simulated disk; losses from a seed.
 */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { type AssembledObject, Assembler } from '../../receiver/assemble/assembler.ts';
import { MemorySink } from '../../receiver/assemble/memory-sink.ts';
import { SpillArea } from '../../receiver/vault/spill.ts';
import { Transmission } from '../../sender/encode/transmission.ts';
import { objectPlanner, type SenderIdentity } from '../../sender/identity.ts';
import { createErasureCode } from '../../shared/fec/engine.ts';
import { objectType, protection, symbolBytesOf } from '../../shared/wire/datagram.ts';
import { Random } from '../harness/random.ts';
import { SimulatedDisk } from './simulated-disk.ts';

const identity: SenderIdentity = {
  senderId: new Uint8Array(8).fill(7),
  keyId: 1,
  secret: new Uint8Array(32).fill(3),
  parameters: { datagramBytes: 512, sourceSymbols: 200, repairSymbols: 24, protection: protection.sealed },
};
const { parameters } = identity;
const blockBytes = parameters.sourceSymbols * parameters.datagramBytes;
const blocks = 240;
const openBlocks = 8;
/** Blocks that fit in memory: 6 % of the object. */
const memoryBlocks = 14;
const lossProbability = 0.1;
const passesMax = 12;
const code = createErasureCode();

/** Sends an object until it is whole. @param spillBlocks what the area has room for */
function send(spillBlocks: number) {
  const random = new Random(21);
  const symbolBytes = symbolBytesOf(parameters.datagramBytes);
  const bytes = random.bytes(blocks * parameters.sourceSymbols * symbolBytes - blocks * 16);
  const sha256 = createHash('sha256').update(bytes).digest();
  const plan = objectPlanner(identity)(objectType.instance, sha256, bytes.length);
  const sink = new MemorySink(bytes.length);
  const objects: AssembledObject[] = [];
  let usedBytesMost = 0;
  const assembler = new Assembler({
    datagramBytes: parameters.datagramBytes,
    protection: parameters.protection,
    secrets: new Map([[identity.keyId, identity.secret]]),
    code,
    memoryBytes: memoryBlocks * blockBytes,
    openObjectsMax: 16,
    // Not the sink itself: the assembler takes one of memory for that of a document.
    sinkFor: () => ({
      write: (part, offset) => sink.write(part, offset),
      read: (part, offset) => sink.read(part, offset),
      discard: () => {},
      checkpoint: () => {},
    }),
    spill: new SpillArea({
      disk: new SimulatedDisk(),
      path: '/spill.area',
      symbolBytes,
      areaBytes: spillBlocks * blockBytes,
    }),
    onObject: (object) => objects.push(object),
    onProblem: (error) => {
      throw error;
    },
  });
  let pass = 0;
  for (; pass < passesMax && objects.length === 0; pass += 1) {
    const transmission = new Transmission({
      identity,
      session: { counter: 1 + pass, random: 5 },
      code,
      tag: { write: () => {} },
      openBlocks,
      allocate: (byteLength) => new Uint8Array(byteLength),
    });
    const read = (offset: number, length: number) => bytes.subarray(offset, offset + length);
    const objectId = Buffer.from(plan.objectId, 'hex');
    const { maximumSourceSymbols } = plan;
    const { instance: type } = objectType;
    transmission.add(
      { objectId, type, objectBytes: bytes.length, maximumSourceSymbols, pass, read },
      'routine',
    );
    const datagram = new Uint8Array(parameters.datagramBytes);
    while (transmission.next(datagram)) {
      if (!random.chance(lossProbability)) assembler.receive(datagram, pass);
      usedBytesMost = Math.max(usedBytesMost, assembler.usedBytes);
    }
    while (assembler.work());
  }
  return {
    pass,
    counters: assembler.counters,
    usedBytesMost,
    isWhole: Buffer.compare(sink.bytes, bytes) === 0,
  };
}

describe('an object of many times the memory, a tenth of it lost in each pass', () => {
  it('is whole after two passes, when the spill area has room for what the first leaves open', () => {
    const { pass, counters, usedBytesMost, isWhole } = send(blocks / 2);
    expect([pass, isWhole, counters.blocksEvicted]).toEqual([2, true, 0]);
    expect(counters.blocksSpilled).toBeGreaterThan(blocks / 5);
    expect(usedBytesMost).toBeLessThanOrEqual(memoryBlocks * blockBytes);
  });

  it('takes a pass more, when there is room for a fifth of that', () => {
    const { pass, counters, isWhole } = send(blocks / 15);
    expect([pass, isWhole]).toEqual([3, true]);
    expect(counters.blocksEvicted).toBeGreaterThan(10);
  });
});
