import { describe, expect, it } from 'vitest';
import {
  type AssembledObject,
  Assembler,
  type AssemblerOptions,
} from '../../../../receiver/assemble/assembler.ts';
import { BlockBuffers } from '../../../../receiver/assemble/block-buffers.ts';
import { MemorySink } from '../../../../receiver/assemble/memory-sink.ts';
import { OpenBlock } from '../../../../receiver/assemble/open-block.ts';
import { DiodeError } from '../../../../shared/errors.ts';
import { createErasureCode } from '../../../../shared/fec/engine.ts';
import { at, objectType, protection, tagBytes } from '../../../../shared/wire/datagram.ts';
import { Random } from '../../../harness/random.ts';
import { datagramsOf, identity, secret, senderId } from './datagrams.ts';

const code = createErasureCode();

function high(options: Partial<AssemblerOptions> = {}) {
  const objects: AssembledObject[] = [];
  const sinks = new Map<string, MemorySink>();
  const discarded: string[] = [];
  const problems: DiodeError[] = [];
  const assembler = new Assembler({
    datagramBytes: identity.parameters.datagramBytes,
    protection: protection.sealed,
    secrets: new Map([[1, secret]]),
    code,
    memoryBytes: 1e6,
    openObjectsMax: 100,
    sinkFor: ({ objectId, objectBytes }) => {
      if (objectBytes > 1e6) return undefined;
      const memory = new MemorySink(objectBytes);
      sinks.set(objectId, memory);
      return {
        write: (part, offset) => memory.write(part, offset),
        read: (part, offset) => memory.read(part, offset),
        discard: () => discarded.push(objectId),
        checkpoint: () => {},
      };
    },
    spill: { store: () => false, take: () => undefined, drop: () => {} },
    onObject: (object) => objects.push(object),
    onProblem: (error) => problems.push(error),
    ...options,
  });
  const receive = (datagrams: readonly Uint8Array[], nowMs = 0) => {
    for (const datagram of datagrams) assembler.receive(datagram, nowMs);
    while (assembler.work());
  };
  return { assembler, objects, sinks, discarded, problems, receive, refused: assembler.counters.refused };
}

const bytesOf = (length: number, seed = 1) => new Random(seed).bytes(length);
const changed = (datagram: Uint8Array, offset: number, value: number) => {
  const copy = datagram.slice();
  copy[offset] = value;
  return copy;
};
const numbered = (datagram: Uint8Array) => ({
  block: new DataView(datagram.buffer, datagram.byteOffset).getUint32(at.blockNumber),
  esi: datagram[at.encodingSymbolId] ?? 0,
});

