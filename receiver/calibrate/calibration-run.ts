/**
 * What arrived of a calibration, step by step: how much was lost, and in which bursts. Datagrams go in, in the order they
 * came; it does no I/O and reads no clock.
 *
 * A burst is a series of a step's datagrams that did not arrive, including those before the first and after the last one that
 * did. One bit is kept for each datagram of the current step, so datagrams that overtake each other do not count as lost.
 */
import { assert } from '../../shared/assert.ts';
import {
  CalibrationDatagram,
  calibrationKind,
  readCalibration,
  readKeptRate,
  runOf,
} from '../../shared/wire/calibration.ts';

export interface StepResult {
  readonly step: number;
  /** As the sender requested it; undefined for a step of which only the kept rate is known. */
  readonly rateKilobitsPerSecond: number | undefined;
  /** As the sender kept it; undefined if no marker came since. */
  readonly keptKilobitsPerSecond: number | undefined;
  /** Sent in this step; undefined if nothing of it came. */
  readonly datagrams: number | undefined;
  readonly received: number;
  /** Datagrams that came after a later one. */
  readonly reordered: number;
  /** Lengths of the bursts lost, and how many of each. */
  readonly bursts: ReadonlyMap<number, number>;
}

interface StepAtHand {
  readonly step: number;
  readonly rateKilobitsPerSecond: number;
  readonly datagrams: number;
  readonly seen: Uint8Array;
  received: number;
  reordered: number;
  highest: number;
}

export class CalibrationRun {
  /** Datagrams with a valid tag that do not belong to this calibration: from a running sender. */
  others = 0;
  /** Those of a calibration with invalid values, or of an earlier run. */
  refused = 0;
  readonly #read = new CalibrationDatagram();
  readonly #results: StepResult[] = [];
  #run: string | undefined;
  #counter = -1;
  #steps = 0;
  #hand: StepAtHand | undefined;
  #kept: number[] = [];
  #isOver = false;

  /** Whether the sender said that it is done. */
  get isOver(): boolean {
    return this.#isOver;
  }

  get hasBegun(): boolean {
    return this.#run !== undefined;
  }

  /** The planned steps, and the current one; undefined before the first and after the end of each. */
  get progress():
    | { steps: number; step: number; rateKilobitsPerSecond: number; received: number }
    | undefined {
    const hand = this.#hand;
    if (hand === undefined) return undefined;
    const { step, rateKilobitsPerSecond, received } = hand;
    return { steps: this.#steps, step, rateKilobitsPerSecond, received };
  }

  /**
   * Takes one admitted datagram.
   * @returns the step that ended with it: the one whose end it announces, or the one before the step that it begins
   */
  receive(bytes: Uint8Array, start = 0): number | undefined {
    const read = this.#read;
    if (!this.#isOfThisRun(bytes, start)) return undefined;
    let ended: number | undefined;
    if (this.#hand !== undefined && read.step > this.#hand.step) ended = this.#end();
    if (read.kind === calibrationKind.marker) {
      for (let step = this.#kept.length; step < read.kept; step += 1)
        this.#kept.push(readKeptRate(bytes, step, start));
      if (this.#stepDone(read.step)) return ended;
      this.#hand ??= this.#begin();
      ended = this.#end();
      this.#isOver ||= read.isLast;
      return ended;
    }
    // Late ones of a step whose end was announced are as good as lost: their blocks would have waited as long.
    if (this.#stepDone(read.step)) return ended;
    this.#hand ??= this.#begin();
    this.#count(this.#hand);
    return ended;
  }

  /** All announced steps, in order, including those of which nothing came. */
  results(): StepResult[] {
    this.#end();
    const told = Math.max(this.#kept.length, (this.#results.at(-1)?.step ?? -1) + 1);
    return Array.from({ length: told }, (_, step) => {
      const keptKilobitsPerSecond = this.#kept[step];
      const found = this.#results.find((result) => result.step === step);
      if (found !== undefined) return { ...found, keptKilobitsPerSecond };
      return {
        step,
        rateKilobitsPerSecond: undefined,
        keptKilobitsPerSecond,
        datagrams: undefined,
        received: 0,
        reordered: 0,
        bursts: new Map(),
      };
    });
  }

  /** Reads it, and follows the run with the highest session counter. */
  #isOfThisRun(bytes: Uint8Array, start: number): boolean {
    const read = this.#read;
    if (readCalibration(bytes, read, start) !== undefined) {
      this.refused += 1;
      return false;
    }
    const run = runOf(bytes, start);
    if (run === this.#run) return true;
    if (read.sessionCounter <= this.#counter) {
      this.refused += 1;
      return false;
    }
    this.#run = run;
    this.#counter = read.sessionCounter;
    this.#steps = read.steps;
    this.#hand = undefined;
    this.#results.length = 0;
    this.#kept = [];
    this.#isOver = false;
    return true;
  }

  /** Its end was announced, or a later one has begun: what comes of it now says nothing about the current step. */
  #stepDone(step: number): boolean {
    return (this.#results.at(-1)?.step ?? -1) >= step || (this.#hand?.step ?? 0) > step;
  }

  #begin(): StepAtHand {
    const { step, rateKilobitsPerSecond, datagrams } = this.#read;
    const seen = new Uint8Array(Math.ceil(datagrams / 8));
    return { step, rateKilobitsPerSecond, datagrams, seen, received: 0, reordered: 0, highest: -1 };
  }

  #count(hand: StepAtHand): void {
    const { index, datagrams } = this.#read;
    if (datagrams !== hand.datagrams) {
      this.refused += 1;
      return;
    }
    const bit = 1 << (index & 7);
    const byte = hand.seen[index >> 3] ?? 0;
    if ((byte & bit) !== 0) return;
    hand.seen[index >> 3] = byte | bit;
    hand.received += 1;
    if (index < hand.highest) hand.reordered += 1;
    else hand.highest = index;
  }

  #end(): number | undefined {
    const hand = this.#hand;
    if (hand === undefined) return undefined;
    this.#hand = undefined;
    assert(!this.#stepDone(hand.step), 'a step ends once');
    const { step, rateKilobitsPerSecond, datagrams, received, reordered } = hand;
    this.#results.push({
      step,
      rateKilobitsPerSecond,
      keptKilobitsPerSecond: undefined,
      datagrams,
      received,
      reordered,
      bursts: burstsIn(hand.seen, datagrams),
    });
    return step;
  }
}

/** Runs of bits that are not set. */
function burstsIn(seen: Uint8Array, datagrams: number): ReadonlyMap<number, number> {
  const bursts = new Map<number, number>();
  let row = 0;
  const close = () => {
    if (row > 0) bursts.set(row, (bursts.get(row) ?? 0) + 1);
    row = 0;
  };
  for (let index = 0; index < datagrams; index += 1) {
    if (((seen[index >> 3] ?? 0) & (1 << (index & 7))) === 0) row += 1;
    else close();
  }
  close();
  return bursts;
}
