/**
 * What must be true of the wire from end to end, for every shape of code and object: what comes out is what was put in,
 * and it comes out exactly when every block has k distinct symbols, whatever was lost, doubled, mixed up, or sent in
 * another pass with another number of repair symbols.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { protection, symbolBytesOf } from '../../shared/wire/datagram.ts';
import { ObjectLayout } from '../../shared/wire/object-layout.ts';
import { Random } from '../harness/random.ts';
import { type Engine, placeOf, receive, send } from './one-way.ts';

const anyEngine = fc.constantFrom<Engine>('reference', 'fastest');

const anyShape = fc.record({
  datagramBytes: fc.constantFrom(512, 517, 640),
  sourceSymbols: fc.oneof(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 30 })),
  protection: fc.constantFrom(protection.sealed, protection.authenticated),
  openBlocks: fc.integer({ min: 1, max: 4 }),
  low: anyEngine,
  high: anyEngine,
});

/** Sizes at the edges of symbols and blocks, and between. */
const anyObject = fc.record({
  bytes: fc.oneof(
    fc.integer({ min: 1, max: 2000 }),
    fc.integer({ min: 1, max: 30_000 }),
    fc
      .tuple(fc.integer({ min: 1, max: 40 }), fc.constantFrom(-17, -16, -15, -1, 0, 1))
      .map(([symbols, more]) => Math.max(1, symbols * 432 + more)),
  ),
  seed: fc.integer({ min: 1, max: 2 ** 31 }),
});

const anyRepair = fc.integer({ min: 0, max: 12 });

/** The same cases in every run; another seed finds others. */
const seed = 20;

describe('an object', () => {
  it('comes out as it was put in, whatever its size and the shape of the code', () =>
    fc.assert(
      fc.property(anyShape, anyRepair, anyObject, ({ low, high, ...shape }, repairSymbols, object) => {
        const parameters = { ...shape, repairSymbols };
        const bytes = new Random(object.seed).bytes(object.bytes);
        const datagrams = send(bytes, { parameters, engine: low, pass: 0, openBlocks: shape.openBlocks });
        const { objects, written, refused } = receive(datagrams, { parameters, engine: high });
        expect(objects).toHaveLength(1);
        expect(Buffer.compare(written.get(objects[0]?.objectId ?? '') ?? new Uint8Array(0), bytes)).toBe(0);
        expect(Object.values(refused).every((count) => count === 0)).toBe(true);
      }),
      { seed, numRuns: 150 },
    ));

  it('survives the loss of any m symbols of each block, and of m + 1 gives nothing', () =>
    fc.assert(
      fc.property(
        anyShape,
        anyRepair,
        anyObject,
        fc.integer({ min: 1, max: 2 ** 31 }),
        fc.boolean(),
        ({ low, high, ...shape }, repairSymbols, object, choice, oneMore) => {
          const random = new Random(choice);
          const parameters = { ...shape, repairSymbols };
          const bytes = new Random(object.seed).bytes(object.bytes);
          const sent = send(bytes, { parameters, engine: low, pass: 0, openBlocks: shape.openBlocks });
          const layout = layoutOf(parameters, bytes.length);
          const unlucky = oneMore ? random.integer(layout.blockCount) : -1;
          const arrived = Array.from({ length: layout.blockCount }, (_, block) => {
            const symbols = random.shuffle(sent.filter((datagram) => placeOf(datagram).block === block));
            return symbols.slice(0, layout.sourceSymbols(block) - (block === unlucky ? 1 : 0));
          });
          const { objects, written } = receive(random.shuffle(arrived.flat()), { parameters, engine: high });
          const [content = new Uint8Array(bytes.length)] = written.values();
          expect(objects).toHaveLength(oneMore ? 0 : 1);
          const start = oneMore ? layout.payloadOffset(unlucky) : bytes.length;
          const end = oneMore ? start + layout.payloadBytes(unlucky) : bytes.length;
          const expected = bytes.slice();
          // Of the block that misses one symbol not a byte is known; the others are there already.
          expected.fill(0, start, end);
          expect(Buffer.compare(content, expected)).toBe(0);
        },
      ),
      { seed, numRuns: 200 },
    ));

  it('comes out exactly when every block has k distinct symbols of whichever passes, in any order', () => {
    let whole = 0;
    let broken = 0;
    fc.assert(
      fc.property(
        anyShape,
        fc.array(anyRepair, { minLength: 1, maxLength: 4 }),
        anyObject,
        fc.record({
          seed: fc.integer({ min: 1, max: 2 ** 31 }),
          lossPercent: fc.integer({ min: 0, max: 60 }),
          duplicationPercent: fc.integer({ min: 0, max: 50 }),
        }),
        ({ low, high, ...shape }, repairs, object, channel) => {
          const random = new Random(channel.seed);
          const bytes = new Random(object.seed).bytes(object.bytes);
          // Each pass has its own m: a receiver knows of none.
          const sent = repairs.flatMap((repairSymbols, pass) =>
            send(bytes, {
              parameters: { ...shape, repairSymbols },
              engine: low,
              pass,
              openBlocks: shape.openBlocks,
            }),
          );
          const arrived = sent
            .filter(() => !random.chance(channel.lossPercent / 100))
            .flatMap((datagram) =>
              random.chance(channel.duplicationPercent / 100) ? [datagram, datagram] : [datagram],
            );
          const parameters = { ...shape, repairSymbols: 0 };
          const layout = layoutOf(parameters, bytes.length);
          const distinct = new Map<number, Set<number>>();
          for (const { block, esi } of arrived.map(placeOf))
            distinct.set(block, (distinct.get(block) ?? new Set()).add(esi));
          const enough = Array.from(
            { length: layout.blockCount },
            (_, block) => (distinct.get(block)?.size ?? 0) >= layout.sourceSymbols(block),
          ).every(Boolean);
          const { objects, written } = receive(random.shuffle(arrived), { parameters, engine: high });
          expect(objects).toHaveLength(enough ? 1 : 0);
          const [content] = written.values();
          if (enough) expect(Buffer.compare(content ?? new Uint8Array(0), bytes)).toBe(0);
          if (enough) whole += 1;
          else broken += 1;
        },
      ),
      { seed, numRuns: 250 },
    );
    // Both sides of the edge were visited.
    expect(Math.min(whole, broken)).toBeGreaterThan(20);
  });
});

function layoutOf(
  parameters: { datagramBytes: number; sourceSymbols: number },
  objectBytes: number,
): ObjectLayout {
  return new ObjectLayout(objectBytes, symbolBytesOf(parameters.datagramBytes), parameters.sourceSymbols);
}
