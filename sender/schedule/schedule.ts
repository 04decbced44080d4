/**
 * Decides which object goes out next: STAT, what a ticket asks for, manifests, first passes, second passes, carousel.
 *
 * Two passes of an object are apart by a gap, so that one burst can't take both. Spare time goes to the
 * carousel: it repeats what the spool holds, fewest passes first, among equals manifests, then the newest, within
 * its share of the link, until it expires. No I/O and no clock: the ledger is asked through `Source`.
 */
import { assert } from '../../shared/assert.ts';
import { objectType } from '../../shared/wire/datagram.ts';
import { priority } from '../../shared/wire/manifest.ts';
import type { SpooledObject } from '../ledger/ledger.ts';

export interface SendOrder {
  readonly object: SpooledObject;
  /** 0 for the first pass. */
  readonly pass: number;
  /** Goes ahead of the symbols of open blocks. */
  readonly urgent: boolean;
  /** A repeat of the carousel: goes behind everything else. */
  readonly repeat: boolean;
}

export interface Source {
  objectsWithPasses(passes: number, limit: number): SpooledObject[];
  carouselObjects(passesMin: number, limit: number): SpooledObject[];
  /** What tickets ask for, in their order. */
  resendObjects(limit: number): SpooledObject[];
}

export interface ScheduleOptions {
  /** Planned passes of each object. */
  readonly passCount: number;
  readonly passGapMs: number;
  /** Share of the link for the carousel, 0 to 1. 0 switches it off. */
  readonly carouselShare: number;
  /** An object is not repeated more often than this. */
  readonly carouselGapMs: number;
  readonly linkBytesPerMs: number;
}

const windowObjects = 64;
const carouselCatchUpMs = 100;
const passEndsMax = 100_000;

export class Schedule {
  readonly #source: Source;
  readonly #options: ScheduleOptions;
  /** One window of waiting objects for each number of passes behind them. */
  readonly #windows: SpooledObject[][];
  readonly #exhausted: boolean[];
  readonly #inFlight = new Map<string, SendOrder>();
  /** What tickets ask for is a window of its own. */
  #resends: SpooledObject[] = [];
  #resendsExhausted = false;
  readonly #resending = new Set<string>();
  readonly #passEndedAtMs = new Map<string, number>();
  #carouselFreeAtMs = 0;

  constructor(source: Source, options: ScheduleOptions) {
    assert(options.passCount >= 1 && options.passCount <= 16, 'an object has one to sixteen planned passes');
    this.#source = source;
    this.#options = options;
    this.#windows = Array.from({ length: options.passCount }, () => []);
    this.#exhausted = this.#windows.map(() => false);
  }

  /** Objects that were handed out and have not ended their pass. */
  get inFlight(): number {
    return this.#inFlight.size;
  }

  /** New objects are in the ledger: what was read of it before is stale. */
  objectsEntered(): void {
    this.resendsEntered();
    for (const [passes, window] of this.#windows.entries()) {
      window.length = 0;
      this.#exhausted[passes] = false;
    }
  }

  /** A ticket asked for objects. */
  resendsEntered(): void {
    this.#resends.length = 0;
    this.#resendsExhausted = false;
  }

  /** Whether the pass of an object that is under way is what a ticket asked for. */
  isResend(objectId: string): boolean {
    return this.#resending.has(objectId);
  }

