/**
 * The files in a watch folder that are followed over several scans: a bounded number. If there are more, each folder gets as
 * many places as every other one that needs them, and within a folder a file that was followed for long, or could not be
 * taken in, gives its place to one that had none yet. So files that never stop changing keep no place for good.
 */
import type { ErrorCode } from '../../shared/errors.ts';
import type { WatchStatus } from './watch-disk.ts';

export interface FollowedFile {
  /** Who wrote it, as far as its folder tells. */
  readonly source: string;
  readonly priority: 'stat' | 'routine';
  /** The scan that saw it first. */
  readonly sinceScan: number;
  status: WatchStatus;
  /** How many scans in a row found no change. */
  stillScans: number;
  /** The scan that saw it last. */
  seenInScan: number;
  /** It could not be taken in: it is left alone for this many scans, twice as many each time. */
  postponed?: { readonly code: ErrorCode; readonly scans: number; readonly untilScan: number } | undefined;
}

/** A source's files that give way in this scan, the last one first; the first ones only to other sources. */
interface GivingWay {
  readonly young: string[];
  readonly old: string[];
}

/** Files of one priority. */
export class FollowedFiles {
  readonly #placesMax: number;
  readonly #trialScans: number;
  readonly #files = new Map<string, FollowedFile>();
  readonly #bySource = new Map<string, Set<string>>();
  readonly #givingWay = new Map<string, GivingWay>();
  /** The sources that had most when one was first asked in this scan, and which of them is next. */
  #largest: string[] | undefined;
  #nextLargest = 0;
  /** How many files of a source this scan saw. */
  #seen = new Map<string, number>();
  /** The first of those that found no place: the next scan starts from there. */
  #refusedFrom = new Map<string, number>();
  #askedFrom: ReadonlyMap<string, number> = new Map();
  #isShort = false;
  #scan = 0;

  /** @param trialScans for this many scans a file keeps its place for certain */
  constructor(placesMax: number, trialScans: number) {
    this.#placesMax = placesMax;
    this.#trialScans = trialScans;
  }

  get size(): number {
    return this.#files.size;
  }

  /** Whether a file found no place in this scan. */
  get isShort(): boolean {
    return this.#isShort;
  }

  beginScan(scan: number): void {
    this.#scan = scan;
    this.#askedFrom = this.#refusedFrom;
    this.#refusedFrom = new Map();
    this.#seen = new Map();
    this.#givingWay.clear();
    this.#largest = undefined;
    this.#isShort = false;
  }

  get(path: string): FollowedFile | undefined {
    return this.#files.get(path);
  }

  /** All of them; visited ones may be forgotten in the meantime. */
  entries(): IterableIterator<[string, FollowedFile]> {
    return this.#files.entries();
  }

  /** A scan found a file. @returns whether it is followed, or gets a place if {@link follow} is called next */
  hasPlaceFor(path: string, source: string): boolean {
    const position = this.#seen.get(source) ?? 0;
    this.#seen.set(source, position + 1);
    if (this.#files.has(path)) return true;
    // In turns, or the files that a folder lists first would get every free place.
    if (position >= (this.#askedFrom.get(source) ?? 0)) {
      if (this.#makePlace(source)) return true;
      if (!this.#refusedFrom.has(source)) this.#refusedFrom.set(source, position);
    }
    this.#isShort = true;
    return false;
  }

  follow(path: string, file: FollowedFile): void {
    this.#files.set(path, file);
    const ofSource = this.#bySource.get(file.source);
    if (ofSource === undefined) this.#bySource.set(file.source, new Set([path]));
    else ofSource.add(path);
    this.#givingWay.get(file.source)?.young.push(path);
  }

  forget(path: string): void {
    const source = this.#files.get(path)?.source;
    if (source === undefined) return;
    this.#files.delete(path);
    const ofSource = this.#bySource.get(source);
    ofSource?.delete(path);
    if (ofSource?.size === 0) this.#bySource.delete(source);
  }

  #makePlace(source: string): boolean {
    if (this.#files.size < this.#placesMax) return true;
    const largest = this.#largestSource();
    if (this.#countOf(largest) > this.#countOf(source) + 1) {
      const { old, young } = this.#givingWayOf(largest);
      const displaced = old.pop() ?? young.pop();
      if (displaced !== undefined) {
        this.forget(displaced);
        this.#passOn();
        return true;
      }
    }
    const displaced = this.#bySource.has(source) ? this.#givingWayOf(source).old.pop() : undefined;
    if (displaced === undefined) return false;
    this.forget(displaced);
    return true;
  }

  #countOf(source: string | undefined): number {
    return source === undefined ? 0 : (this.#bySource.get(source)?.size ?? 0);
  }

  #largestSource(): string {
    if (this.#largest === undefined) {
      this.#largest = [...this.#bySource.keys()].sort((a, b) => this.#countOf(b) - this.#countOf(a));
      this.#nextLargest = 0;
    }
    return this.#largest[this.#nextLargest] ?? '';
  }

  /** Sources are ordered by how many they had: those that have most come first, each in turn. */
  #passOn(): void {
    const [here, next] = [this.#nextLargest, this.#nextLargest + 1].map((at) => this.#largest?.[at]);
    this.#nextLargest = this.#countOf(next) > this.#countOf(here) ? this.#nextLargest + 1 : 0;
  }

  /** Sorted once per scan, when one of them has to give way. */
  #givingWayOf(source: string): GivingWay {
    let givingWay = this.#givingWay.get(source);
    if (givingWay === undefined) {
      givingWay = { young: [], old: [] };
      for (const path of this.#bySource.get(source) ?? []) {
        const file = this.#files.get(path);
        const isOld = file?.postponed !== undefined || this.#scan - (file?.sinceScan ?? 0) > this.#trialScans;
        (isOld ? givingWay.old : givingWay.young).push(path);
      }
      // Of those that had their time, the first to come is the first to go.
      givingWay.old.reverse();
      this.#givingWay.set(source, givingWay);
    }
    return givingWay;
  }
}
