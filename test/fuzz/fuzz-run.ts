/** Fuzzes one target for a while and tells what was seen. All that it does follows from the seed. */
import { setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { DiodeError } from '../../shared/errors.ts';
import { Random } from '../harness/random.ts';
import type { FuzzTarget } from './fuzz-target.ts';

export interface FuzzOptions {
  readonly seed: number;
  readonly firstInput: number;
  /** Ends at whichever comes first. */
  readonly durationMs: number;
  readonly inputsMax: number;
  /** An input that takes more processor time is a find. */
  readonly inputMsMax: number;
  readonly onProgress?: (inputs: number) => void;
}

export interface FuzzFind {
  readonly input: number;
  readonly bytes: number;
  readonly what: string;
}

export interface FuzzReport {
  readonly target: string;
  readonly inputs: number;
  readonly bytes: number;
  readonly durationMs: number;
  readonly finds: readonly FuzzFind[];
  /** How many inputs ended in which way. */
  readonly endings: Readonly<Record<string, number>>;
  readonly slowestMs: number;
  /** Live memory after a collection: behind the first tenth of the time, and at the end. */
  readonly memoryBytes: readonly [early: number, late: number];
  readonly rssBytes: number;
}

const findsMax = 20;
const batchInputs = 256;
const timedRuns = 15;

/** Runs until time or inputs are used up. */
export async function fuzz(target: FuzzTarget, options: FuzzOptions): Promise<FuzzReport> {
  const { seed, firstInput, durationMs, inputsMax, inputMsMax } = options;
  const endings = new Map<string, number>();
  const finds: FuzzFind[] = [];
  const startedMs = performance.now();
  let slowestMs = 0;
  let bytes = 0;
  let early: number | undefined;
  let inputs = 0;
  const root = new Random(seed, `/fuzz/${target.name}`);
  while (inputs < inputsMax && finds.length < findsMax) {
    const elapsedMs = performance.now() - startedMs;
    if (elapsedMs >= durationMs) break;
    if (early === undefined && elapsedMs >= durationMs / 10) early = liveBytes();
    options.onProgress?.(firstInput + inputs);
    // As in life: Node gives back what a failed inflating took only between two turns.
    await turn();
    for (let end = Math.min(inputsMax, inputs + batchInputs); inputs < end; inputs += 1) {
      const number = firstInput + inputs;
      const random = root.fork(number);
      const input = target.input(random);
      bytes += input.length;
      const beganMs = processorMs();
      let ending: string;
      try {
        const outcome = target.run(input, random);
        ending = typeof outcome === 'string' ? outcome : await outcome;
      } catch (error) {
        ending = error instanceof DiodeError ? error.code : 'FOUND';
        if (ending === 'FOUND') finds.push({ input: number, bytes: input.length, what: textOf(error) });
      }
      const tookMs = processorMs() - beganMs;
      slowestMs = Math.max(slowestMs, tookMs);
      if (tookMs > inputMsMax)
        finds.push({ input: number, bytes: input.length, what: `it took ${Math.round(tookMs)} ms` });
      endings.set(ending, (endings.get(ending) ?? 0) + 1);
    }
  }
  await turn();
  const late = liveBytes();
  return {
    target: target.name,
    inputs,
    bytes,
    durationMs: performance.now() - startedMs,
    finds,
    endings: Object.fromEntries([...endings].sort((a, b) => b[1] - a[1])),
    slowestMs,
    memoryBytes: [early ?? late, late],
    rssBytes: process.memoryUsage.rss(),
  };
}

export interface Linearity {
  readonly target: string;
  readonly points: readonly { readonly bytes: number; readonly ms: number }[];
  /** Exponent of time over length between 64 KiB and the longest: 1 is linear, 2 is quadratic. */
  readonly exponent: number;
}

/** Times sound inputs of growing length, the best of several each. */
export async function measureLinearity(target: FuzzTarget): Promise<Linearity | undefined> {
  if (target.sized === undefined) return undefined;
  const points: { bytes: number; ms: number }[] = [];
  for (const wanted of [16_384, 65_536, 262_144, 1_048_576, 4_194_304]) {
    const input = target.sized(wanted);
    let ms = Number.POSITIVE_INFINITY;
    for (let run = 0; run < timedRuns; run += 1) {
      const beganMs = processorMs();
      try {
        if (target.timed !== undefined) target.timed(input);
        else await target.run(input, new Random(run));
      } catch (error) {
        if (!(error instanceof DiodeError)) throw error;
      }
      ms = Math.min(ms, processorMs() - beganMs);
    }
    points.push({ bytes: input.length, ms });
  }
  // Short inputs tell more of the clock than of the length; bounded ones come out equal.
  const [shorter] = points.filter(({ bytes }) => bytes > 50_000);
  const longest = points.at(-1);
  if (shorter === undefined || longest === undefined || longest.bytes < 2 * shorter.bytes) return undefined;
  const exponent = Math.log(longest.ms / shorter.ms) / Math.log(longest.bytes / shorter.bytes);
  return { target: target.name, points, exponent };
}

/** Of this process: others that want the machine do not count. */
function processorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

let collect: (() => void) | undefined;

function liveBytes(): number {
  setFlagsFromString('--expose-gc');
  collect ??= runInNewContext('gc') as () => void;
  collect();
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return (error.stack ?? error.message).split('\n').slice(0, 6).join(' | ');
}
