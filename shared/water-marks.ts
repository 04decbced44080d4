/** High and low water of a disk: above the one something stops, and only below the other does it resume. */
import { assert } from './assert.ts';

export class WaterMarks {
  readonly #highPercent: number;
  readonly #lowPercent: number;
  #above = false;

  constructor(marks: { highPercent: number; lowPercent: number }) {
    assert(marks.lowPercent <= marks.highPercent, 'low water is not above high water');
    this.#highPercent = marks.highPercent;
    this.#lowPercent = marks.lowPercent;
  }

  /** Whether high water was reached and low water not since. */
  get above(): boolean {
    return this.#above;
  }

  /** @returns whether it is above now */
  update(disk: { readonly free: number; readonly total: number }): boolean {
    const used = usedPercent(disk);
    if (used >= this.#highPercent) this.#above = true;
    if (used <= this.#lowPercent) this.#above = false;
    return this.#above;
  }
}

export function usedPercent({ free, total }: { readonly free: number; readonly total: number }): number {
  return 100 * (1 - free / total);
}
