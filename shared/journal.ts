/**
 * Log lines with their priority, for the systemd journal. It treats a line that begins with `<3>` as an error and one with
 * `<6>` as information (sd-daemon(3)), and removes that prefix, which leaves the line of JSON.
 */
import { fstatSync } from 'node:fs';
import { pino } from 'pino';

const standardOutput = 1;

/** Priorities of syslog(3) for pino levels, each with the lowest level it applies to. */
const priorities = [
  [60, 2],
  [50, 3],
  [40, 4],
  [30, 6],
] as const;
const debugPriority = 7;

export interface LineStream {
  write(line: string): void;
}

/** Puts the priority before each line. */
export function prioritized(stream: LineStream): LineStream {
  return {
    // pino tells such a stream the level of the line it is about to write.
    [Symbol.for('pino.metadata')]: true,
    lastLevel: 0,
    write(line: string) {
      const found = priorities.find(([level]) => this.lastLevel >= level);
      stream.write(`<${found?.[1] ?? debugPriority}>${line}`);
    },
  } as LineStream & { lastLevel: number };
}

/**
 * Where the log goes if standard output is the journal, otherwise undefined.
 * @param journalStream device and inode as systemd gives them: JOURNAL_STREAM of systemd.exec(5)
 */
export function journalStream(
  journalStream: string | undefined,
  { dev, ino }: { dev: number; ino: number } = fstatSync(standardOutput),
): LineStream | undefined {
  if (journalStream !== `${dev}:${ino}`) return undefined;
  return prioritized(pino.destination({ fd: standardOutput, sync: true }));
}
