/**
 * The gate beside the thread that assembles: hands whole files to a thread, and ends that thread for a file that it does
 * not get through with in its time. That one is held; the others are looked at by a new thread.
 */
import type { Clock } from '../../shared/clock.ts';
import { DiodeError } from '../../shared/errors.ts';
import { type Die, startThread, stopThread } from '../../shared/supervision.ts';
import type { ObjectClaim } from '../assemble/kept-state.ts';
import { gaveUp } from '../gate/findings.ts';
import type { GatePolicy } from '../gate/inspect.ts';
import type { GateAnswers, GateOrder, GateThreadData } from './gate-thread.ts';
import type { InspectionAnswer, InspectionRequest, Inspector } from './inspector.ts';

/** A thread that looks at files. */
export interface GateThread {
  order(order: GateOrder): void;
  /** Ends it, whatever it is doing. */
  end(): void;
}

export type StartGateThread = (
  progress: SharedArrayBuffer,
  onAnswers: (answers: GateAnswers) => void,
) => GateThread;

export interface ThreadInspectorOptions {
  readonly start: StartGateThread;
  readonly clock: Clock;
  readonly pathOf: (claim: ObjectClaim) => string;
}

/**
 * A last resort: what a file may cost is counted while it is read, and even the most of it takes a second. On top of this,
 * large files have the time of a slow disk.
 */
const budgetMs = 30_000;
const slowDiskBytesPerMs = 10_000;
/** Time between two looks counts for so much at most: this host may have stood still. */
const lookMsMax = 1000;

interface Asked {
  readonly number: number;
  readonly requests: readonly InspectionRequest[];
  readonly onAnswers: (answers: readonly (InspectionAnswer | undefined)[]) => void;
}

export class ThreadInspector implements Inspector {
  readonly #options: ThreadInspectorOptions;
  #thread: GateThread;
  #place = new Int32Array(new SharedArrayBuffer(4));
  #asked: Asked | undefined;
  #orders = 0;
  /** The place that was seen last, and how long the thread has been there. */
  #seenAt = -1;
  #stoodMs = 0;
  #lookedAtMs = 0;
  #onIdle: () => void = () => {};

  constructor(options: ThreadInspectorOptions) {
    this.#options = options;
    this.#thread = this.#start();
  }

  get isBusy(): boolean {
    return this.#asked !== undefined;
  }

  inspect(requests: readonly InspectionRequest[], onAnswers: Asked['onAnswers']): void {
    this.#orders += 1;
    this.#asked = { number: this.#orders, requests, onAnswers };
    Atomics.store(this.#place, 0, -1);
    this.#seenAt = -1;
    this.#stoodMs = 0;
    this.#lookedAtMs = this.#options.clock.monotonicMs();
    const files = requests.map((request) => ({ path: this.#options.pathOf(request), bytes: request.bytes }));
    this.#thread.order({ number: this.#orders, files });
  }

  step(): void {
    const asked = this.#asked;
    if (asked === undefined) return;
    const now = this.#options.clock.monotonicMs();
    const sinceMs = Math.min(now - this.#lookedAtMs, lookMsMax);
    this.#lookedAtMs = now;
    const place = Atomics.load(this.#place, 0);
    if (place !== this.#seenAt) {
      this.#seenAt = place;
      this.#stoodMs = 0;
      return;
    }
    const file = asked.requests[place];
    // It has not begun: a thread that can't start is told of by its death.
    if (file === undefined) return;
    this.#stoodMs += sinceMs;
    const allowedMs = budgetMs + file.bytes / slowDiskBytesPerMs;
    if (this.#stoodMs < allowedMs) return;
    this.#thread.end();
    this.#thread = this.#start();
    const answers = new Array<InspectionAnswer | undefined>(place).fill(undefined);
    this.#answer(asked, [...answers, { found: gaveUp, cost: allowedMs }]);
  }

  /** Waits for what the thread has in hand, for so long at most, and ends it. */
  async close(waitMs: number): Promise<void> {
    if (this.isBusy) {
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
        timer = setTimeout(resolve, waitMs);
      });
      clearTimeout(timer);
    }
    this.#thread.end();
  }

  #start(): GateThread {
    // Memory of its own: one that is being ended may still write to its.
    this.#place = new Int32Array(new SharedArrayBuffer(4));
    return this.#options.start(this.#place.buffer as SharedArrayBuffer, ({ number, answers }) => {
      const asked = this.#asked;
      // From a thread that was ended meanwhile.
      if (asked?.number !== number) return;
      this.#answer(
        asked,
        answers.map(({ found, milliseconds }) => ({
          found: 'code' in found ? new DiodeError(found.code, found.detail) : found,
          cost: milliseconds,
        })),
      );
    });
  }

  #answer(asked: Asked, answers: readonly (InspectionAnswer | undefined)[]): void {
    this.#asked = undefined;
    asked.onAnswers(answers);
    this.#onIdle();
  }
}

/** The thread of the program. Its death is the program's, unless it is ended. */
export function gateThread(gate: GatePolicy, patientKey: Uint8Array, die: Die): StartGateThread {
  return (progress, onMessage) => {
    const worker = startThread<GateAnswers>({
      file: new URL('./gate-thread.js', import.meta.url),
      workerData: { gate, patientKey, progress } satisfies GateThreadData,
      onMessage,
      die,
    });
    return {
      order: (order) => worker.postMessage(order),
      end: () => {
        stopThread(worker).catch(die);
      },
    };
  };
}
