/**
 * Goal: forged datagrams, one for each real one, change nothing but counters and alarms.
 * Method: a small study between the real programs over loopback, and a flooder that has a recording of the link and no
 * key. `npm run flood` does the same with ten million, and compares speed and memory.
 */
import { createSocket } from 'node:dgram';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { FloodRun } from '../fuzz/flood-run.ts';

const instances = 40;
let run: FloodRun | undefined;
afterAll(() => run?.cleanUp());

it('a study crosses a flood of forged datagrams', async () => {
  run = new FloodRun({
    folder: mkdtempSync(join(tmpdir(), 'dicom-diode-flood-')),
    port: await freePort(),
    instances,
    instanceBytes: 128 * 1024,
    rateMegabitsPerSecond: 40,
    seed: 4,
    limitMs: 100_000,
  });
  await run.prepare();
  const result = await run.transfer({ datagramsMax: 20_000 });
  expect(result).toMatchObject({ right: instances, wrong: 0 });
  expect(result.forgedSent).toBeGreaterThan(1000);
  // All that came in beside the sender's own was refused, each under its code.
  expect(Object.keys(result.refused).sort()).toEqual([
    'E_DATAGRAM_KEY',
    'E_DATAGRAM_LENGTH',
    'E_DATAGRAM_MAGIC',
    'E_DATAGRAM_TAG',
    'E_DATAGRAM_VERSION',
  ]);
  expect(Object.values(result.refused).every((count) => count > 0)).toBe(true);
  expect(result.alarms.filter((code) => code === 'E_DATAGRAM_TAG')).toHaveLength(1);
});

async function freePort(): Promise<number> {
  const socket = createSocket('udp4');
  await new Promise<void>((bound) => socket.bind(0, '127.0.0.1', bound));
  const { port } = socket.address();
  await new Promise<void>((closed) => socket.close(closed));
  return port;
}
