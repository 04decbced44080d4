/** Quantities as people read them: two or three digits and a unit. Anything that is not a quantity is a dash. */

const byteUnits = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
const rateUnits = ['b/s', 'kb/s', 'Mb/s', 'Gb/s'];

/** Bytes in powers of a thousand: 1.5 GB. */
export function bytesText(bytes: number): string {
  // A byte has no tenths.
  return scaled(bytes, byteUnits, bytes < 100 ? 0 : 1);
}

/** Bits per second: 812 Mb/s. */
export function rateText(bitsPerSecond: number): string {
  return scaled(bitsPerSecond, rateUnits, 1);
}

/** A count with its noun: 1 study, 2 studies. */
export function countText(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** A duration: 350 ms, 12 s, 5 min, 3 h, 2 d. */
export function durationText(ms: number): string {
  if (!isQuantity(ms)) return '-';
  const seconds = ms / 1000;
  // Each bound is where rounding would reach the next unit.
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  if (seconds < 119.5) return `${Math.round(seconds)} s`;
  if (seconds < 119.5 * 60) return `${Math.round(seconds / 60)} min`;
  if (seconds < 47.5 * 3600) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}

function scaled(quantity: number, units: readonly string[], decimals: number): string {
  if (!isQuantity(quantity)) return '-';
  let value = quantity;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${value >= 99.95 ? Math.round(value) : value.toFixed(decimals)} ${units[unit]}`;
}

function isQuantity(value: number): boolean {
  return Number.isFinite(value) && value >= 0;
}