describe('an open block', () => {
  const symbols = Array.from({ length: 8 }, (_, esi) => new Uint8Array(32).fill(esi + 1));
  const area = (content: readonly Uint8Array[]) => ({
    bytes: new Uint8Array(Buffer.concat(content)),
    offsetBytes: 0,
    strideBytes: 32,
  });
  const shape = { sourceSymbols: 8, symbolBytes: 32 };
  const repairEsis = Array.from({ length: 247 }, (_, index) => 8 + index);
  const repair = area(repairEsis.map(() => new Uint8Array(32)));
  code.encode(shape, area(symbols), repairEsis, repair);
  const symbol = (esi: number) =>
    esi < 8 ? symbols[esi] : repair.bytes.subarray((esi - 8) * 32, (esi - 7) * 32);

  it('is decoded from any k distinct symbols', () => {
    const random = new Random(11);
    for (let round = 0; round < 100; round += 1) {
      const block = new OpenBlock(0, 8, 32, new BlockBuffers(32, 1e6));
      const esis = new Set<number>();
      while (esis.size < 8) esis.add(random.integer(255));
      for (const esi of esis) {
        expect(block.decodable).toBe(false);
        expect(block.add(esi, symbol(esi) ?? new Uint8Array(0))).toBe(true);
        expect(block.add(esi, new Uint8Array(32))).toBe(false);
      }
      expect(block.decodable).toBe(true);
      expect(block.missingSymbols).toBe(8 - [...esis].filter((esi) => esi < 8).length);
      expect(Buffer.from(block.decode(code, new Uint8Array(8 * 32))).equals(Buffer.concat(symbols))).toBe(
        true,
      );
    }
  });

  it('gives a source symbol its place also when a repair symbol lies there, and keeps what it has', () => {
    const random = new Random(12);
    for (let round = 0; round < 200; round += 1) {
      const block = new OpenBlock(0, 8, 32, new BlockBuffers(32, 1e6));
      const esis = new Set<number>();
      // Repair symbols first: most source symbols find their place taken.
      while (esis.size < 1 + random.integer(6)) esis.add(8 + random.integer(247));
      while (esis.size < 7) esis.add(random.integer(8));
      for (const esi of esis) block.add(esi, symbol(esi) ?? new Uint8Array(0));
      const kept = block.collected(new Uint8Array(8 * 32));
      expect(new Set(kept.encodingSymbolIds)).toEqual(esis);
      for (const [index, esi] of kept.encodingSymbolIds.entries())
        expect(kept.symbols.subarray(index * 32, (index + 1) * 32)).toEqual(symbol(esi));
      const later = new OpenBlock(0, 8, 32, new BlockBuffers(32, 1e6));
      later.addCollected(kept);
      const last = [0, 1, 2, 3, 4, 5, 6, 7].find((esi) => !esis.has(esi)) ?? 8;
      later.add(last, symbol(last) ?? new Uint8Array(0));
      expect(Buffer.from(later.decode(code, new Uint8Array(8 * 32))).equals(Buffer.concat(symbols))).toBe(
        true,
      );
    }
  });

  it('leaves its memory to the next ones, within the bound of all that are open', () => {
    const buffers = new BlockBuffers(32, 4096);
    const open = Array.from({ length: 8 }, (_, number) => new OpenBlock(number, 16, 32, buffers));
    for (const [index, block] of open.entries()) {
      block.giveBack();
      const usedBytes = (open.length - index - 1) * 512;
      expect(usedBytes + buffers.keptBytes).toBeLessThanOrEqual(4096);
      expect(buffers.keptBytes).toBe(Math.min(1024, 512 * (index + 1)));
    }
    const more = Array.from({ length: 9 }, (_, number) => new OpenBlock(number, 16, 32, buffers));
    expect(buffers.keptBytes).toBe(0);
    // As many as the bound allows are still open: nothing is kept beside them.
    more[0]?.giveBack();
    expect(buffers.keptBytes).toBe(0);
    more[1]?.giveBack();
    expect(buffers.keptBytes).toBe(512);
  });

  it('uses memory for what it has, and takes nothing unchecked', () => {
    const block = new OpenBlock(0, 8, 32, new BlockBuffers(32, 1e6));
    expect(block.usedBytes).toBe(256);
    const taken = repairEsis.filter((esi) => block.add(esi, symbol(esi) ?? new Uint8Array(0)));
    expect([block.usedBytes, taken.length, block.decodable]).toEqual([256, 8, true]);
    expect(() => block.add(255, new Uint8Array(32))).toThrow('a checked symbol');
    expect(() => block.add(0, new Uint8Array(31))).toThrow('a checked symbol');
    expect(() => new OpenBlock(0, 201, 32, new BlockBuffers(32, 1e6))).toThrow('k within bounds');
  });
});

