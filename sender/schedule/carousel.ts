/**
 * Decides what is repeated in the link's spare time: objects with the fewest passes first; of those, manifests, then the
 * newest; within a share of the link, and no object more often than its gap allows.
 *
 * It reads the ledger in rounds, a page at a time, and skips what may not go out now: however many objects have just been
 * sent, those after them get their turn. No I/O and no clock: the ledger is queried through `CarouselSource`.
 */
import type { SpooledObject } from '../ledger/spooled-objects.ts';

export interface CarouselSource {
  forCarousel(passesMin: number, limit: number, after?: SpooledObject): SpooledObject[];
}

export interface CarouselOptions {
  /** Planned passes of each object: only objects that have had them are repeated. */
  readonly passCount: number;
  /** Share of the link for the carousel, 0 to 1. 0 switches it off. */
  readonly carouselShare: number;
  /** An object is not repeated more often than this. */
  readonly carouselGapMs: number;
  readonly linkBytesPerMs: number;
}

const pageObjects = 64;
/** Pages per call: its cost is bounded, and the next call continues. */
const pagesMax = 4;
/** How much of the share is made up for after a late call. */
const catchUpMs = 100;
/** How long the ledger is left alone after a whole round found nothing. */
const restMs = 1000;

export class Carousel {
  readonly #source: CarouselSource;
  readonly #options: CarouselOptions;
  readonly #passBytes: (object: SpooledObject) => number;
  /** What was read and not processed yet. */
  #page: SpooledObject[] = [];
  /** The last one that was processed; undefined at the beginning of a round. */
  #after: SpooledObject | undefined;
  #roundSinceMs = Number.NEGATIVE_INFINITY;
  #foundInRound = false;
  #freeAtMs = 0;

  /** @param passBytes how many bytes of the link one pass of an object takes */
  constructor(
    source: CarouselSource,
    options: CarouselOptions,
    passBytes: (object: SpooledObject) => number,
  ) {
    this.#source = source;
    this.#options = options;
    this.#passBytes = passBytes;
  }

  /** The ledger changed: what was read before is stale. */
  objectsChanged(): void {
    this.#page.length = 0;
  }

  /**
   * The next object to repeat; undefined if the share is used up, or none was found yet that may go out.
   * @param mayGo whether an object is neither on its way nor too recent
   */
  next(nowMs: number, mayGo: (object: SpooledObject) => boolean): SpooledObject | undefined {
    const { carouselShare, carouselGapMs, linkBytesPerMs } = this.#options;
    if (carouselShare <= 0 || nowMs < this.#freeAtMs) return undefined;
    // Those at the front that were too recent may go by now.
    if (nowMs - this.#roundSinceMs >= carouselGapMs) this.#beginRound(nowMs);
    for (let pages = 0; pages <= pagesMax; ) {
      const object = this.#page.shift();
      if (object === undefined) {
        pages += 1;
        if (pages > pagesMax || this.#readPage()) continue;
        const isIdle = !this.#foundInRound;
        this.#beginRound(nowMs);
        if (!isIdle) continue;
        this.#freeAtMs = nowMs + Math.min(restMs, carouselGapMs);
        return undefined;
      }
      this.#after = object;
      if (!mayGo(object)) continue;
      this.#foundInRound = true;
      const fromMs = Math.max(this.#freeAtMs, nowMs - catchUpMs);
      this.#freeAtMs = fromMs + this.#passBytes(object) / (linkBytesPerMs * carouselShare);
      return object;
    }
    return undefined;
  }

  /** @returns false after the last one */
  #readPage(): boolean {
    this.#page = this.#source.forCarousel(this.#options.passCount, pageObjects, this.#after);
    return this.#page.length > 0;
  }

  #beginRound(nowMs: number): void {
    this.#page.length = 0;
    this.#after = undefined;
    this.#roundSinceMs = nowMs;
    this.#foundInRound = false;
  }
}
