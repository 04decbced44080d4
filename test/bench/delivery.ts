/**
 * How fast the running receiver delivers what is in its vault, and at what memory, beside DCMTK's storescu with the same
 * files to the same storescp: one large multi-frame object, a series of small ones, and the large one to a PACS that
 * takes 20 MB/s.
 *
 * All of it runs in a network namespace of its own, on its loopback.
 */
import { createHash, randomBytes } from 'node:crypto';
import { linkSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ReceiverLedger } from '../../receiver/ledger/ledger.ts';
import { studyState } from '../../receiver/ledger/study-state.ts';
import { ask } from '../../shared/console/command-line.ts';
import { writeKeyFile } from '../../shared/crypto/key-file.ts';
import { priority } from '../../shared/wire/manifest.ts';
import { writeInstances } from '../harness/instance-files.ts';
import { PeerNamespace } from '../harness/peer-namespace.ts';
import { Processes, type RunningProgram } from '../harness/processes.ts';
import { repositoryRoot } from '../harness/repository-root.ts';
import { largeSopInstanceUid, writeLargeInstance } from './large-instance.ts';
import { fsyncMs, packageVersion, requireTools } from './machine.ts';
import type { BenchmarkOptions } from './options.ts';
import { peakResidentMB, processUsage, residentMB } from './process-usage.ts';
import { Scratch } from './scratch.ts';
import { median } from './statistics.ts';

const largeBytes = 603e6;
const smallCount = 520;
const smallBytes = 132_000;
const slowMegabytesPerSecond = 20;
const port = 11_120;
const waitMs = 200_000;

interface Load {
  readonly what: 'large' | 'small';
  readonly files: readonly { readonly path: string; readonly sopInstanceUid: string }[];
  readonly bytes: number;
}

interface Row {
  readonly from: string;
  readonly to: string;
  readonly what: Load['what'];
  readonly seconds: number;
  readonly megabytesPerSecond: number;
  readonly instancesPerSecond: number;
  /** Of the whole receiver, above what it has with nothing to do. */
  readonly grownMB: number | undefined;
}

const peers = {
  storescp: {},
  'storescp, TCP_NODELAY=1': { TCP_NODELAY: '1' },
  [`a PACS at ${slowMegabytesPerSecond} MB/s`]: undefined,
} as const satisfies Record<string, Record<string, string> | undefined>;
type Peer = keyof typeof peers;

const tools = [
  { command: 'storescp', debianPackage: 'dcmtk' },
  { command: 'storescu', debianPackage: 'dcmtk' },
  { command: 'ip', debianPackage: 'iproute2' },
];

export async function run(options: BenchmarkOptions): Promise<{ rows: Row[] }> {
  requireTools(tools);
  const scratch = new Scratch(options.folder, 3 * largeBytes * options.scale + 1e9);
  const processes = new Processes();
  try {
    const namespace = await PeerNamespace.start(processes, [port]);
    console.log(`fsync ${fsyncMs(scratch.folder).toFixed(2)} ms; DCMTK ${packageVersion('dcmtk')}; loopback`);
    return { rows: await new DeliveryBenchmark(scratch, namespace, options).run() };
  } finally {
    await processes.cleanUp();
    scratch.remove();
  }
}

class DeliveryBenchmark {
  readonly #scratch: Scratch;
  readonly #namespace: PeerNamespace;
  readonly #options: BenchmarkOptions;

  constructor(scratch: Scratch, namespace: PeerNamespace, options: BenchmarkOptions) {
    this.#scratch = scratch;
    this.#namespace = namespace;
    this.#options = options;
  }

  async run(): Promise<Row[]> {
    const { scale, runs } = this.#options;
    const large = this.#large(largeBytes * scale);
    const small = await this.#small(Math.max(10, Math.round(smallCount * scale)));
    const rows: Row[] = [];
    for (const load of [large, small]) {
      for (const to of ['storescp', 'storescp, TCP_NODELAY=1'] as const) {
        for (const from of ['ours', 'theirs'] as const) {
          // What takes 40 ms an instance says all there is to say in one run.
          const isSlow = from === 'theirs' && to === 'storescp' && load.what === 'small';
          rows.push(await this.#median(from, to, load, isSlow ? 1 : runs));
        }
      }
    }
    rows.push(await this.#once('ours', `a PACS at ${slowMegabytesPerSecond} MB/s`, large));
    print(rows);
    return rows;
  }

  #large(bytes: number): Load {
    const path = this.#scratch.path('large.dcm');
    const written = writeLargeInstance(path, bytes);
    return { what: 'large', files: [{ path, sopInstanceUid: largeSopInstanceUid }], bytes: written };
  }

  async #small(count: number): Promise<Load> {
    const folder = this.#scratch.path('small');
    mkdirSync(folder);
    const files = await writeInstances({
      folder,
      count,
      transferSyntaxes: ['explicitLittleEndian'],
      approximateBytes: smallBytes,
    });
    return { what: 'small', files, bytes: files.reduce((sum, { fileBytes }) => sum + fileBytes, 0) };
  }

