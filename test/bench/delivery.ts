/**
 * How fast the running receiver delivers what is in its vault, and at what memory, beside DCMTK's storescu with the same
 * files to the same storescp: one large multi-frame object, a series of small ones, and the large one to a PACS that
 * takes 20 MB/s.
 *
 * All of it runs in a network namespace of its own, on its loopback.
 */
import { createHash, randomBytes } from 'node:crypto';
import { linkSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ReceiverLedger } from '../../receiver/ledger/ledger.ts';
import { studyState } from '../../receiver/ledger/study-state.ts';
import { systemClock } from '../../shared/clock.ts';
import { ask } from '../../shared/console/ask.ts';
import { writeKeyFile } from '../../shared/crypto/key-file.ts';
import { priority } from '../../shared/wire/manifest.ts';
import type { RunningProgram } from '../harness/processes.ts';
import {
  type DicomLoad,
  DicomSite,
  middleRun,
  slowMegabytesPerSecond,
  speedColumns,
  speedOf,
  type TransferSpeed,
  transferMs,
} from './dicom-site.ts';
import type { BenchmarkOptions } from './options.ts';
import { peakResidentMB, processUsage, residentMB } from './process-usage.ts';

const port = 11_120;

interface Row extends TransferSpeed {
  readonly from: string;
  readonly to: string;
  /** Of the whole receiver, above what it has with nothing to do. */
  readonly grownMB: number | undefined;
}

const peers = {
  storescp: {},
  'storescp, TCP_NODELAY=1': { TCP_NODELAY: '1' },
  [`a PACS at ${slowMegabytesPerSecond} MB/s`]: undefined,
} as const satisfies Record<string, Record<string, string> | undefined>;
type Peer = keyof typeof peers;

export function run(options: BenchmarkOptions): Promise<{ rows: Row[] }> {
  return DicomSite.use(options, { port, copies: 3 }, async (site) => {
    const rows: Row[] = [];
    for (const load of [site.large, site.small]) {
      for (const to of ['storescp', 'storescp, TCP_NODELAY=1'] as const) {
        for (const from of ['ours', 'theirs'] as const) {
          // What takes 40 ms an instance says all there is to say in one run.
          const isSlow = from === 'theirs' && to === 'storescp' && load.what === 'small';
          rows.push(await typical(isSlow ? 1 : site.runs, () => once(site, from, to, load)));
        }
      }
    }
    rows.push(await once(site, 'ours', `a PACS at ${slowMegabytesPerSecond} MB/s`, site.large));
    print(rows);
    return { rows };
  });
}

/** The run in the middle, with the most memory of all. */
async function typical(runs: number, measure: () => Promise<Row>): Promise<Row> {
  const { middle, rows } = await middleRun(runs, measure);
  if (middle.grownMB === undefined) return middle;
  return { ...middle, grownMB: Math.max(...rows.map(({ grownMB }) => grownMB ?? 0)) };
}

function once(site: DicomSite, from: 'ours' | 'theirs', to: Peer, load: DicomLoad): Promise<Row> {
  return site.storing(async (folder) => {
    const peer = startPeer(site, to, folder);
    try {
      await site.listening(port);
      const { seconds, grownMB } =
        from === 'ours'
          ? await deliver(site, to, load)
          : { seconds: await site.storescu(load, port, 'PACS'), grownMB: undefined };
      return {
        ...speedOf(load, seconds),
        from: from === 'ours' ? 'diode-receiver' : 'storescu',
        to,
        grownMB,
      };
    } finally {
      await peer.stop();
    }
  });
}

function startPeer(site: DicomSite, to: Peer, folder: string): RunningProgram {
  const environment = peers[to];
  if (environment !== undefined) return site.storescp(folder, port, environment);
  const parameters = ['scp', folder, String(port), String(slowMegabytesPerSecond)];
  return site.script('slow PACS', 'dist/test/bench/dicom-end.js', ...parameters);
}

