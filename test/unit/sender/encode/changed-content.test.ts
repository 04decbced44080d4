/**
 * Goal: what is sealed is what was hashed, so that one key and nonce never meet two contents, whoever changes a file of the
 * spool, whenever and how. Method: every datagram of two passes is recorded while a file is changed between them, or within one;
 * what has one place in one object is one content.
 */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { Transmission } from '../../../../sender/encode/transmission.ts';
import { type TransmitEnd, Transmitter } from '../../../../sender/encode/transmitter.ts';
import { objectPlanner } from '../../../../sender/identity.ts';
import { HeaderTags } from '../../../../shared/crypto/header-tags.ts';
import { PieceTagger, pieceBytes } from '../../../../shared/crypto/piece-tags.ts';
import type { ErrorCode } from '../../../../shared/errors.ts';
import { createErasureCode } from '../../../../shared/fec/engine.ts';
import { at, objectType, protection } from '../../../../shared/wire/datagram.ts';
import { Random } from '../../../harness/random.ts';
import { SimulatedDisk } from '../../../simulation/simulated-disk.ts';

const keyId = 1;
const secret = new Uint8Array(32).fill(3);

function low(mode: 1 | 2) {
  const parameters = { datagramBytes: 1472, sourceSymbols: 20, repairSymbols: 2, protection: mode };
  const identity = { senderId: new Uint8Array(8).fill(5), keyId, secret, parameters };
  const plan = objectPlanner(identity);
  const disk = new SimulatedDisk();
  disk.makeFolder('/objects');
  const transmitter = new Transmitter(
    new Transmission({
      identity,
      session: { counter: 1, random: 1 },
      code: createErasureCode('reference'),
      tag: new HeaderTags(new Map([[keyId, secret]])),
      openBlocks: 2,
      allocate: (byteLength) => new Uint8Array(byteLength),
    }),
    disk,
  );
  /** Lays an object into the spool; its writer keeps it open. */
  const lay = (seed: number, bytes: number) => {
    const content = new Random(seed).bytes(bytes);
    const tagger = new PieceTagger(new Random(seed).bytes(32));
    tagger.update(content);
    const pieceTags = tagger.finish();
    const planned = plan(objectType.instance, createHash('sha256').update(content).digest(), bytes);
    const path = `/objects/${planned.objectId}`;
    const writer = disk.open(path, 'create');
    writer.writeAt(content, 0);
    const order = { ...planned, type: objectType.instance, bytes, lane: 'routine' as const };
    return { writer, order: { ...order, from: { path, pieceTags } }, objectId: planned.objectId };
  };
  /** Contents of source symbols by object and place, of all passes. */
  const contents = new Map<string, Set<string>>();
  const ends: TransmitEnd[] = [];
  const send = (
    order: ReturnType<typeof lay>['order'],
    pass: number,
    during: (datagrams: number) => void,
  ) => {
    transmitter.add({ ...order, pass });
    const datagram = new Uint8Array(parameters.datagramBytes);
    let datagrams = 0;
    for (; transmitter.next(datagram); datagrams += 1) {
      during(datagrams);
      const view = Buffer.from(datagram);
      const esi = view[at.encodingSymbolId] ?? 0;
      if (esi >= parameters.sourceSymbols) continue;
      const id = view.subarray(at.objectId, at.objectId + 16).toString('hex');
      const place = `${id} ${view.readUInt32BE(at.blockNumber)} ${esi}`;
      const symbols = contents.get(place) ?? new Set();
      contents.set(place, symbols.add(view.subarray(at.symbol, -8).toString('latin1')));
    }
    ends.push(...transmitter.takeEnded());
    return datagrams;
  };
  const twice = () => [...contents.values()].filter((symbols) => symbols.size > 1).length;
  const cut = ({ order }: ReturnType<typeof lay>, bytes: number) => disk.cut(order.from.path, bytes);
  return { lay, send, twice, cut, ends };
}

const nothing = () => {};
const size = pieceBytes + 12_345;

interface OpenFile {
  readonly write: (bytes: Uint8Array, offset: number) => void;
  readonly cut: (bytes: number) => void;
}

/** What a writer does to a file that it keeps open, and how the next pass ends. */
const changes: Readonly<
  Record<string, { change: (file: OpenFile, offset: number) => void; pass: ErrorCode | undefined }>
> = {
  'other bytes': {
    change: ({ write }, offset) => write(Uint8Array.of(0, 255), offset),
    pass: 'E_SPOOL_DAMAGED',
  },
  shorter: { change: ({ cut }, offset) => cut(offset), pass: 'E_SPOOL_DAMAGED' },
  'shorter, and as long as before': {
    change: ({ write, cut }, offset) => {
      cut(offset);
      write(new Uint8Array(size - offset).fill(1), offset);
    },
    pass: 'E_SPOOL_DAMAGED',
  },
  // All that was hashed is still there, and no more than that is read.
  longer: { change: ({ write }, offset) => write(new Uint8Array(1 + offset).fill(1), size), pass: undefined },
};

describe.each(Object.entries(protection))('a file of the spool, %s, that is changed', (_, mode) => {
  it('between two passes is not sent again, and the others are', () => {
    const { lay, send, twice, ends } = low(mode);
    const changed = lay(1, size);
    const other = lay(2, size);
    const whole = send(changed.order, 0, nothing);
    changed.writer.writeAt(new Uint8Array(10).fill(1), pieceBytes + 100);
    expect(send(changed.order, 1, nothing)).toBeLessThan(whole);
    expect(send(other.order, 0, nothing)).toBe(whole);
    expect(twice()).toBe(0);
    expect(ends).toEqual([
      { objectId: changed.objectId, failedBecause: undefined },
      { objectId: changed.objectId, failedBecause: 'E_SPOOL_DAMAGED' },
      { objectId: other.objectId, failedBecause: undefined },
    ]);
  });

  it.each(Object.entries(changes))(
    'within a pass, at any moment, never goes out as two contents: %s',
    (_kind, { change, pass }) => {
      for (const changeAt of [0, 1, 50, 100, 300]) {
        for (const offset of [0, 40_000, pieceBytes - 1, pieceBytes, size - 1]) {
          const { lay, send, twice, cut, ends } = low(mode);
          const file = lay(1, size);
          send(file.order, 0, (datagrams) => {
            if (datagrams === changeAt)
              change({ write: file.writer.writeAt, cut: (bytes) => cut(file, bytes) }, offset);
          });
          send(file.order, 1, nothing);
          // Set right again, as a writer may: what it was is sent, and nothing else ever was.
          file.writer.writeAt(new Random(1).bytes(size), 0);
          send(file.order, 2, nothing);
          expect(twice(), `at ${changeAt}, byte ${offset}`).toBe(0);
          expect(ends.slice(1).map(({ failedBecause }) => failedBecause)).toEqual([pass, undefined]);
        }
      }
    },
  );
});
