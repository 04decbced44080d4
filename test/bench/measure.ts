/** Times a task: short enough to run often, long enough for the clock. */

export interface MeasureOptions {
  /** The median of so many samples is taken. */
  readonly samples?: number;
  /** Each sample runs the task for at least so long. */
  readonly sampleMs?: number;
}

/**
 * The median time of one run, in ns. The first sample only warms the compiler up and is dropped.
 *
 * @param task gets a running number, so that it can work on other data each time.
 */
export function medianNanoseconds(task: (run: number) => void, options: MeasureOptions = {}): number {
  const { samples = 5, sampleMs = 100 } = options;
  const times: number[] = [];
  let run = 0;
  for (let sample = 0; sample <= samples; sample++) {
    const start = process.hrtime.bigint();
    const end = start + BigInt(sampleMs) * 1_000_000n;
    let runs = 0;
    let now = start;
    // The clock is read after 1, 2, 4, .. runs more: it costs as much as a short task.
    for (let more = 1; now < end; more *= 2) {
      for (let i = 0; i < more; i++) task(run++);
      runs += more;
      now = process.hrtime.bigint();
    }
    if (sample > 0) times.push(Number(now - start) / runs);
  }
  times.sort((a, b) => a - b);
  return times[times.length >> 1] ?? Number.NaN;
}