/** A receiver with the load in its vault, released and not delivered: it begins when it is told to. */
async function deliver(
  site: DicomSite,
  to: Peer,
  load: DicomLoad,
): Promise<{ seconds: number; grownMB: number }> {
  const folder = site.scratch.path('receiver');
  for (const name of ['vault/objects', 'inbox']) mkdirSync(join(folder, name), { recursive: true });
  writeKeyFile(join(folder, 'key'), randomBytes);
  const settings = [
    'keyFile = "key"',
    'link.address = "127.0.0.1"',
    'vault.folder = "vault"',
    'inbox.folder = "inbox"',
    '[[destinations]]',
    'name = "pacs"',
    'host = "127.0.0.1"',
    `port = ${port}`,
    `calledAe = "${peers[to] === undefined ? 'DIODE' : 'PACS'}"`,
    'callingAe = "SCANNER"',
  ];
  writeFileSync(join(folder, 'receiver.toml'), settings.join('\n'));
  fillVault(join(folder, 'vault'), load);
  const configuration = join(folder, 'receiver.toml');
  const program = site.script('receiver', 'dist/receiver/main.js', 'run', '--config', configuration);
  const pid = () => program.pid ?? 0;
  try {
    await program.waitForLine(/receiver started/);
    const idleMB = await idleResidentMB(pid());
    const ledger = new ReceiverLedger(join(folder, 'vault', 'ledger.sqlite'));
    queue(ledger, load);
    // It looks for itself each second: asked by a person it begins at once.
    const vault = join(folder, 'vault');
    await ask(
      {
        name: 'diode-receiver',
        requestsPath: join(vault, 'requests.sqlite'),
        snapshotPath: join(vault, 'status.json'),
        clock: systemClock,
      },
      'retry-deliveries',
      { destination: 'pacs', byWhom: 'benchmark', reason: 'benchmark' },
    );
    const startedMs = performance.now();
    await program.waitForLine(/study delivered/, { timeoutMs: transferMs });
    const seconds = (performance.now() - startedMs) / 1000;
    ledger.close();
    const busiest = processUsage(pid()).threads.slice(0, 2);
    console.log(
      `  ${load.what}: ${busiest.map(({ name, seconds: s }) => `${name} ${s.toFixed(2)} s`).join(', ')}`,
    );
    return { seconds, grownMB: peakResidentMB(pid()) - idleMB };
  } finally {
    await program.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}
const senderId = '00'.repeat(8);
const studyUid = '1.2.826.0.1.3680043.10.1.600';
const objectIdOf = (uid: string) => createHash('sha256').update(uid).digest('hex').slice(0, 32);

/** As a release leaves it: whole, marked, and in nobody's queue yet. */
function fillVault(folder: string, load: DicomLoad): void {
  const ledger = new ReceiverLedger(join(folder, 'ledger.sqlite'));
  ledger.transaction(() => {
    for (const { path, sopInstanceUid } of load.files) {
      const objectId = objectIdOf(sopInstanceUid);
      linkSync(path, join(folder, 'objects', objectId));
      const row = {
        objectId,
        senderId,
        studyUid,
        seriesUid: `${studyUid}.1`,
        sopInstanceUid,
        // The vault is compared with its ledger at the start.
        bytes: statSync(path).size,
        sha256: '',
        repairedSymbols: 0,
        sopClassUid: undefined,
        modality: undefined,
        heldBecause: undefined,
      };
      ledger.instances.enter(row, Date.now());
      ledger.instances.markReleased([objectId], 1);
    }
    const study = {
      senderId,
      studyUid,
      studyNumber: 1,
      state: studyState.released,
      priority: priority.routine,
      newestRevision: 1,
      releasedRevision: 1,
      expected: load.files.length,
      inboxName: studyUid,
    };
    ledger.studies.save(study, Date.now());
  });
  ledger.close();
}

function queue(ledger: ReceiverLedger, load: DicomLoad): void {
  ledger.transaction(() => {
    for (const { sopInstanceUid } of load.files) {
      const instance = { objectId: objectIdOf(sopInstanceUid), senderId, studyUid, sopInstanceUid };
      ledger.deliveries.enter(instance, 'pacs', 1, { nowMs: 0, atMs: Date.now() });
    }
  });
}

/** When it does not grow any more. */
async function idleResidentMB(pid: number): Promise<number> {
  let before = 0;
  for (let look = 0; look < 20; look += 1) {
    await sleep(500);
    const now = residentMB(pid);
    if (now <= before) return now;
    before = now;
  }
  return before;
}

function print(rows: readonly Row[]): void {
  console.table(
    rows.map((row) => ({
      load: row.what,
      from: row.from,
      to: row.to,
      ...speedColumns(row),
      'receiver grows, MB': row.grownMB ?? '',
    })),
  );
}
