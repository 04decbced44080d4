/**
 * What waits for which destination, and when it is tried: pure logic over a durable ledger. Time is the program's
 * accumulated running time, so that a jump of the wall clock changes nothing.
 *
 * A destination that does not answer is left alone for longer and longer; so is, at that destination, a sender whose
 * instances alone get no answer, and an instance that it can't take now. None of them delays the others. What is refused
 * permanently leaves the queue and stays in the ledger for a person.
 */
import { present } from '../../shared/assert.ts';
import type { ErrorCode } from '../../shared/errors.ts';
import type { Turns } from '../ledger/due-deliveries.ts';
import type { DeliveryOutcome } from './delivery-result.ts';

/** One instance for one destination, as the ledger keeps it. */
export interface WaitingDelivery {
  readonly destination: string;
  readonly senderId: string;
  readonly sopInstanceUid: string;
  /** How many times it was tried and failed. */
  readonly attempts: number;
  /** Running time when it was queued. */
  readonly queuedMs: number;
  /** Running time before which it is not tried again. */
  readonly notBeforeMs: number;
}

/** The durable part. Each call is one transaction. */
export interface DeliveryLedger<Row extends WaitingDelivery> {
  /** Those whose `notBeforeMs` has come and whose turn it is, urgent and oldest first. */
  due(destination: string, nowMs: number, most: number, turns: Turns): Row[];
  /** Running time when the oldest one still waiting was queued; undefined if none is waiting. */
  oldestQueuedMs(destination: string): number | undefined;
  delivered(row: Row, status: number | undefined): void;
  /** It is not tried again until a person says so. */
  refused(row: Row, reason: DeliveryReason): void;
  /** Tried in vain: the number of attempts so far, and when the next one may be. */
  postponed(
    row: Row,
    reason: DeliveryReason & { readonly attempts: number; readonly notBeforeMs: number },
  ): void;
}

export interface DeliveryReason {
  readonly code: ErrorCode;
  readonly status?: number;
  /** May contain PHI. */
  readonly comment?: string;
}

export interface DeliveryPolicy {
  /** The wait after the first failure; it doubles with each further one. */
  readonly retryMsMin: number;
  readonly retryMsMax: number;
  /** Instances per round: few enough that an urgent one does not wait long for the next. */
  readonly batchMax: number;
  /** An instance that failed this many times by its own fault counts as refused. */
  readonly attemptsMax: number;
  /** Raises an alarm when the oldest waits longer. */
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

/** A sender, or all ids of one key name, at a destination. */
interface GroupState {
  /** How many rounds in a row something of it failed and nothing was delivered or refused. */
  readonly failures: number;
  /** It is left alone until then. */
  readonly notBeforeMs: number;
  /** Instances per round: few after one was lost, and more with each round without a loss. */
  readonly most: number;
}

/** The outcome for a group in one round. */
interface GroupRound {
  readonly works: boolean;
  readonly fails: boolean;
  /** Something got no answer at all, which takes long. */
  readonly loses: boolean;
}

interface DestinationState<Row> {
  /** How many rounds in a row nothing was delivered or refused. */
  failures: number;
  notBeforeMs: number;
  /** When it is worth asking again after the last round; 0 if that delivered something. */
  retryMs: number;
  /** Those that have a problem. */
  groups: Map<string, GroupState>;
  /** Those of this round that have an outcome. */
  asked: Map<string, GroupRound>;
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
  readonly #groupOf: (senderId: string) => string;

  /** @param groupOf sender ids that count as one; by default each is its own */
  constructor(
    ledger: DeliveryLedger<Row>,
    destinations: readonly string[],
    policy: DeliveryPolicy = deliveryPolicyDefault,
    groupOf: (senderId: string) => string = (senderId) => senderId,
  ) {
    this.#ledger = ledger;
    this.#policy = policy;
    this.#groupOf = groupOf;
    // A destination's state is not durable: after a restart each is tried at once.
    this.#destinations = new Map(
      destinations.map((name) => [
        name,
        {
          ...{ failures: 0, notBeforeMs: 0, retryMs: 0, inRound: false, works: false, setAside: 0 },
          ...{ failed: [], groups: new Map<string, GroupState>(), asked: new Map<string, GroupRound>() },
        },
      ]),
    );
  }

