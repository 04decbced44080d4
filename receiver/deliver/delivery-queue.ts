/**
 * What waits for which destination, and when it is tried: pure logic over a durable ledger. Time is the accumulated
 * running time of the program, so that a wall clock that jumps changes nothing.
 *
 * A destination that does not answer is left alone for longer and longer; an instance that it can't take now, too.
 * Neither holds up the others. What is refused for good leaves the queue and stays in the ledger for a person.
 */
import { present } from '../../shared/assert.ts';
import type { ErrorCode } from '../../shared/errors.ts';
import type { DeliveryOutcome } from './delivery-result.ts';

/** One instance for one destination, as the ledger keeps it. */
export interface WaitingDelivery {
  readonly destination: string;
  readonly sopInstanceUid: string;
  /** Times it was tried and failed. */
  readonly attempts: number;
  /** Running time when it was queued. */
  readonly queuedMs: number;
  /** Running time before which it is not tried again. */
  readonly notBeforeMs: number;
}

/** The durable part. Each call is one transaction. */
export interface DeliveryLedger<Row extends WaitingDelivery> {
  /** Those to be tried, urgent and oldest first, whose `notBeforeMs` has come. */
  due(destination: string, nowMs: number, most: number): Row[];
  /** Running time when the oldest that still waits was queued; undefined when none waits. */
  oldestQueuedMs(destination: string): number | undefined;
  delivered(row: Row, status: number | undefined): void;
  /** It is not tried again until a person says so. */
  refused(row: Row, reason: DeliveryReason): void;
  /** Tried in vain: attempts from now on, and when the next one may be. */
  postponed(
    row: Row,
    reason: DeliveryReason & { readonly attempts: number; readonly notBeforeMs: number },
  ): void;
}

export interface DeliveryReason {
  readonly code: ErrorCode;
  readonly status?: number;
  /** May hold PHI. */
  readonly comment?: string;
}

export interface DeliveryPolicy {
  /** Waits after the first failure, and doubles with each one more. */
  readonly retryMsMin: number;
  readonly retryMsMax: number;
  /** Instances of one round: few enough that an urgent one does not wait long for the next. */
  readonly batchMax: number;
  /** An instance that failed so often on its own account counts as refused. */
  readonly attemptsMax: number;
  /** Alarm when the oldest waits longer. */
  readonly alarmAfterMs: number;
}

export const deliveryPolicyDefault: DeliveryPolicy = {
  retryMsMin: 15_000,
  retryMsMax: 15 * 60_000,
  batchMax: 100,
  attemptsMax: 20,
  alarmAfterMs: 30 * 60_000,
};

export interface DeliveryAnswer {
  readonly outcome: DeliveryOutcome;
  readonly status?: number;
  readonly code?: ErrorCode;
  readonly comment?: string;
}

interface DestinationState<Row> {
  /** Rounds in a row in which nothing was delivered or refused. */
  failures: number;
  notBeforeMs: number;
  inRound: boolean;
  /** Whether something was delivered or refused in this round: the destination works. */
  works: boolean;
  /** Instances of this round that could not leave here. */
  setAside: number;
  /** What failed in this round, judged at its end. */
  failed: Failure<Row>[];
}

interface Failure<Row> {
  readonly row: Row;
  readonly answer: DeliveryAnswer;
}

export class DeliveryQueue<Row extends WaitingDelivery> {
  readonly #ledger: DeliveryLedger<Row>;
  readonly #policy: DeliveryPolicy;
  readonly #destinations: ReadonlyMap<string, DestinationState<Row>>;

