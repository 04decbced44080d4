/** Moments on the command line: how long ago, a day, or a time. They are UTC, as in the log. */
import { DiodeError } from '../errors.ts';

const unitMs = { s: 1000, m: 60_000, min: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const dayMs = 86_400_000;

/**
 * @param text `2h`, `30m`, `3d`, `2026-11-30`, `2026-11-30 14:00`, or `14:00`: the last time it was that
 * @returns milliseconds since 1970
 * @throws DiodeError E_USAGE
 */
export function sinceOption(text: string, nowMs: number): number {
  const span = /^([0-9]{1,9})(s|m|min|h|d)$/.exec(text);
  const unit = Object.entries(unitMs).find(([name]) => name === span?.[2]);
  if (span !== null && unit !== undefined) return nowMs - Number(span[1]) * unit[1];
  const time = /^([0-9]{2}):([0-9]{2})(?::([0-9]{2}))?$/.exec(text);
  const day = time === null ? text : `${new Date(nowMs).toISOString().slice(0, 10)} ${text}`;
  const atMs = momentOf(day);
  if (atMs === undefined)
    throw new DiodeError('E_USAGE', '--since is 2h, 30m, 3d, 2026-11-30, 2026-11-30 14:00 or 14:00 (UTC)');
  return time !== null && atMs > nowMs ? atMs - dayMs : atMs;
}

function momentOf(text: string): number | undefined {
  const parts = /^([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[ T]([0-9]{2}:[0-9]{2}(?::[0-9]{2})?)Z?)?$/.exec(text);
  if (parts === null) return undefined;
  const [, day = '', clock = '00:00'] = parts;
  const atMs = Date.parse(`${day}T${clock.length === 5 ? `${clock}:00` : clock}Z`);
  // The 31st of a month that has 30 days is none.
  return Number.isNaN(atMs) || new Date(atMs).toISOString().slice(0, 10) !== day ? undefined : atMs;
}
