import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { differenceOf, verifyFiles } from '../../../shared/verify.ts';
import { SimulatedDisk } from '../../simulation/simulated-disk.ts';

describe('what is kept', () => {
  it('is read to its last byte, and what differs is named unless it is kept no more', () => {
    const disk = new SimulatedDisk();
    disk.makeFolder('/kept');
    const file = (name: string, bytes: Uint8Array) => {
      const path = `/kept/${name}`;
      disk.open(path, 'create').writeAt(bytes, 0);
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      return { objectId: name, path, bytes: bytes.length, sha256 };
    };
    const content = (seed: number) => new Uint8Array(70_000).fill(seed);
    const files = ['good', 'flipped', 'cut', 'gone', 'expired'].map((name, seed) =>
      file(name, content(seed)),
    );
    const last = content(1);
    last[69_999] = 0xff;
    disk.open('/kept/flipped', 'update').writeAt(last, 0);
    for (const name of ['cut', 'gone', 'expired']) disk.remove(`/kept/${name}`);
    file('cut', new Uint8Array(5));
    const result = verifyFiles(files, files.length, ({ objectId }) => objectId !== 'expired', disk);
    expect([result.files, result.bytes]).toEqual([5, 350_000]);
    expect(result.different.map(({ file: { objectId }, difference }) => [objectId, difference])).toEqual([
      ['flipped', 'content'],
      ['cut', 'size'],
      ['gone', 'missing'],
    ]);
    const buffer = new Uint8Array(999);
    expect(differenceOf(disk, { ...files[0], ...file('again', content(0)) }, buffer)).toBeUndefined();
  });
});
