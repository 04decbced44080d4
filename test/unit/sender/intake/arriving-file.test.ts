/** Goal: what comes in pieces is in the file as it came, durable when it says so, and no error of the disk is lost. */
import { expect, it } from 'vitest';
import { type ArrivingDisk, ArrivingFile, pieceBytes } from '../../../../sender/intake/arriving-file.ts';
import { DiodeError } from '../../../../shared/errors.ts';
import { Random } from '../../../harness/random.ts';

/** A disk in memory that may be slow, or fail at one of its steps. */
function disk(failing?: { step: 'create' | 'append' | 'sync'; number: number }) {
  const written: Buffer[] = [];
  const done = { create: 0, append: 0, sync: 0, close: 0 };
  let appending = 0;
  let most = 0;
  const step = async (name: keyof typeof done) => {
    await new Promise((resolve) => setImmediate(resolve));
    done[name] += 1;
    if (failing?.step === name && failing.number === done[name]) throw new DiodeError('E_DISK_FULL');
  };
  const arrivingDisk: ArrivingDisk = {
    create: async () => {
      await step('create');
      return {
        append: async (bytes) => {
          most = Math.max(most, ++appending);
          await step('append');
          written.push(Buffer.from(bytes));
          appending -= 1;
        },
        sync: () => step('sync'),
        close: () => step('close'),
      };
    },
  };
  return { arrivingDisk, done, content: () => Buffer.concat(written), most: () => most };
}

async function write(file: ArrivingFile, bytes: Uint8Array, random: Random): Promise<void> {
  for (let start = 0; start < bytes.length; ) {
    const part = bytes.slice(start, start + random.between(1, 3 * pieceBytes));
    await file.write(part);
    // The caller's buffer is used again.
    part.fill(0xee);
    start += part.length;
  }
}

it.each([1, pieceBytes - 1, pieceBytes, pieceBytes + 1, 2 * pieceBytes, 7 * pieceBytes + 13])(
  '%i bytes are in the file as they came, one write at a time, synced and closed',
  async (length) => {
    const random = new Random(length);
    const bytes = random.bytes(length);
    const { arrivingDisk, done, content, most } = disk();
    const beginnings: Buffer[] = [];
    const file = new ArrivingFile(arrivingDisk, 'x', (first) => void beginnings.push(Buffer.from(first)));
    await write(file, bytes, random);
    await file.finish();
    expect(file.bytes).toBe(length);
    expect(content().equals(bytes)).toBe(true);
    expect(beginnings).toHaveLength(1);
    expect(beginnings[0]?.equals(bytes.subarray(0, pieceBytes))).toBe(true);
    expect(most()).toBe(1);
    expect(done).toMatchObject({ create: 1, sync: 1, close: 1 });
  },
);

it('a long file is synced while it comes, and its end once more', async () => {
  const { arrivingDisk, done } = disk();
  const file = new ArrivingFile(arrivingDisk, 'x', () => {});
  const piece = new Uint8Array(pieceBytes);
  for (let bytes = 0; bytes < 100 * 2 ** 20; bytes += pieceBytes) await file.write(piece);
  await file.finish();
  expect(done.sync).toBe(4);
});

it.each([
  ['create', 1],
  ['append', 1],
  ['append', 3],
  ['append', 130],
  ['sync', 1],
  ['sync', 3],
] as const)('an error of the disk is told: %s %i', async (step, number) => {
  const { arrivingDisk, done } = disk({ step, number });
  const file = new ArrivingFile(arrivingDisk, 'x', () => {});
  const run = async () => {
    for (let piece = 0; piece < 130; piece += 1) await file.write(new Uint8Array(pieceBytes));
    await file.finish();
  };
  await expect(run()).rejects.toMatchObject({ code: 'E_DISK_FULL' });
  await file.abandon();
  expect(done.close).toBe(step === 'create' ? 0 : 1);
});