  /** The next round for a destination; empty if nothing is due, or if the destination is left alone. */
  nextRound(destination: string, nowMs: number): Row[] {
    const state = this.#state(destination);
    const { batchMax } = this.#policy;
    const turns = {
      groupOf: this.#groupOf,
      most: (group: string) => {
        const { notBeforeMs, most } = state.groups.get(group) ?? { notBeforeMs: 0, most: batchMax };
        return nowMs < notBeforeMs ? 0 : most;
      },
      isLast: (group: string) => state.groups.has(group),
    };
    const rows = nowMs < state.notBeforeMs ? [] : this.#ledger.due(destination, nowMs, batchMax, turns);
    state.inRound = rows.length > 0;
    return rows;
  }

  /** The outcome for one instance of the round. */
  answered(row: Row, answer: DeliveryAnswer): void {
    const state = this.#state(row.destination);
    const group = this.#groupOf(row.senderId);
    const before = state.asked.get(group) ?? { works: false, fails: false, loses: false };
    const isFailure = answer.outcome === 'failed';
    state.asked.set(group, {
      works: before.works || answer.outcome === 'delivered' || answer.outcome === 'refused',
      fails: before.fails || isFailure,
      loses: before.loses || (isFailure && answer.status === undefined && answer.code !== 'E_FILE_READ'),
    });
    // Not an attempt: it stays due.
    if (answer.outcome === 'untried') return;
    if (answer.outcome === 'failed') {
      state.failed.push({ row, answer });
      return;
    }
    state.works = true;
    if (answer.outcome === 'delivered') this.#ledger.delivered(row, answer.status);
    else this.#refused(row, answer);
  }

  /** An instance can't leave now, by no fault of the destination or its own: it waits, and no attempt is counted. */
  setAside(row: Row, reason: DeliveryReason, nowMs: number): void {
    this.#state(row.destination).setAside += 1;
    const notBeforeMs = nowMs + this.#policy.retryMsMin;
    this.#ledger.postponed(row, { ...reason, attempts: row.attempts, notBeforeMs });
  }

  /**
   * The round is over. An instance that failed while others arrived gets one attempt counted; if nothing arrived, the
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
    const { asked } = state;
    state.asked = new Map();
    // The destination was not asked, or the round ended before its turn: the next round will tell.
    if (isUntried) return;
    // If only one sender's instances failed, its own data may be the cause: the others will tell.
    const failing = [...asked].filter(([, round]) => round.fails);
    const [only = '', ...more] = (failing.length > 0 ? failing : [...asked]).map(([group]) => group);
    const isOfOne = !works && only !== '' && more.length === 0;
    for (const [group, round] of asked) {
      const isItsOwn = isOfOne ? group === only : works && round.fails && !round.works;
      this.#judge(state.groups, group, round, isItsOwn ? nowMs : undefined);
    }
    if (!isOfOne) {
      state.notBeforeMs = works ? 0 : nowMs + this.#delayMs(state.failures);
      state.failures = works ? 0 : state.failures + 1;
    }
    state.retryMs = isOfOne ? (state.groups.get(only)?.notBeforeMs ?? 0) : state.notBeforeMs;
  }

  /** What a round says about one group. @param failedAtMs now, if it was not the destination that failed */
  #judge(
    groups: Map<string, GroupState>,
    group: string,
    { works, loses }: GroupRound,
    failedAtMs: number | undefined,
  ): void {
    const { batchMax } = this.#policy;
    const healthy = { failures: 0, notBeforeMs: 0, most: batchMax };
    const before = groups.get(group) ?? healthy;
    const { failures, notBeforeMs } = works ? healthy : before;
    const most = loses ? 1 : works ? Math.min(batchMax, 2 * before.most) : before.most;
    if (failedAtMs !== undefined)
      groups.set(group, {
        failures: failures + 1,
        notBeforeMs: failedAtMs + this.#delayMs(failures),
        most,
      });
    else if (failures === 0 && most === batchMax) groups.delete(group);
    else groups.set(group, { failures, notBeforeMs, most });
  }

  /**
   * Enters answers in one transaction. If the ledger refuses it, the queue stays as it was, and the same answers are
   * entered again.
   */
  atomically(destination: string, enter: () => void): void {
    const state = this.#state(destination);
    const { failed, groups, asked } = state;
    const before = { ...state, failed: [...failed], groups: new Map(groups), asked: new Map(asked) };
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
    state.retryMs = 0;
    state.groups.clear();
  }

  /** When a destination whose last round achieved nothing is asked again; 0 if it achieved something. */
  notBeforeMs(destination: string): number {
    return this.#state(destination).retryMs;
  }

  /** How long the oldest has been waiting, and whether that is too long: E_DELIVERY_WAITING. */
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