  async #median(from: 'ours' | 'theirs', to: Peer, load: Load, runs: number): Promise<Row> {
    const rows: Row[] = [];
    for (let index = 0; index < runs; index += 1) rows.push(await this.#once(from, to, load));
    const middle = median(rows.map(({ seconds }) => seconds));
    const row = rows.find(({ seconds }) => seconds === middle) ?? rows[0];
    if (row === undefined) throw new Error('there was a run');
    return { ...row, grownMB: row.grownMB && Math.max(...rows.map(({ grownMB }) => grownMB ?? 0)) };
  }

  async #once(from: 'ours' | 'theirs', to: Peer, load: Load): Promise<Row> {
    const folder = this.#scratch.path('stored');
    mkdirSync(folder);
    const peer = this.#startPeer(to, folder);
    try {
      await this.#listening();
      const { seconds, grownMB } = await (from === 'ours' ? this.#deliver(to, load) : this.#storescu(load));
      return {
        from: from === 'ours' ? 'diode-receiver' : 'storescu',
        to,
        what: load.what,
        seconds,
        megabytesPerSecond: load.bytes / 1e6 / seconds,
        instancesPerSecond: load.files.length / seconds,
        grownMB,
      };
    } finally {
      await peer.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  }

  #startPeer(to: Peer, folder: string): RunningProgram {
    const environment = peers[to];
    if (environment !== undefined) {
      const flags = ['+B', '-aet', 'PACS', '-od', folder, String(port)];
      return this.#namespace.run('storescp', 'storescp', flags, environment);
    }
    const script = join(repositoryRoot(), 'dist/test/bench/dicom-end.js');
    const flags = [script, 'scp', folder, String(port), String(slowMegabytesPerSecond)];
    return this.#namespace.run('slow PACS', process.execPath, flags);
  }

  /** Asks until somebody listens: a C-ECHO that is answered with a rejection is an answer too. */
  async #listening(): Promise<void> {
    for (let attempt = 0; attempt < 100; attempt += 1) {
      const echo = this.#namespace.run('echoscu', 'echoscu', ['-aec', 'PACS', '127.0.0.1', String(port)]);
      const { code } = await echo.waitForExit();
      if (code === 0 || echo.text('stderr').includes('Reject')) return;
      await sleep(100);
    }
    throw new Error('the PACS does not answer');
  }

  async #storescu(load: Load): Promise<{ seconds: number; grownMB: undefined }> {
    const startedMs = performance.now();
    const flags = ['-aec', 'PACS', '127.0.0.1', String(port), ...load.files.map(({ path }) => path)];
    const program = this.#namespace.run('storescu', 'storescu', flags);
    const { code } = await program.waitForExit(waitMs);
    if (code !== 0) throw new Error(`storescu ended with ${code}: ${program.text('stderr')}`);
    return { seconds: (performance.now() - startedMs) / 1000, grownMB: undefined };
  }

  /** A receiver with the load in its vault, released and not delivered: it begins when it is told to. */
  async #deliver(to: Peer, load: Load): Promise<{ seconds: number; grownMB: number }> {
    const folder = this.#scratch.path('receiver');
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
    const script = join(repositoryRoot(), 'dist/receiver/main.js');
    const flags = [script, 'run', '--config', join(folder, 'receiver.toml')];
    const program = this.#namespace.run('receiver', process.execPath, flags);
    const pid = () => program.pid ?? 0;
    try {
      await program.waitForLine(/receiver started/);
      const idleMB = await idleResidentMB(pid());
      const ledger = new ReceiverLedger(join(folder, 'vault', 'ledger.sqlite'));
      queue(ledger, load);
      // It looks for itself each second: asked by a person it begins at once.
      await ask(ledger.mailbox, 'retry-deliveries', { destination: 'pacs', byWhom: 'benchmark' });
      const startedMs = performance.now();
      await program.waitForLine(/study delivered/, { timeoutMs: waitMs });
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
}

const senderId = '00'.repeat(8);
const studyUid = '1.2.826.0.1.3680043.10.1.600';
const objectIdOf = (uid: string) => createHash('sha256').update(uid).digest('hex').slice(0, 32);

/** As a release leaves it: whole, marked, and in nobody's queue yet. */
function fillVault(folder: string, load: Load): void {
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
        bytes: 1,
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

function queue(ledger: ReceiverLedger, load: Load): void {
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
      'MB/s': Math.round(row.megabytesPerSecond),
      'instances/s': row.what === 'small' ? Math.round(row.instancesPerSecond) : '',
      'receiver grows, MB': row.grownMB ?? '',
    })),
  );
}
