/**
 * One end of the DICOM benchmark, in a process of its own: `dicom-end.js scp FOLDER PORT [MEGABYTES_PER_SECOND]` stores
 * what comes, each file synced before the answer; `dicom-end.js scu PORT CALLED_AE FILE...` sends.
 */
import { type FileHandle, open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { storeInstances } from '../../receiver/deliver/c-store-scu.ts';
import { describeInstanceFile } from '../../receiver/deliver/instance-file.ts';
import type {
  InstanceContext,
  InstanceSink,
  InstanceWriter,
  StoreOutcome,
} from '../../sender/intake/instance-sink.ts';
import { createStorageScp } from '../../sender/intake/storage-scp.ts';

const residentMB = (): number => Math.round(process.memoryUsage().rss / 1e6);
const peakMB = (): number => Math.round((process.resourceUsage().maxRSS * 1024) / 1e6);

class FileWriter implements InstanceWriter {
  readonly #path: string;
  readonly #bytesPerMs: number;
  readonly #file: Promise<FileHandle>;
  #written = 0;
  readonly #sinceMs = performance.now();

  constructor(path: string, bytesPerMs: number) {
    this.#path = path;
    this.#bytesPerMs = bytesPerMs;
    this.#file = open(`${path}.partial`, 'w');
  }

  async write(bytes: Uint8Array): Promise<void> {
    const file = await this.#file;
    await file.write(bytes);
    this.#written += bytes.length;
    const earlyMs = this.#written / this.#bytesPerMs - (performance.now() - this.#sinceMs);
    if (earlyMs > 1) await new Promise((resolve) => setTimeout(resolve, earlyMs));
  }

  async finish(): Promise<StoreOutcome> {
    const file = await this.#file;
    await file.sync();
    await file.close();
    await rename(`${this.#path}.partial`, this.#path);
    return { status: 0 };
  }

  async abort(): Promise<void> {
    await (await this.#file).close();
  }
}

async function scp(folder: string, port: number, megabytesPerSecond: number): Promise<void> {
  const sink: InstanceSink = {
    open: (context: InstanceContext) =>
      new FileWriter(join(folder, context.sopInstanceUid), megabytesPerSecond * 1000),
    associationOpened: () => {},
    associationClosed: () => console.log(JSON.stringify({ peakMB: peakMB() })),
    refused: (code) => console.log(code),
  };
  await createStorageScp(
    {
      host: '127.0.0.1',
      port,
      applicationEntities: [{ title: 'DIODE', priority: 'routine', quietSeconds: 60 }],
    },
    sink,
  );
  console.log(JSON.stringify({ idleMB: residentMB() }));
}

async function scu(port: number, calledAe: string, paths: readonly string[]): Promise<void> {
  const files = await Promise.all(paths.map(describeInstanceFile));
  const destination = {
    kind: 'dicom',
    name: 'peer',
    host: '127.0.0.1',
    port,
    calledAe,
    callingAe: 'SCANNER',
  } as const;
  const idleMB = residentMB();
  const startedMs = performance.now();
  for await (const { outcome, code } of storeInstances(destination, files)) {
    if (outcome !== 'delivered') throw new Error(`${outcome} ${code}`);
  }
  console.log(JSON.stringify({ seconds: (performance.now() - startedMs) / 1000, idleMB, peakMB: peakMB() }));
}

const [role, ...rest] = process.argv.slice(2);
if (role === 'scp') await scp(rest[0] ?? '.', Number(rest[1]), Number(rest[2] ?? Infinity));
else await scu(Number(rest[0]), rest[1] ?? '', rest.slice(2));