describe('an object', () => {
  it('comes out whole, once, whatever its size', () => {
    for (const length of [1, 415, 416, 417, 3440, 3441, 50_000]) {
      const { receive, objects, sinks, assembler } = high();
      const bytes = bytesOf(length);
      const { objectId, datagrams } = datagramsOf(bytes);
      receive(datagrams);
      receive(datagrams);
      expect(objects).toMatchObject([{ objectId, senderId, bytes: length, type: objectType.instance }]);
      expect(sinks.get(objectId)?.bytes).toEqual(bytes);
      expect(assembler.counters.ofFinished).toBeGreaterThanOrEqual(datagrams.length);
      expect([assembler.openObjects, assembler.usedBytes]).toEqual([0, 0]);
    }
  });

  it('combines symbols of passes of which none is enough', () => {
    const { receive, objects, sinks } = high();
    const bytes = bytesOf(20_000);
    for (const pass of [0, 1, 2, 3]) {
      const { datagrams } = datagramsOf(bytes, { pass, session: 1 + pass });
      receive(datagrams.filter((_, index) => index % 4 === pass));
    }
    expect(objects).toHaveLength(1);
    expect([...sinks.values()][0]?.bytes).toEqual(bytes);
  });

  it('that is finished stays so, until that is taken back', () => {
    const { receive, objects, assembler } = high();
    const { objectId, datagrams } = datagramsOf(bytesOf(3000));
    assembler.finish({ objectId, keyId: 1 });
    receive(datagrams);
    expect([objects.length, assembler.counters.ofFinished]).toEqual([0, datagrams.length]);
    assembler.unfinish(objectId);
    receive(datagrams);
    expect(objects).toHaveLength(1);
  });

  it('that is finished while it is collected is collected no further, and its file is left alone', () => {
    const { receive, objects, discarded, assembler } = high();
    const { objectId, datagrams } = datagramsOf(bytesOf(20_000));
    const half = Math.floor(datagrams.length / 2);
    receive(datagrams.slice(0, half));
    assembler.finish({ objectId, keyId: 1 });
    expect([assembler.openObjects, assembler.usedBytes]).toEqual([0, 0]);
    receive(datagrams);
    expect([objects.length, assembler.counters.ofFinished]).toEqual([0, datagrams.length]);
    expect(discarded).toEqual([]);
  });

  it('that is a document is in memory, and may come anew when it could not be kept', () => {
    const { receive, objects, assembler, sinks } = high();
    const bytes = bytesOf(1000);
    const { objectId, datagrams } = datagramsOf(bytes, { type: objectType.manifest });
    receive(datagrams);
    receive(datagrams);
    expect(objects.map(({ document }) => document)).toEqual([bytes]);
    assembler.unfinish(objectId);
    receive(datagrams);
    expect(objects).toHaveLength(2);
    expect(sinks.size).toBe(0);
  });

  it('tells when a datagram of it last came', () => {
    const { receive, assembler } = high();
    const { objectId, datagrams } = datagramsOf(bytesOf(20_000));
    receive(datagrams.slice(0, 3), 10);
    receive(datagrams.slice(3, 4), 25);
    expect(assembler.touchedAtMs({ objectId, keyId: 1 })).toBe(25);
    receive(datagrams, 30);
    expect(assembler.touchedAtMs({ objectId, keyId: 1 })).toBeUndefined();
  });
});

describe('a poisoned symbol', () => {
  it('spoils its block, which is collected anew and never counts as finished', () => {
    const { receive, objects, sinks, refused, assembler } = high();
    const bytes = bytesOf(3000);
    const { objectId, datagrams } = datagramsOf(bytes);
    const [first = new Uint8Array(0), ...others] = datagrams;
    receive([changed(first, at.symbol, (first[at.symbol] ?? 0) ^ 1), ...others.slice(0, 7)]);
    expect([refused.get('E_BLOCK_OPEN'), objects.length]).toEqual([1, 0]);
    expect(assembler.counters.blocksFinished).toBe(0);
    receive(datagrams);
    expect(objects).toHaveLength(1);
    expect(sinks.get(objectId)?.bytes).toEqual(bytes);
  });

  it('of another object under this id is never opened', () => {
    const { receive, objects, refused } = high();
    // Sealed by who has the key, and still not what the id stands for.
    const { datagrams } = datagramsOf(bytesOf(3000, 1), { spoiled: bytesOf(3000, 2) });
    receive(datagrams);
    expect([objects.length, refused.get('E_OBJECT_HASH')]).toEqual([0, 1]);
  });

  it.each<[string, number]>([
    ['object size', at.objectBytes + 7],
    ['k', at.maximumSourceSymbols],
    ['a block number out of the object', at.blockNumber],
    ['reserved bytes', at.reserved],
  ])('with another %s is refused', (_what, offset) => {
    const { receive, objects, refused } = high();
    const { datagrams } = datagramsOf(bytesOf(3000));
    const [first = new Uint8Array(0), second = new Uint8Array(0)] = datagrams;
    receive([first, changed(second, offset, (second[offset] ?? 0) ^ 3)]);
    expect(refused.get('E_DATAGRAM_FIELD')).toBe(1);
    receive(datagrams);
    expect(objects).toHaveLength(1);
  });

  it('of another key, mode or sender is refused, or is another object', () => {
    const { receive, objects, refused } = high();
    receive(datagramsOf(bytesOf(100), { from: { ...identity, keyId: 2 } }).datagrams.slice(0, 1));
    expect(refused.get('E_DATAGRAM_KEY')).toBe(1);
    const mode = { ...identity.parameters, protection: protection.authenticated };
    receive(datagramsOf(bytesOf(100), { from: { ...identity, parameters: mode } }).datagrams.slice(0, 1));
    expect(refused.get('E_DATAGRAM_MODE')).toBe(1);
    receive(datagramsOf(bytesOf(100), { from: { ...identity, senderId: new Uint8Array(8) } }).datagrams);
    expect(objects).toMatchObject([{ senderId: '00'.repeat(8) }]);
  });

  it('of any bytes does no harm', () => {
    const { assembler, objects } = high();
    const random = new Random(5);
    const { datagrams } = datagramsOf(bytesOf(5000));
    for (let round = 0; round < 3000; round += 1) {
      const datagram = random.pick(datagrams).slice();
      for (let flips = random.integer(6); flips >= 0; flips -= 1)
        datagram[random.integer(datagram.length - tagBytes)] = random.integer(256);
      assembler.receive(datagram, round);
    }
    expect(assembler.openObjects).toBeLessThanOrEqual(100);
    expect(objects.every(({ bytes }) => bytes === 5000)).toBe(true);
  });
});

