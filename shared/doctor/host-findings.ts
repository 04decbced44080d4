/** Findings about keys, folders, limits and the running program. Facts come in, findings go out. */
import { DiodeError } from '../errors.ts';
import { type HostFiles, kernelLimit } from '../host-network.ts';
import { type Finding, ok, wrong } from './finding.ts';

/** Runs a check that throws if something is wrong. */
export function findingOf(check: string, act: () => string): Finding {
  try {
    return ok(check, act());
  } catch (error) {
    if (!(error instanceof DiodeError)) throw error;
    return wrong(check, 'failure', `${error.message} (${error.code})`, error.action);
  }
}

export function spaceFinding(
  check: string,
  { free, total }: { free: number; total: number },
  highWaterPercent: number,
): Finding {
  const usedPercent = Math.round(100 * (1 - free / total));
  const found = `${usedPercent} % used, ${(free / 1e9).toFixed(1)} GB free`;
  if (usedPercent >= highWaterPercent)
    return wrong(
      check,
      'failure',
      found,
      `Free some space: above ${highWaterPercent} % nothing new is taken in.`,
    );
  if (usedPercent >= highWaterPercent - 10) return wrong(check, 'warning', found, 'Free some space soon.');
  return ok(check, found);
}

/** This version cannot have run before it was made. */
const notBeforeMs = Date.UTC(2026, 0, 1);
const skewMs = 60_000;

/** @param skew the sender's clock minus this one, if it is known */
export function clockFinding(nowMs: number, skew: number | undefined): Finding {
  const check = 'clock';
  const time = new Date(nowMs).toISOString();
  if (nowMs < notBeforeMs)
    return wrong(
      check,
      'warning',
      `it shows ${time}`,
      'Set it: nothing depends on it, but the times in the log are wrong.',
    );
  if (skew !== undefined && Math.abs(skew) > skewMs)
    return wrong(
      check,
      'warning',
      `${Math.round(Math.abs(skew) / 1000)} s apart from the sender's`,
      'Set both clocks: nothing depends on them, but the two logs cannot be compared.',
    );
  return ok(check, time);
}

/** The kernel gives a socket twice its limit and keeps half for itself; a privileged program may exceed it. */
export function bufferFinding(
  files: HostFiles,
  limit: 'rmem_max' | 'wmem_max',
  wantedBytes: number,
): Finding {
  const check = `net.core.${limit}`;
  const allowed = kernelLimit(files, `net/core/${limit}`);
  if (allowed === undefined)
    return wrong(check, 'unknown', 'it cannot be read', `Check it with sysctl ${check}.`);
  if (allowed >= wantedBytes) return ok(check, `${allowed} bytes`);
  return wrong(
    check,
    limit === 'rmem_max' ? 'failure' : 'warning',
    `${allowed} bytes, but the program asks for ${wantedBytes}`,
    `Run sysctl -w ${check}=${wantedBytes}, and make it permanent as in sysctl.d/.`,
  );
}

/** A field of /proc/PID/status. */
export function statusField(text: string, name: string): string | undefined {
  return new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(text)?.[1]?.trim();
}

/** That the unit's hardening is in force. @param status /proc/PID/status of the running program; undefined if none is running */
export function hardeningFindings(status: string | undefined): Finding[] {
  if (status === undefined)
    return [
      wrong(
        'running',
        'warning',
        'the program is not running',
        'Start it: only then can its hardening be checked.',
      ),
    ];
  const uid = statusField(status, 'Uid')?.split(/\s+/)[0];
  const open = [
    statusField(status, 'NoNewPrivs') === '1' ? undefined : 'it can gain new privileges',
    statusField(status, 'Seccomp') === '2' ? undefined : 'its system calls are not filtered',
    /^0+$/.test(statusField(status, 'CapEff') ?? '') ? undefined : 'it has capabilities',
  ].filter((part) => part !== undefined);
  return [
    ok('running', 'yes'),
    uid === '0'
      ? wrong('user', 'warning', 'it runs as root', 'Run it as its systemd unit does: it does not need root.')
      : ok('user', `user id ${uid ?? 'unknown'}`),
    open.length === 0
      ? ok('hardening', 'no new privileges, system calls filtered, no capabilities')
      : wrong(
          'hardening',
          'warning',
          open.join(', '),
          'Run it as its systemd unit does; see systemd/ in hw-notes.',
        ),
  ];
}

export function engineFinding(name: string): Finding {
  return name === 'reference'
    ? wrong(
        'engine',
        'warning',
        'the reference engine, the slowest',
        'Reinstall this version, on a processor with SIMD.',
      )
    : ok('engine', name);
}

export function offloadFinding(isThere: boolean): Finding {
  return isThere
    ? ok('UDP offload', 'available')
    : wrong(
        'UDP offload',
        'warning',
        'not available: each datagram costs a system call',
        'Use Linux 5.0 or newer, and install koffi.',
      );
}