  constructor(
    ledger: DeliveryLedger<Row>,
    destinations: readonly string[],
    policy: DeliveryPolicy = deliveryPolicyDefault,
  ) {
    this.#ledger = ledger;
    this.#policy = policy;
    // Nothing of a destination's state is durable: after a restart each is tried at once.
    this.#destinations = new Map(
      destinations.map((name) => [
        name,
        { failures: 0, notBeforeMs: 0, inRound: false, works: false, setAside: 0, failed: [] },
      ]),
    );
  }

  /** The next round for a destination; empty when nothing is due, or the destination is left alone. */
  nextRound(destination: string, nowMs: number): Row[] {
    const state = this.#state(destination);
    const rows = nowMs < state.notBeforeMs ? [] : this.#ledger.due(destination, nowMs, this.#policy.batchMax);
    state.inRound = rows.length > 0;
    return rows;
  }

  /** What became of one instance of the round. */
  answered(row: Row, answer: DeliveryAnswer): void {
    const state = this.#state(row.destination);
    // No attempt: it stays due.
    if (answer.outcome === 'untried') return;
    if (answer.outcome === 'failed') {
      state.failed.push({ row, answer });
      return;
    }
    state.works = true;
    if (answer.outcome === 'delivered') this.#ledger.delivered(row, answer.status);
    else this.#refused(row, answer);
  }

  /** An instance can't leave now, by no fault of the destination and none of its own: it waits, and has no attempt more. */
  setAside(row: Row, reason: DeliveryReason, nowMs: number): void {
    this.#state(row.destination).setAside += 1;
    const notBeforeMs = nowMs + this.#policy.retryMsMin;
    this.#ledger.postponed(row, { ...reason, attempts: row.attempts, notBeforeMs });
  }

  /**
   * The round is over. An instance that failed while others arrived has an attempt more; where nothing arrived, the
   * destination has failed and no instance is blamed for it.
   */
  roundEnded(destination: string, nowMs: number): void {
    const state = this.#state(destination);
    if (!state.inRound) return;
    const { works, failed } = state;
    const isUntried = !works && failed.length === 0 && state.setAside > 0;
    state.inRound = false;
    state.works = false;
    state.setAside = 0;
    state.failed = [];
    for (const { row, answer } of failed) {
      const attempts = row.attempts + (works ? 1 : 0);
      if (attempts >= this.#policy.attemptsMax) this.#refused(row, answer);
      else {
        const notBeforeMs = nowMs + this.#delayMs(row.attempts);
        const { outcome: _, ...reason } = answer;
        this.#ledger.postponed(row, { ...reason, code: codeOf(answer), attempts, notBeforeMs });
      }
    }
    // Nothing was asked of the destination, or it gave up before its turn: the next round tells.
    if (isUntried) return;
    state.notBeforeMs = works ? 0 : nowMs + this.#delayMs(state.failures);
    state.failures = works ? 0 : state.failures + 1;
  }

  /**
   * Enters answers in one transaction. Where the ledger refuses it, the queue is as it was before, and the same
   * answers are entered again.
   */
  atomically(destination: string, enter: () => void): void {
    const state = this.#state(destination);
    const before = { ...state, failed: [...state.failed] };
    try {
      enter();
    } catch (error) {
      Object.assign(state, before);
      throw error;
    }
  }

  /** A person wants it tried at once. */
  hurry(destination: string): void {
    const state = this.#state(destination);
    state.failures = 0;
    state.notBeforeMs = 0;
  }

  /** When `nextRound` is worth asking again for a destination that is left alone; 0 when it is not. */
  notBeforeMs(destination: string): number {
    return this.#state(destination).notBeforeMs;
  }

  /** How long the oldest waits, and whether that is too long: E_DELIVERY_WAITING. */
  oldest(destination: string, nowMs: number): { readonly waitingMs: number; readonly isTooLong: boolean } {
    const queuedMs = this.#ledger.oldestQueuedMs(destination);
    const waitingMs = queuedMs === undefined ? 0 : Math.max(0, nowMs - queuedMs);
    return { waitingMs, isTooLong: waitingMs > this.#policy.alarmAfterMs };
  }

  #refused(row: Row, answer: DeliveryAnswer): void {
    const { status, comment } = answer;
    this.#ledger.refused(row, {
      code: codeOf(answer),
      ...(status !== undefined && { status }),
      ...(comment !== undefined && { comment }),
    });
  }

  #delayMs(failures: number): number {
    const { retryMsMin, retryMsMax } = this.#policy;
    return Math.min(retryMsMax, retryMsMin * 2 ** Math.min(failures, 30));
  }

  #state(destination: string): DestinationState<Row> {
    return present(this.#destinations.get(destination), 'destinations are those of the configuration');
  }
}

function codeOf({ code }: DeliveryAnswer): ErrorCode {
  return code ?? 'E_PEER_REFUSED';
}
