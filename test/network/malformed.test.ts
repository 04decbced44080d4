/** The short form of `npm run malformed`, against a real sender. */
import { afterEach, expect, it } from 'vitest';
import { Processes } from '../harness/processes.ts';

const processes = new Processes();

afterEach(() => processes.cleanUp());

it('broken conversations are refused, closed and leave nothing; an association beside them goes on', async () => {
  const script = processes.startScript('dist/test/harness/malformed.js', {
    arguments: ['--cases', '3000', '--seed', '7'],
  });
  const { code } = await script.waitForExit(200_000);
  const last = script.lines.filter(({ stream }) => stream === 'stdout').at(-1)?.text ?? '{}';
  expect(JSON.parse(last)).toMatchObject({ ok: true, cases: 3000, problems: [] });
  expect(code).toBe(0);
});
