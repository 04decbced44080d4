/**
 * How fast instances pass our SCP and SCU, beside DCMTK's storescp and storescu in the same run: one large multi-frame
 * object, and a series of small ones. Peak memory of ours with it, also with a disk slowed down.
 *
 * All of it runs in a network namespace of its own, on its loopback. Our SCP syncs each file before it answers; storescp
 * does not.
 */
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
import { peakResidentMB } from './process-usage.ts';

const endScript = 'dist/test/bench/dicom-end.js';
const ports = { ours: 11_112, theirs: 11_113, slow: 11_114, theirsAtOnce: 11_115 } as const;
type Server = keyof typeof ports;
type Client = 'ours' | 'theirs';

interface Row extends TransferSpeed {
  readonly from: string;
  readonly to: string;
  /** Of our process above its idle state; undefined where there is none. */
  readonly scpGrownMB: number | undefined;
  readonly scuGrownMB: number | undefined;
}

export function run(options: BenchmarkOptions): Promise<{ rows: Row[] }> {
  return DicomSite.use(options, { port: ports.ours, copies: 4 }, async (site) => {
    const rows: Row[] = [];
    for (const load of [site.large, site.small]) {
      for (const to of ['ours', 'theirs', 'theirsAtOnce'] as const) {
        for (const from of ['ours', 'theirs'] as const) {
          // What takes 40 ms an instance says all there is to say in one run.
          const repeats = from === 'theirs' && to === 'theirs' && load.what === 'small' ? 1 : site.runs;
          rows.push((await middleRun(repeats, () => once(site, from, to, load))).middle);
        }
      }
    }
    rows.push(await once(site, 'theirs', 'slow', site.large));
    print(rows);
    return { rows };
  });
}

function once(site: DicomSite, from: Client, to: Server, load: DicomLoad): Promise<Row> {
  return site.storing(async (folder) => {
    const server = startServer(site, to, folder);
    try {
      const idleMB = await server.ready();
      const { seconds, grownMB } = await send(site, from, to, load);
      return {
        ...speedOf(load, seconds),
        from: from === 'ours' ? 'diode' : 'storescu',
        to: names[to],
        scpGrownMB: idleMB === undefined ? undefined : server.peakMB() - idleMB,
        scuGrownMB: grownMB,
      };
    } catch (cause) {
      throw new Error(`${load.what} to ${names[to]} failed: ${cause}; ${server.text()}`, { cause });
    } finally {
      await server.stop();
    }
  });
}

function startServer(site: DicomSite, to: Server, folder: string) {
  const port = ports[to];
  if (to === 'theirs' || to === 'theirsAtOnce') {
    const program = site.storescp(folder, port, to === 'theirsAtOnce' ? { TCP_NODELAY: '1' } : {});
    return {
      ready: async (): Promise<number | undefined> => {
        await site.listening(port);
        return undefined;
      },
      peakMB: () => 0,
      stop: () => program.stop(),
      text: () => program.text('stderr'),
    };
  }
  const slow = to === 'slow' ? [String(slowMegabytesPerSecond)] : [];
  const program = site.script('our SCP', endScript, 'scp', folder, String(port), ...slow);
  return {
    ready: async (): Promise<number | undefined> => {
      const { text } = await program.waitForLine(/idleMB/);
      return Number(/"idleMB":(\d+)/.exec(text)?.[1]);
    },
    peakMB: () => peakResidentMB(program.pid ?? 0),
    stop: () => program.stop(),
    text: () => program.text('stderr'),
  };
}

async function send(site: DicomSite, from: Client, to: Server, load: DicomLoad) {
  const port = ports[to];
  const calledAe = to.startsWith('theirs') ? 'PACS' : 'DIODE';
  if (from === 'theirs') return { seconds: await site.storescu(load, port, calledAe), grownMB: undefined };
  const paths = load.files.map(({ path }) => path);
  const program = site.script('our SCU', endScript, 'scu', String(port), calledAe, ...paths);
  const { text } = await program.waitForLine(/seconds/, { timeoutMs: transferMs });
  const told: { seconds: number; idleMB: number; peakMB: number } = JSON.parse(text);
  return { seconds: told.seconds, grownMB: told.peakMB - told.idleMB };
}

const names: Readonly<Record<Server, string>> = {
  ours: 'diode',
  theirs: 'storescp',
  slow: `diode, disk at ${slowMegabytesPerSecond} MB/s`,
  theirsAtOnce: 'storescp, TCP_NODELAY=1',
};

function print(rows: readonly Row[]): void {
  console.table(
    rows.map((row) => ({
      load: row.what,
      from: row.from,
      to: row.to,
      ...speedColumns(row),
      'our SCP grows, MB': row.scpGrownMB ?? '',
      'our SCU grows, MB': row.scuGrownMB ?? '',
    })),
  );
}
