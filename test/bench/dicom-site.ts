/**
 * What the benchmarks of DICOM ends share: a network namespace of their own, the two loads, and DCMTK's programs beside
 * ours: one large multi-frame object, and a series of small ones.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { writeInstances } from '../harness/instance-files.ts';
import { PeerNamespace } from '../harness/peer-namespace.ts';
import { Processes, type RunningProgram } from '../harness/processes.ts';
import { repositoryRoot } from '../harness/repository-root.ts';
import { largeSopInstanceUid, writeLargeInstance } from './large-instance.ts';
import { fsyncMs, packageVersion, requireTools } from './machine.ts';
import type { BenchmarkOptions } from './options.ts';
import { Scratch } from './scratch.ts';
import { median } from './statistics.ts';

const largeBytes = 603e6;
const smallCount = 520;
const smallBytes = 132_000;
export const slowMegabytesPerSecond = 20;
/** A program that takes longer is not measured. */
export const transferMs = 300_000;

const tools = [
  { command: 'storescp', debianPackage: 'dcmtk' },
  { command: 'storescu', debianPackage: 'dcmtk' },
  { command: 'ip', debianPackage: 'iproute2' },
];

export interface DicomLoad {
  readonly what: 'large' | 'small';
  readonly files: readonly { readonly path: string; readonly sopInstanceUid: string }[];
  readonly bytes: number;
}

export interface TransferSpeed {
  readonly what: DicomLoad['what'];
  readonly seconds: number;
  readonly megabytesPerSecond: number;
  readonly instancesPerSecond: number;
}

export class DicomSite {
  readonly scratch: Scratch;
  readonly runs: number;
  readonly large: DicomLoad;
  readonly small: DicomLoad;
  readonly #namespace: PeerNamespace;

  private constructor(
    scratch: Scratch,
    namespace: PeerNamespace,
    runs: number,
    loads: { large: DicomLoad; small: DicomLoad },
  ) {
    this.scratch = scratch;
    this.#namespace = namespace;
    this.runs = runs;
    this.large = loads.large;
    this.small = loads.small;
  }

  /**
   * Runs a benchmark; everything it started has ended behind it.
   * @param copies of the large object that lie on the disk at once
   */
  static async use<T>(
    options: BenchmarkOptions,
    needs: { readonly port: number; readonly copies: number },
    act: (site: DicomSite) => Promise<T>,
  ): Promise<T> {
    requireTools(tools);
    const { scale, runs } = options;
    const scratch = new Scratch(options.folder, needs.copies * largeBytes * scale + 1e9);
    const processes = new Processes();
    try {
      const namespace = await PeerNamespace.start(processes, [needs.port]);
      console.log(
        `fsync ${fsyncMs(scratch.folder).toFixed(2)} ms; DCMTK ${packageVersion('dcmtk')}; loopback`,
      );
      const large = writeLarge(scratch, largeBytes * scale);
      const small = await writeSmall(scratch, Math.max(10, Math.round(smallCount * scale)));
      return await act(new DicomSite(scratch, namespace, runs, { large, small }));
    } finally {
      await processes.cleanUp();
      scratch.remove();
    }
  }

  /** Gives a folder for what comes, which is removed afterwards. */
  async storing<T>(act: (folder: string) => Promise<T>): Promise<T> {
    const folder = this.scratch.path('stored');
    mkdirSync(folder);
    try {
      return await act(folder);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }

  /** A built script of this repository, in the namespace. */
  script(name: string, path: string, ...parameters: readonly string[]): RunningProgram {
    return this.#namespace.run(name, process.execPath, [join(repositoryRoot(), path), ...parameters]);
  }

  storescp(folder: string, port: number, environment: Readonly<Record<string, string>>): RunningProgram {
    const flags = ['+B', '-aet', 'PACS', '-od', folder, String(port)];
    return this.#namespace.run('storescp', 'storescp', flags, environment);
  }

  /** Asks until somebody listens: a C-ECHO that is answered with a rejection is an answer too. */
  async listening(port: number): Promise<void> {
    for (let attempt = 0; attempt < 100; attempt += 1) {
      const echo = this.#namespace.run('echoscu', 'echoscu', ['-aec', 'PACS', '127.0.0.1', String(port)]);
      const { code } = await echo.waitForExit();
      if (code === 0 || echo.text('stderr').includes('Reject')) return;
      await sleep(100);
    }
    throw new Error(`nobody answers at port ${port}`);
  }

  /** @returns the seconds that storescu took */
  async storescu(load: DicomLoad, port: number, calledAe: string): Promise<number> {
    const startedMs = performance.now();
    const flags = ['-aec', calledAe, '127.0.0.1', String(port), ...load.files.map(({ path }) => path)];
    const program = this.#namespace.run('storescu', 'storescu', flags);
    const { code } = await program.waitForExit(transferMs);
    if (code !== 0) throw new Error(`storescu to port ${port} ended with ${code}: ${program.text('stderr')}`);
    return (performance.now() - startedMs) / 1000;
  }
}

export function speedOf({ what, bytes, files }: DicomLoad, seconds: number): TransferSpeed {
  const megabytesPerSecond = bytes / 1e6 / seconds;
  return { what, seconds, megabytesPerSecond, instancesPerSecond: files.length / seconds };
}

/** Of some runs the one in the middle, and all of them. */
export async function middleRun<Row extends TransferSpeed>(
  runs: number,
  once: () => Promise<Row>,
): Promise<{ middle: Row; rows: readonly Row[] }> {
  const rows: Row[] = [];
  for (let index = 0; index < runs; index += 1) rows.push(await once());
  const seconds = median(rows.map((row) => row.seconds));
  const middle = rows.find((row) => row.seconds === seconds) ?? rows[0];
  if (middle === undefined) throw new Error('there was a run');
  return { middle, rows };
}

/** What a table shows of a transfer. */
export function speedColumns({ what, megabytesPerSecond, instancesPerSecond }: TransferSpeed) {
  return {
    'MB/s': Math.round(megabytesPerSecond),
    'instances/s': what === 'small' ? Math.round(instancesPerSecond) : '',
  };
}

function writeLarge(scratch: Scratch, aboutBytes: number): DicomLoad {
  const path = scratch.path('large.dcm');
  const bytes = writeLargeInstance(path, aboutBytes);
  return { what: 'large', files: [{ path, sopInstanceUid: largeSopInstanceUid }], bytes };
}

async function writeSmall(scratch: Scratch, count: number): Promise<DicomLoad> {
  const folder = scratch.path('small');
  mkdirSync(folder);
  const approximateBytes = smallBytes;
  const files = await writeInstances({
    folder,
    count,
    transferSyntaxes: ['explicitLittleEndian'],
    approximateBytes,
  });
  return { what: 'small', files, bytes: files.reduce((sum, { fileBytes }) => sum + fileBytes, 0) };
}
