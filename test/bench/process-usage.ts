/** What the kernel says of a running process (proc(5)): processor time, memory, its network interfaces. Linux only. */
import { readdirSync, readFileSync } from 'node:fs';

/** USER_HZ: 100 on every Linux port that Node runs on. */
const ticksPerSecond = 100;

export interface ThreadUsage {
  readonly name: string;
  readonly seconds: number;
}

export interface ProcessUsage {
  /** User and system time of all threads, the ended ones too. */
  readonly seconds: number;
  /** Threads that took a part worth telling, the busiest first. */
  readonly threads: readonly ThreadUsage[];
}

export function processUsage(pid: number): ProcessUsage {
  // The name in brackets may have spaces in it; what follows it doesn't.
  const [, fields = ''] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(/\) (?=[^)]*$)/);
  const values = fields.split(' ');
  const seconds = (Number(values[11]) + Number(values[12])) / ticksPerSecond;
  const threads = readdirSync(`/proc/${pid}/task`)
    .map(Number)
    .sort((a, b) => a - b)
    .map((thread, position) => ({
      name: position === 0 ? 'main' : `thread ${position}`,
      seconds: threadSeconds(pid, thread),
    }))
    .filter((thread) => thread.seconds >= 0.02 * seconds)
    .sort((a, b) => b.seconds - a.seconds);
  return { seconds, threads };
}

/** schedstat(5): the first number is the time on a processor, in ns. */
function threadSeconds(pid: number, thread: number): number {
  try {
    return Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]) / 1e9;
  } catch {
    return 0;
  }
}

/** The most memory a process has had in use at one time, in MB (10^6 bytes). */
export function peakResidentMB(pid: number): number {
  return statusMB(pid, 'VmHWM');
}

/** The memory it has in use now, in MB. */
export function residentMB(pid: number): number {
  return statusMB(pid, 'VmRSS');
}

function statusMB(pid: number, field: string): number {
  const line = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Math.round((Number(line?.[1]) * 1024) / 1e6);
}

/** Counters of an interface in the process's network namespace, in packets. */
export function interfacePackets(
  pid: number,
  networkInterface: string,
): { received: number; notSent: number } {
  const lines = readFileSync(`/proc/${pid}/net/dev`, 'utf8').split('\n');
  const line = lines.find((text) => text.trim().startsWith(`${networkInterface}:`));
  const columns = line?.split(':')[1]?.trim().split(/\s+/) ?? [];
  return { received: Number(columns[1] ?? 0), notSent: Number(columns[11] ?? 0) };
}

/** Datagrams that UDP sockets of the process's network namespace had no room for: the last column. */
export function socketDrops(pid: number): number {
  const [, ...sockets] = readFileSync(`/proc/${pid}/net/udp`, 'utf8').trim().split('\n');
  return sockets.reduce((sum, socket) => sum + Number(socket.trim().split(/\s+/).at(-1)), 0);
}