describe('bounds', () => {
  it('of memory drop the block that waited longest, and a later pass brings it', () => {
    const { receive, assembler, objects } = high({ memoryBytes: 20_000 });
    const all = Array.from({ length: 20 }, (_, seed) => datagramsOf(bytesOf(3000, seed + 1)));
    for (const { datagrams } of all) receive(datagrams.slice(0, 3));
    expect(assembler.usedBytes).toBeLessThanOrEqual(20_000);
    expect(assembler.counters.blocksEvicted).toBeGreaterThan(10);
    for (const { datagrams } of all) receive(datagrams);
    expect(objects).toHaveLength(20);
  });

  it('of open objects give up the one that waited longest', () => {
    const { receive, assembler, discarded, objects } = high({ openObjectsMax: 3 });
    const all = Array.from({ length: 4 }, (_, seed) => datagramsOf(bytesOf(20_000, seed + 1)));
    for (const [index, { datagrams }] of all.entries()) receive(datagrams.slice(0, 2), index);
    expect(assembler.openObjects).toBe(3);
    expect(discarded).toEqual([all[0]?.objectId]);
    for (const { datagrams } of all) receive(datagrams, 10);
    expect(objects).toHaveLength(4);
  });

  it('of the disk are said, cost the datagram, and end nothing', () => {
    let full = true;
    const { receive, assembler, objects } = high({
      sinkFor: ({ objectBytes }) => (full ? undefined : new MemorySink(objectBytes)),
    });
    const { datagrams } = datagramsOf(bytesOf(3000));
    receive(datagrams);
    expect([assembler.counters.noRoom, assembler.openObjects]).toEqual([datagrams.length, 0]);
    full = false;
    receive(datagrams);
    expect(objects).toHaveLength(1);
  });

  it('of documents in memory are kept, whatever their headers claim, and the room comes back', () => {
    const { receive, assembler } = high({ openObjectsMax: 1000 });
    const { datagrams } = datagramsOf(bytesOf(400), { type: objectType.manifest });
    const [datagram = new Uint8Array(0)] = datagrams;
    const claims = Array.from({ length: 20 }, (_, index) => {
      const copy = changed(datagram, at.objectId, index);
      new DataView(copy.buffer).setBigUint64(at.objectBytes, 16n * 2n ** 20n);
      return copy;
    });
    receive(claims);
    // Two of the largest may be in memory, and none of these has brought anything.
    expect([assembler.openObjects, assembler.documentBytes]).toEqual([20, 0]);
    expect(assembler.usedBytes).toBeLessThanOrEqual(20 * 8 * 432);
    assembler.expire(60_000);
    expect([assembler.openObjects, assembler.usedBytes]).toEqual([0, 0]);
  });

  it('of a disk that refuses drop the block, with its code', () => {
    let refuse = true;
    const memory = new MemorySink(3000);
    const { receive, problems, objects, refused } = high({
      sinkFor: () => ({
        write: (part, offset) => {
          if (refuse) throw new DiodeError('E_DISK_FULL');
          memory.write(part, offset);
        },
        read: (part, offset) => memory.read(part, offset),
        discard: () => {},
        checkpoint: () => {},
      }),
    });
    const { datagrams } = datagramsOf(bytesOf(3000));
    receive(datagrams.filter((datagram) => numbered(datagram).block === 0).slice(0, 8));
    expect([problems[0]?.code, refused.get('E_DISK_FULL')]).toEqual(['E_DISK_FULL', 1]);
    refuse = false;
    receive(datagrams);
    expect(objects).toHaveLength(1);
  });
});
