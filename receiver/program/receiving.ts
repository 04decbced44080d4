/**
 * Takes datagrams from the ring into the pipeline, and gives the pipeline its turns. The receiving thread only receives;
 * everything that may wait for a disk runs here.
 */
import type { Clock } from '../../shared/clock.ts';
import type { Cancel, Loop } from '../../shared/program/loop.ts';
import type { Part } from '../../shared/program/part.ts';
import type { ReceivingEnd } from '../link/receiving-end.ts';
import type { Pipeline } from '../pipeline/pipeline.ts';

/** Datagrams taken from the ring before everything else gets its turn. */
const drainBatch = 512;
/** Fewer datagrams than this are not worth a turn of their own: more come in a millisecond. */
const worthDraining = 128;
const moreMs = 1;
/** After this long without a datagram, the receiving thread has to wake this one. */
const restlessMs = 20;
const idleMs = 10;

export interface ReceivingOptions {
  readonly link: ReceivingEnd;
  readonly pipeline: Pipeline;
  readonly clock: Clock;
  readonly loop: Loop;
  /** Counts the buffers that datagrams went through. */
  readonly usedBuffers: { add(bytes: number): void };
}

export class Receiving implements Part {
  readonly name = 'receiving';
  readonly #options: ReceivingOptions;
  #pending: Cancel = () => {};
  #isAwake = true;
  #isStopped = false;
  #drainedAtMs = 0;

  constructor(options: ReceivingOptions) {
    this.#options = options;
  }

  start(): void {
    const { link, clock } = this.#options;
    this.#drainedAtMs = clock.monotonicMs();
    link.onWake(() => this.#wake());
    this.#go();
  }

  /** Takes what is left in the ring once nothing more comes into it. */
  stop(): void | Promise<void> {
    const { link } = this.#options;
    const stopping = link.stop();
    const drainAll = () => {
      this.#isStopped = true;
      this.#pending();
      while (this.#drain(drainBatch) > 0);
    };
    return stopping === undefined ? drainAll() : stopping.then(drainAll);
  }

  /**
   * One turn: some datagrams, and a step of the pipeline.
   * @returns when the next turn is due: at once, or a little later
   */
  turn(): 'more' | 'later' {
    const count = this.take();
    const busy = this.#options.pipeline.step();
    return count >= worthDraining || busy ? 'more' : 'later';
  }

  /** Takes some datagrams. @returns how many */
  take(): number {
    // What waits for its sync is bounded: while there is too much, the ring fills up, and reports that.
    return this.#options.pipeline.backedUp ? 0 : this.#drain(drainBatch);
  }

  #go(): void {
    if (this.#isStopped) return;
    const { link, pipeline, loop, clock } = this.#options;
    this.#isAwake = true;
    if (this.turn() === 'more') {
      this.#pending = loop.soon(() => this.#go());
      return;
    }
    const isRestless = clock.monotonicMs() - this.#drainedAtMs < restlessMs || pipeline.isKeeping;
    this.#isAwake = isRestless || !link.sleep();
    this.#pending = loop.after(this.#isAwake ? moreMs : idleMs, () => this.#go());
  }

  #wake(): void {
    if (this.#isAwake || this.#isStopped) return;
    this.#pending();
    this.#go();
  }

  /** @returns how many datagrams were taken, at most `most` */
  #drain(most: number): number {
    const { link, pipeline, clock, usedBuffers } = this.#options;
    const count = Math.min(link.available, most);
    if (count === 0) return 0;
    const now = clock.monotonicMs();
    this.#drainedAtMs = now;
    link.take(count, (datagrams) => {
      for (let start = 0; start < datagrams.length; start += link.datagramBytes)
        pipeline.receive(datagrams, now, start);
    });
    usedBuffers.add(count * link.datagramBytes);
    return count;
  }
}
