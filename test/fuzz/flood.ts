/**
 * Forged datagrams beside a real transfer, one for one: `npm run flood -- [--forged N] [--rate MEGABITS] [--json]`.
 * A study crosses loopback once in peace and once under the flood, between the real programs. It is well when the study
 * comes whole, every released byte is right, goodput is at least 70 % of that in peace, and memory stays as it was.
 */
import { createSocket } from 'node:dgram';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { bytesText, rateText } from '../../shared/console/quantities.ts';
import { table } from '../../shared/console/table.ts';
import { FloodRun, type TransferResult } from './flood-run.ts';

interface Options {
  readonly forged: number;
  readonly rate: number;
  readonly seed: number;
  readonly folder: string;
  readonly json: boolean;
}

const instanceBytes = 512 * 1024;
const symbolBytes = 1392;
/** Two passes, each with 24 repair symbols for 200. */
const datagramsPerSymbol = 2.24;
const goodputShareMin = 0.7;
/** The most under the flood against the most in peace; what a heap is at any moment differs by so much. */
const residentGrowthMax = 1.15;

const options = new Command('flood')
  .description('forged datagrams beside a real transfer, one for one')
  .option('--forged <n>', 'how many forged datagrams, and so how large the study is', Number, 10_000_000)
  .option('--rate <megabits>', 'rate of the sender and of the flood, each', Number, 400)
  .option('--seed <n>', 'seed of all randomness', Number, 1)
  .option('--folder <path>', 'where it writes: three times the study', tmpdir())
  .option('--json', 'print one JSON object as the last line', false)
  .parse()
  .opts<Options>();

const instances = Math.max(1, Math.ceil((options.forged * symbolBytes) / datagramsPerSymbol / instanceBytes));
const run = new FloodRun({
  folder: mkdtempSync(join(options.folder, 'dicom-diode-flood-')),
  port: await freePort(),
  instances,
  instanceBytes,
  rateMegabitsPerSecond: options.rate,
  seed: options.seed,
  limitMs: 60_000 + (options.forged * 1538 * 8 * 6) / (options.rate * 1000),
});
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => void run.cleanUp().then(() => process.exit(130)));
try {
  console.log(`a study of ${instances} instances of 512 KB, ${bytesText(instances * instanceBytes)}`);
  await run.prepare();
  const clean = await run.transfer(undefined);
  const flooded = await run.transfer({ datagramsMax: options.forged });
  const share = flooded.goodputBitsPerSecond / clean.goodputBitsPerSecond;
  const [, , most] = flooded.residentBytes;
  const demanded = {
    whole: flooded.right === instances && flooded.wrong === 0,
    goodput: share >= goodputShareMin,
    memory: most <= clean.residentBytes[2] * residentGrowthMax,
    // One for each kind of refusal, however many there were.
    alarm: flooded.alarms.filter((code) => code === 'E_DATAGRAM_TAG').length === 1,
  };
  const ok = Object.values(demanded).every(Boolean);
  console.log(table(['', 'in peace', 'under the flood'], rowsOf(clean, flooded)));
  console.log(`goodput ${(100 * share).toFixed(1)} % of that in peace`);
  for (const [what, isSo] of Object.entries(demanded)) if (!isSo) console.log(`IS NOT SO: ${what}`);
  if (options.json) console.log(JSON.stringify({ ok, share, demanded, clean, flooded }));
  process.exitCode = ok ? 0 : 1;
} finally {
  await run.cleanUp();
}

function rowsOf(...results: readonly [TransferResult, TransferResult]) {
  const row = (name: string, cell: (result: TransferResult) => string | number) => [
    name,
    ...results.map(cell),
  ];
  const megabytes = (bytes: number) => bytesText(bytes);
  return [
    row('goodput', ({ goodputBitsPerSecond }) => rateText(goodputBitsPerSecond)),
    row('seconds in all', ({ seconds }) => seconds.toFixed(1)),
    row('datagrams of the sender admitted', ({ admitted }) => admitted),
    row('of these lost', ({ lost }) => lost),
    row('forged datagrams sent', ({ forgedSent }) => forgedSent),
    row('datagrams refused', ({ refused }) => Object.values(refused).reduce((sum, count) => sum + count, 0)),
    row('files released right', ({ right }) => right),
    row('files released wrong', ({ wrong }) => wrong),
    row('receiver memory early', ({ residentBytes }) => megabytes(residentBytes[0])),
    row('receiver memory late', ({ residentBytes }) => megabytes(residentBytes[1])),
    row('receiver memory at most', ({ residentBytes }) => megabytes(residentBytes[2])),
    row('alarms', ({ alarms }) => alarms.join(' ') || '-'),
  ];
}

async function freePort(): Promise<number> {
  const socket = createSocket('udp4');
  await new Promise<void>((bound) => socket.bind(0, '127.0.0.1', bound));
  const { port } = socket.address();
  await new Promise<void>((closed) => socket.close(closed));
  return port;
}
