/**
 * Decides which object goes out next: STAT, what a ticket asks for, manifests, first passes, second passes, carousel.
 *
 * Two passes of an object are separated by a gap, so that one burst can't hit both. Spare time goes to the carousel, which
 * repeats what the spool keeps until it expires (carousel.ts). No I/O and no clock: the ledger is queried through `Source`.
 */
import { assert } from '../../shared/assert.ts';
import { objectType } from '../../shared/wire/datagram.ts';
import { priority } from '../../shared/wire/manifest.ts';
import type { SpooledObject } from '../ledger/spooled-objects.ts';
import { Carousel, type CarouselOptions, type CarouselSource } from './carousel.ts';

export interface SendOrder {
  readonly object: SpooledObject;
  /** 0 for the first pass. */
  readonly pass: number;
  /** Goes ahead of the symbols of open blocks. */
  readonly urgent: boolean;
  /** A carousel repeat: goes after everything else. */
  readonly repeat: boolean;
}

export interface Source extends CarouselSource {
  withPasses(passes: number, limit: number): SpooledObject[];
  /** What tickets ask for, in order. */
  forResend(limit: number): SpooledObject[];
}

export interface ScheduleOptions extends CarouselOptions {
  readonly passGapMs: number;
}

/** An order that has not ended, and how much of the link it takes. */
interface InFlight {
  readonly order: SendOrder;
  readonly bytes: number;
}

const windowObjects = 64;
const passEndsMax = 100_000;
/** The link has time to spare when what is planned and on its way takes no longer than this. */
const spareMs = 10;
/** The most repeats under way: they wait behind anything planned, and an object under way is not sent again. */
const repeatsMax = 256;

export class Schedule {
  readonly #source: Source;
  readonly #options: ScheduleOptions;
  /** One window of waiting objects for each number of passes they have had. */
  readonly #windows: SpooledObject[][];
  readonly #exhausted: boolean[];
  readonly #carousel: Carousel;
  readonly #passBytes: (object: SpooledObject) => number;
  readonly #inFlight = new Map<string, InFlight>();
  #repeatsInFlight = 0;
  #plannedBytesInFlight = 0;
  /** What tickets ask for has a window of its own. */
  #resends: SpooledObject[] = [];
  #resendsExhausted = false;
  readonly #resending = new Set<string>();
  readonly #passEndedAtMs = new Map<string, number>();

  /** @param passBytes how many bytes of the link one pass of an object takes */
  constructor(source: Source, options: ScheduleOptions, passBytes: (object: SpooledObject) => number) {
    assert(options.passCount >= 1 && options.passCount <= 16, 'an object has one to sixteen planned passes');
    this.#source = source;
    this.#options = options;
    this.#passBytes = passBytes;
    this.#carousel = new Carousel(source, options, passBytes);
    this.#windows = Array.from({ length: options.passCount }, () => []);
    this.#exhausted = this.#windows.map(() => false);
  }

  /** Objects that were handed out and have not ended their pass. */
  get inFlight(): number {
    return this.#inFlight.size;
  }

  /** New objects are in the ledger: what was read before is stale. */
  objectsEntered(): void {
    this.resendsEntered();
    this.#carousel.objectsChanged();
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

  /** Whether an object's pass under way is what a ticket asked for. */
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
      (urgentOnly ? undefined : (this.#take(nowMs, () => true) ?? this.#repeat(nowMs)));
    if (order !== undefined) this.#begin(order);
    return order;
  }

  /** The last datagram of a pass has left. The caller counts the pass in the ledger first. */
  passEnded(objectId: string, nowMs: number): void {
    const order = this.#end(objectId);
    // It may still wait for a planned pass under the number that this one has used.
    if (this.#resending.delete(objectId)) this.objectsEntered();
    this.#passEndedAtMs.delete(objectId);
    this.#passEndedAtMs.set(objectId, nowMs);
    this.#forget(nowMs);
    const next = order.pass + 1;
    const window = this.#windows[next];
    if (window === undefined) return;
    this.#exhausted[next] = false;
    // What waits there was read earlier: the next pass of an urgent object goes ahead of it.
    if (order.urgent) window.length = 0;
  }

  /** A pass was lost on the way to the link: it is due again, as if it had never begun. */
  passLost(objectId: string): void {
    this.#end(objectId);
    this.#resending.delete(objectId);
    // It is in the ledger where it was; what was read of that before is stale.
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

  /** A new pass of what a ticket asks for, with repair symbols that were not sent before, as long as there are any. */
  #resend(): SendOrder | undefined {
    if (this.#resends.length === 0 && !this.#resendsExhausted) {
      const rows = this.#source.forResend(this.#inFlight.size + windowObjects);
      this.#resends = rows.filter((object) => !this.#inFlight.has(object.objectId));
      // What is under way for another reason comes after that has ended.
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
    const rows = this.#source.withPasses(passes, this.#inFlight.size + windowObjects);
    window.push(...rows.filter((object) => !this.#inFlight.has(object.objectId)));
    if (window.length === 0) this.#exhausted[passes] = true;
  }

  /** What is planned goes first, even if it only waits for its gap. */
  #repeat(nowMs: number): SendOrder | undefined {
    const { carouselGapMs, linkBytesPerMs } = this.#options;
    if (this.#plannedBytesInFlight > linkBytesPerMs * spareMs) return undefined;
    if (this.#repeatsInFlight >= repeatsMax) return undefined;
    const object = this.#carousel.next(nowMs, ({ objectId }) => {
      const endedAtMs = this.#passEndedAtMs.get(objectId);
      const isDue = endedAtMs === undefined || nowMs - endedAtMs >= carouselGapMs;
      return isDue && !this.#inFlight.has(objectId);
    });
    if (object === undefined) return undefined;
    return { object, pass: object.passes, urgent: false, repeat: true };
  }

  #begin(order: SendOrder): void {
    const bytes = this.#passBytes(order.object);
    this.#inFlight.set(order.object.objectId, { order, bytes });
    if (order.repeat) this.#repeatsInFlight += 1;
    else this.#plannedBytesInFlight += bytes;
  }

  #end(objectId: string): SendOrder {
    const found = this.#inFlight.get(objectId);
    assert(found !== undefined, 'only what was handed out ends');
    const { order, bytes } = found;
    this.#inFlight.delete(objectId);
    if (order.repeat) this.#repeatsInFlight -= 1;
    else this.#plannedBytesInFlight -= bytes;
    return order;
  }

  /** Ends that no gap depends on any more are forgotten, so the map stays small. */
  #forget(nowMs: number): void {
    const keepMs = Math.max(this.#options.passGapMs, this.#options.carouselGapMs);
    for (const [objectId, endedAtMs] of this.#passEndedAtMs) {
      if (nowMs - endedAtMs < keepMs && this.#passEndedAtMs.size <= passEndsMax) break;
      this.#passEndedAtMs.delete(objectId);
    }
  }
}
