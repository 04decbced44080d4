/** What figures depend on beside the programs: the machine, the versions, the disk, what else runs. */
import { execFileSync } from 'node:child_process';
import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { median } from './statistics.ts';

export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly memoryGB: number;
  readonly kernel: string;
  readonly node: string;
  /** Of the last minute, before anything was measured: above a tenth of the cores the figures are too low. */
  readonly load: number;
}

export function machine(): Machine {
  return {
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryGB: Math.round(totalmem() / 1e9),
    kernel: release(),
    node: process.version,
    load: Math.round((loadavg()[0] ?? 0) * 100) / 100,
  };
}

export function machineText(facts: Machine): string {
  const { processor, cores, memoryGB, kernel, node, load } = facts;
  return `${processor}, ${cores} cores, ${memoryGB} GB; Linux ${kernel}; Node ${node}; load ${load}`;
}

/** The median time of a durable write of 4 kB in a folder, in ms. */
export function fsyncMs(folder: string): number {
  const file = openSync(join(folder, 'fsync'), 'w');
  try {
    const page = new Uint8Array(4096);
    const times = Array.from({ length: 51 }, () => {
      const startedMs = performance.now();
      writeSync(file, page);
      fsyncSync(file);
      return performance.now() - startedMs;
    });
    return median(times);
  } finally {
    closeSync(file);
  }
}

/** A program that a benchmark needs, and the Debian package that has it. */
export interface Tool {
  readonly command: string;
  readonly debianPackage: string;
}

/** @throws Error naming what to install */
export function requireTools(tools: readonly Tool[]): void {
  const missing = tools.filter(({ command }) => !isInstalled(command));
  if (missing.length === 0) return;
  const commands = missing.map(({ command }) => command).join(', ');
  const packages = [...new Set(missing.map(({ debianPackage }) => debianPackage))].join(' ');
  throw new Error(`missing: ${commands}. On Debian: apt-get install ${packages}`);
}

function isInstalled(command: string): boolean {
  try {
    execFileSync('/bin/sh', ['-c', `command -v ${command}`], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** The version of an installed Debian package, or `unknown`. */
export function packageVersion(debianPackage: string): string {
  try {
    return execFileSync('dpkg-query', ['-W', '-f', `\${Version}`, debianPackage], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  } catch {
    return 'unknown';
  }
}
