/** The thin part of `doctor` that reads this host: the facts behind the findings of both sides. */
import { accessSync, constants, readFileSync, statfsSync, statSync } from 'node:fs';
import { readKeyFile } from '../crypto/key-file.ts';
import { DiodeError } from '../errors.ts';
import { createErasureCode } from '../fec/engine.ts';
import { type HostFiles, hostFiles } from '../host-network.ts';
import { hasOffload } from '../kernel-socket.ts';
import { checkFolders } from '../supervision.ts';
import type { Finding } from './finding.ts';
import {
  bufferFinding,
  clockFinding,
  engineFinding,
  findingOf,
  hardeningFindings,
  offloadFinding,
  spaceFinding,
} from './host-findings.ts';
import {
  forwardingFinding,
  interfaceFindings,
  ipv6Finding,
  listenersFinding,
  routeFinding,
  rulesFinding,
} from './link-findings.ts';

export interface LookedAt {
  readonly keyFile: string;
  readonly folders: Readonly<Record<string, string>>;
  /** Those of them that must be on one mount. */
  readonly together: readonly string[];
  readonly diskFolder: string;
  readonly highWaterPercent: number;
  readonly engine: Parameters<typeof createErasureCode>[0];
  readonly limit: 'rmem_max' | 'wmem_max';
  readonly bufferBytes: number;
  readonly datagramBytes: number;
  /** The interface of the link, if it is known. */
  readonly interface: string | undefined;
  readonly ownAddress: string | undefined;
  /** The port this side listens on. */
  readonly ownPort: number | undefined;
  readonly reachesOverLink: boolean;
  readonly mustStayZero: readonly string[];
  readonly countersPath: string;
  /** Of the running program, if one is running. */
  readonly pid: number | undefined;
  readonly clockSkewMs: number | undefined;
  readonly nowMs: number;
}

export function lookAtHost(at: LookedAt, files: HostFiles = hostFiles): Finding[] {
  const status = at.pid === undefined ? undefined : files.read(`/proc/${at.pid}/status`);
  const link = at.interface;
  return [
    findingOf('key file', () => {
      const keys = readKeyFile(at.keyFile).map(({ id }) => id);
      return `${keys.length === 1 ? 'key' : 'keys'} ${keys.join(', ')}, readable by its owner only`;
    }),
    findingOf('folders', () => {
      checkFolders(at.folders, at.together);
      for (const [key, path] of Object.entries(at.folders)) requireWritable(key, path);
      return Object.keys(at.folders).join(', ');
    }),
    ...diskFindings(at),
    clockFinding(at.nowMs, at.clockSkewMs),
    bufferFinding(files, at.limit, at.bufferBytes),
    offloadFinding(hasOffload()),
    engineFinding(createErasureCode(at.engine).name),
    ...interfaceFindings(files, link, at.datagramBytes),
    ...(link === undefined ? [] : [ipv6Finding(files, link), routeFinding(files, link, at.reachesOverLink)]),
    forwardingFinding(files),
    ...(at.ownAddress === undefined ? [] : [listenersFinding(files, at.ownAddress, at.ownPort)]),
    rulesFinding(files.read(at.countersPath), ageMs(at.countersPath, at.nowMs), at.mustStayZero),
    ...hardeningFindings(status),
  ];
}

function diskFindings(at: LookedAt): Finding[] {
  try {
    const { bavail, bsize, blocks } = statfsSync(at.diskFolder);
    return [spaceFinding('disk', { free: bavail * bsize, total: blocks * bsize }, at.highWaterPercent)];
  } catch {
    // Another finding already says that the folder is missing.
    return [];
  }
}

function requireWritable(key: string, path: string): void {
  try {
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (cause) {
    throw new DiodeError('E_FOLDER', `${key} = ${path} is not writable for this user`, { cause });
  }
}

function ageMs(path: string, nowMs: number): number {
  try {
    return Math.max(0, nowMs - statSync(path).mtimeMs);
  } catch {
    return 0;
  }
}

/** The process id in a snapshot, if it still belongs to that program: ids are reused. */
export function runningPid(pid: number | undefined, script: string): number | undefined {
  if (pid === undefined) return undefined;
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(script) ? pid : undefined;
  } catch {
    return undefined;
  }
}
