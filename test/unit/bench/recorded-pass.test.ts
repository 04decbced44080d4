import { expect, test } from 'vitest';
import { isComplete } from '../../bench/loss-model.ts';
import { openBlocks, recordPass } from '../../bench/recorded-pass.ts';

const instances = 100;
const pass = recordPass(instances, 512_000);

test('a pass has every symbol of every block, and says how many of them may be lost', () => {
  // 512 kB are 368 symbols of 1392 bytes: two blocks of 184, with 23 repair symbols each.
  expect([...pass.spare.subarray(0, 2 * instances)].every((spare) => spare === 23)).toBe(true);
  const counts = new Uint16Array(pass.spare.length);
  for (const block of pass.blockOf) counts[block] = (counts[block] ?? 0) + 1;
  expect([...counts.subarray(0, 2 * instances)].every((count) => count === 184 + 23)).toBe(true);
});

test('one burst is spread over all open blocks, and is too long by one datagram a block', () => {
  const { from, to, openBlocks: open } = pass.full;
  // Blocks of 184 symbols are smaller than the largest: a few more of them are open.
  expect(open).toBeGreaterThanOrEqual(openBlocks);
  expect(open).toBeLessThanOrEqual(Math.ceil((openBlocks * 200) / 184));
  const start = Math.round((from + to) / 2);
  expect(isComplete(pass, [{ from: start, to: start + 22 * open }])).toBe(true);
  expect(isComplete(pass, [{ from: start, to: start + 25 * open }])).toBe(false);
});
