/**
 * Decides what spare time of the link repeats: fewest passes first, among equals manifests, then the newest, within a
 * share of the link, and no object more often than its gap.
 *
 * It reads the ledger in rounds, a page at a time, and passes over what may not go out now: however many objects
 * have just been sent, those behind them get their turn. No I/O and no clock: the ledger is asked through
 * `CarouselSource`.
 */
import type { SpooledObject } from '../ledger/spooled-objects.ts';

export interface CarouselSource {
  forCarousel(passesMin: number, limit: number, after?: SpooledObject): SpooledObject[];
}

export interface CarouselOptions {
  /** Planned passes of each object: it repeats what has had them. */
  readonly passCount: number;
  /** Share of the link for the carousel, 0 to 1. 0 switches it off. */
  readonly carouselShare: number;
  /** An object is not repeated more often than this. */
  readonly carouselGapMs: number;
  readonly linkBytesPerMs: number;
}

const pageObjects = 64;
/** Pages of one call: what it costs is bounded, and the next call goes on. */
const pagesMax = 4;
/** What a late look missed of the share is made up for, so far. */
const catchUpMs = 100;
/** When a whole round found nothing, the ledger is left alone for so long. */
const restMs = 1000;

export class Carousel {
  readonly #source: CarouselSource;
  readonly #options: CarouselOptions;
  readonly #passBytes: (object: SpooledObject) => number;
  /** What was read and not looked at yet. */
  #page: SpooledObject[] = [];
  /** The last one that was looked at; undefined at the beginning of a round. */
  #after: SpooledObject | undefined;
  #roundSinceMs = Number.NEGATIVE_INFINITY;
  #foundInRound = false;
  #freeAtMs = 0;

  /** @param passBytes what one pass of an object takes of the link */
  constructor(
    source: CarouselSource,
    options: CarouselOptions,
    passBytes: (object: SpooledObject) => number,
  ) {
    this.#source = source;
    this.#options = options;
    this.#passBytes = passBytes;
  }

  /** The ledger changed: what was read of it before is stale. */
  objectsChanged(): void {
    this.#page.length = 0;
  }

  /**
   * The next object to repeat; undefined when its share is used up, or none was found yet that may go out.
   * @param mayGo whether an object is neither on its way nor too young
   */
  next(nowMs: number, mayGo: (object: SpooledObject) => boolean): SpooledObject | undefined {
    const { carouselShare, carouselGapMs, linkBytesPerMs } = this.#options;
    if (carouselShare <= 0 || nowMs < this.#freeAtMs) return undefined;
    // Those in front that were too young may go by now.
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

  /** @returns false behind the last one */
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