  /**
   * The next object to send, or undefined when nothing is due now.
   * @param urgentOnly the encoder has enough of the others
   */
  next(nowMs: number, urgentOnly = false): SendOrder | undefined {
    for (const passes of this.#windows.keys()) this.#refill(passes);
    const order =
      this.#take(nowMs, (object) => object.priority === priority.stat) ??
      (urgentOnly ? undefined : this.#resend()) ??
      this.#take(nowMs, (object) => object.type === objectType.manifest) ??
      (urgentOnly ? undefined : (this.#take(nowMs, () => true) ?? this.#carousel(nowMs)));
    if (order !== undefined) this.#inFlight.set(order.object.objectId, order);
    return order;
  }

  /** The last datagram of a pass has left. The caller counts the pass in the ledger first. */
  passEnded(objectId: string, nowMs: number): void {
    const order = this.#inFlight.get(objectId);
    assert(order !== undefined, 'only what was handed out ends');
    this.#inFlight.delete(objectId);
    // It may still wait for a planned pass, under the number that this one has taken.
    if (this.#resending.delete(objectId)) this.objectsEntered();
    this.#passEndedAtMs.delete(objectId);
    this.#passEndedAtMs.set(objectId, nowMs);
    this.#forget(nowMs);
    const next = order.pass + 1;
    const window = this.#windows[next];
    if (window === undefined) return;
    this.#exhausted[next] = false;
    // What waits there was read before: the next pass of an urgent object goes ahead of it.
    if (order.urgent) window.length = 0;
  }

  /** A pass was lost on the way to the link: it is due again, as if it had never begun. */
  passLost(objectId: string): void {
    assert(this.#inFlight.delete(objectId), 'only what was handed out is lost');
    this.#resending.delete(objectId);
    // It stands in the ledger where it stood; what was read of that before is stale.
    this.objectsEntered();
  }

  #take(nowMs: number, fits: (object: SpooledObject) => boolean): SendOrder | undefined {
    for (const [pass, window] of this.#windows.entries()) {
      const index = window.findIndex(
        (object) => fits(object) && this.#due(object, nowMs) && !this.#inFlight.has(object.objectId),
      );
      if (index < 0) continue;
      const [object] = window.splice(index, 1);
      assert(object !== undefined, 'the index was found');
      const urgent = object.priority === priority.stat || object.type === objectType.manifest;
      return { object, pass, urgent, repeat: false };
    }
    return undefined;
  }

  /** A fresh pass of what a ticket asks for: its repair symbols were not sent before while there are such. */
  #resend(): SendOrder | undefined {
    if (this.#resends.length === 0 && !this.#resendsExhausted) {
      const rows = this.#source.resendObjects(this.#inFlight.size + windowObjects);
      this.#resends = rows.filter((object) => !this.#inFlight.has(object.objectId));
      // What is under way for another reason comes when that has ended.
      this.#resendsExhausted = rows.length === 0;
    }
    const object = this.#resends.shift();
    if (object === undefined || this.#inFlight.has(object.objectId)) return undefined;
    this.#resending.add(object.objectId);
    return { object, pass: object.passes, urgent: object.type === objectType.manifest, repeat: false };
  }

  #due(object: SpooledObject, nowMs: number): boolean {
    const endedAtMs = this.#passEndedAtMs.get(object.objectId);
    return endedAtMs === undefined || nowMs - endedAtMs >= this.#options.passGapMs;
  }

  #refill(passes: number): void {
    const window = this.#windows[passes];
    assert(window !== undefined, 'one window for each pass');
    if (window.length > 0 || this.#exhausted[passes] === true) return;
    const rows = this.#source.objectsWithPasses(passes, this.#inFlight.size + windowObjects);
    window.push(...rows.filter((object) => !this.#inFlight.has(object.objectId)));
    if (window.length === 0) this.#exhausted[passes] = true;
  }

  #carousel(nowMs: number): SendOrder | undefined {
    const { carouselShare, carouselGapMs, linkBytesPerMs, passCount } = this.#options;
    if (carouselShare <= 0 || nowMs < this.#carouselFreeAtMs) return undefined;
    // What is planned goes first, also when it only waits for its gap.
    if (this.#inFlight.size > 0) return undefined;
    const object = this.#source.carouselObjects(passCount, windowObjects).find((candidate) => {
      const endedAtMs = this.#passEndedAtMs.get(candidate.objectId);
      return endedAtMs === undefined || nowMs - endedAtMs >= carouselGapMs;
    });
    if (object === undefined) {
      this.#carouselFreeAtMs = nowMs + Math.min(1000, carouselGapMs);
      return undefined;
    }
    // What a late look missed of its share is made up for, within bounds.
    const fromMs = Math.max(this.#carouselFreeAtMs, nowMs - carouselCatchUpMs);
    this.#carouselFreeAtMs = fromMs + object.bytes / (linkBytesPerMs * carouselShare);
    return { object, pass: object.passes, urgent: false, repeat: true };
  }

  /** Ends that no gap can ask for any more are forgotten, so the map stays small. */
  #forget(nowMs: number): void {
    const keepMs = Math.max(this.#options.passGapMs, this.#options.carouselGapMs);
    for (const [objectId, endedAtMs] of this.#passEndedAtMs) {
      if (nowMs - endedAtMs < keepMs && this.#passEndedAtMs.size <= passEndsMax) break;
      this.#passEndedAtMs.delete(objectId);
    }
  }
}
