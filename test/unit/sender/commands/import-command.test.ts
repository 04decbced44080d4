/** Goal: an import says of no instance that it was refused while the sender is still entering it. */
import { expect, it } from 'vitest';
import { takenIn } from '../../../../sender/commands/import-command.ts';

const instance = (name: string) => ({ name, sha256: name, sopInstanceUid: '1.2.3', studyUid: '1.2' });
const imported = [instance('a.routine'), instance('b.routine')];

/** @param steps what the sender does so long after the copy */
async function look(steps: { arrivedUntilMs: number; rowsAtMs: number; endsAtMs?: number }) {
  let nowMs = 0;
  const names = await takenIn(
    imported,
    {
      arrivedNames: () => (nowMs < steps.arrivedUntilMs ? imported.map(({ name }) => name) : []),
      hasRow: () => nowMs >= steps.rowsAtMs,
      isRunning: () => nowMs < (steps.endsAtMs ?? Number.POSITIVE_INFINITY),
    },
    () => {},
    async (ms) => {
      nowMs += ms;
    },
  );
  return { names: [...names], tookMs: nowMs };
}

it('waits for the rows of names that are gone', async () => {
  expect(await look({ arrivedUntilMs: 300, rowsAtMs: 5000 })).toEqual({ names: [], tookMs: 5000 });
});

it('does not wait for long where no row ever comes', async () => {
  const { names, tookMs } = await look({ arrivedUntilMs: 300, rowsAtMs: Number.POSITIVE_INFINITY });
  expect(names).toEqual([]);
  expect(tookMs).toBeLessThan(20_000);
});

it('says that all of it waits where the sender ends between a name and its row', async () => {
  const looked = await look({ arrivedUntilMs: 300, rowsAtMs: Number.POSITIVE_INFINITY, endsAtMs: 1000 });
  expect(looked.names).toEqual(['a.routine', 'b.routine']);
});

it('gives up on files that a sender does not take in', async () => {
  const { names, tookMs } = await look({ arrivedUntilMs: 1e9, rowsAtMs: 1e9 });
  expect(names).toEqual(['a.routine', 'b.routine']);
  expect(tookMs).toBeLessThan(70_000);
});
