/**
 * One end of the DICOM benchmark, in a process of its own: `dicom-end.js scp FOLDER PORT [MEGABYTES_PER_SECOND]` takes
 * what comes into a spool as the sender does; `dicom-end.js scu PORT CALLED_AE FILE...` sends.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { storeInstances } from '../../receiver/deliver/c-store-scu.ts';
import { describeInstanceFile } from '../../receiver/deliver/instance-file.ts';
import { objectPlanner } from '../../sender/identity.ts';
import { type ArrivingDisk, nodeArrivingDisk } from '../../sender/intake/arriving-file.ts';
import { SpoolSink } from '../../sender/intake/spool-sink.ts';
import { createStorageScp } from '../../sender/intake/storage-scp.ts';
import { SenderLedger } from '../../sender/ledger/ledger.ts';
import { Spool } from '../../sender/spool/spool.ts';
import { systemClock } from '../../shared/clock.ts';
import { nodeDisk } from '../../shared/disk.ts';
import { protection } from '../../shared/wire/datagram.ts';

const residentMB = (): number => Math.round(process.memoryUsage().rss / 1e6);
const peakMB = (): number => Math.round((process.resourceUsage().maxRSS * 1024) / 1e6);

/** The disk of this host, as if it wrote no faster than so. */
function slowed(megabytesPerSecond: number): ArrivingDisk {
  return {
    create: async (path) => {
      const file = await nodeArrivingDisk.create(path);
      const sinceMs = performance.now();
      let bytes = 0;
      return {
        append: async (piece) => {
          await file.append(piece);
          bytes += piece.length;
          const earlyMs = bytes / (megabytesPerSecond * 1000) - (performance.now() - sinceMs);
          if (earlyMs > 1) await new Promise((resolve) => setTimeout(resolve, earlyMs));
        },
        sync: () => file.sync(),
        close: () => file.close(),
      };
    },
  };
}

async function scp(folder: string, port: number, megabytesPerSecond: number): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const ledger = new SenderLedger(join(folder, 'ledger.sqlite'));
  const identity = {
    senderId: new Uint8Array(8),
    keyId: 1,
    secret: new Uint8Array(32),
    parameters: {
      datagramBytes: 1472,
      sourceSymbols: 200,
      repairSymbols: 24,
      protection: protection.sealed,
    },
  };
  const sink = new SpoolSink({
    spool: new Spool({ folder, disk: nodeDisk, ledger }),
    disk: nodeDisk,
    ...(Number.isFinite(megabytesPerSecond) && { arrivingDisk: slowed(megabytesPerSecond) }),
    clock: systemClock,
    plan: objectPlanner(identity),
    hasRoom: () => true,
    onTaken: () => {},
    onStudySeen: () => {},
    onAssociationClosed: () => console.log(JSON.stringify({ peakMB: peakMB() })),
    onRefused: (code) => console.log(code),
  });
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
  const files = await Promise.all(paths.map((path) => describeInstanceFile(path)));
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
