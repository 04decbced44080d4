/**
 * Running deliveries: takes what is due from the durable queue, hands it to the courier (the thread that talks to the
 * destinations) one round at a time, and records the outcome. Each destination has its own round, so that a slow one
 * delays no other. Driven by `step`; no I/O except the ledger.
 *
 * What was delivered but not yet recorded when the program stops is sent again: at least once, under the same UIDs.
 */

import { present } from '../../shared/assert.ts';
import type { Clock } from '../../shared/clock.ts';
import { countText } from '../../shared/console/quantities.ts';
import { DiodeError, type ErrorCode, storageCodes } from '../../shared/errors.ts';
import type { AlarmDesk } from '../../shared/program/alarm-desk.ts';
import type { Alarms } from '../../shared/program/alarms.ts';
import { EventGroups } from '../../shared/program/event-groups.ts';
import type { Events } from '../../shared/program/events.ts';
import type { RunningTime } from '../../shared/running-time.ts';
import type { Deliveries, DeliveryRecord } from '../ledger/deliveries.ts';
import type { OutgoingFile } from '../vault/outgoing.ts';
import { type DeliveryAnswer, type DeliveryPolicy, DeliveryQueue } from './delivery-queue.ts';

/** Sends rounds. What it reports goes to {@link Delivery.reported} and {@link Delivery.ended}. */
export interface Courier {
  send(destination: string, items: readonly CourierItem[]): void;
}

/** What leaves for an instance: exactly these bytes. */
export interface CourierItem extends OutgoingFile {
  /** Whose it is, for counting losses. */
  readonly group: string;
}

export interface DeliveryOptions {
  readonly deliveries: Deliveries;
  readonly events: Events;
  /** Does all of the act, or none of it. */
  readonly transaction: (act: () => void) => void;
  readonly policies: ReadonlyMap<string, DeliveryPolicy>;
  readonly courier: Courier;
  /** What leaves for an instance, or why nothing can now. */
  readonly fileOf: (row: DeliveryRecord) => OutgoingFile | DiodeError;
  /** Sender ids that count as one; by default each is its own. */
  readonly groupOf?: ((senderId: string) => string) | undefined;
  /** The courier read bytes other than those that should leave. */
  readonly onDamaged: (objectId: string) => void;
  readonly runningTime: RunningTime;
  readonly clock: Clock;
  readonly alarms: Alarms;
  /** Nothing of a study is waiting any more, and everything was delivered. */
  readonly onStudyDelivered: (senderId: string, studyUid: string) => void;
}

export interface DestinationStatus {
  readonly name: string;
  readonly isConfigured: boolean;
  readonly waiting: number;
  readonly failed: number;
  readonly oldestWaitingMs: number;
  /** How long it is left alone because it did not answer; 0 if it is not. */
  readonly retryInMs: number;
  /** Why the last instance or association failed; undefined after a success. */
  readonly code: ErrorCode | undefined;
  readonly sent: number;
}

interface Round {
  readonly rows: Map<string, DeliveryRecord>;
  /** Results that are not in the ledger yet. */
  answers: { readonly row: DeliveryRecord; readonly answer: DeliveryAnswer }[];
  isOver: boolean;
}

interface DestinationState {
  readonly name: string;
  readonly policy: DeliveryPolicy;
  readonly queue: DeliveryQueue<DeliveryRecord>;
  round: Round | undefined;
  lookedAtMs: number;
  ledgerFailedAtMs: number;
  code: ErrorCode | undefined;
  sent: number;
}

/** How often it looks for what has become due. */
const lookIntervalMs = 1000;
/** How often the queues are counted, for status and alarms. */
const watchIntervalMs = 2000;
const retryLedgerMs = 1000;

export class Delivery {
  readonly #options: DeliveryOptions;
  readonly #desk: AlarmDesk;
  readonly #destinations: ReadonlyMap<string, DestinationState>;
  #statuses: readonly DestinationStatus[] = [];
  #watchedAtMs = Number.NEGATIVE_INFINITY;
  #alarmed: readonly string[] = [];
  /** What failed for good in the transaction at hand. */
  #failures = new EventGroups();

  constructor(options: DeliveryOptions) {
    this.#options = options;
    this.#desk = options.alarms.desk('deliveries');
    this.#destinations = new Map(
      [...options.policies].map(([name, policy]) => [
        name,
        {
          name,
          policy,
          queue: new DeliveryQueue(this.#queueLedger(), [name], policy, options.groupOf),
          round: undefined,
          lookedAtMs: Number.NEGATIVE_INFINITY,
          ledgerFailedAtMs: Number.NEGATIVE_INFINITY,
          code: undefined,
          sent: 0,
        },
      ]),
    );
  }

  /** One instance of a round has an outcome. */
  reported(destination: string, objectId: string, answer: DeliveryAnswer): void {
    const state = present(this.#destinations.get(destination), 'a destination of a round');
    const row = state.round?.rows.get(objectId);
    if (row !== undefined) state.round?.answers.push({ row, answer });
  }

  /** A round is over: nothing more is reported about it. */
  ended(destination: string): void {
    const { round } = present(this.#destinations.get(destination), 'a destination of a round');
    if (round !== undefined) round.isOver = true;
  }

  /** Records results, and begins what is due. Call it often. A failure for one destination does not affect the others. */
  step(): void {
    const now = this.#options.clock.monotonicMs();
    for (const state of this.#destinations.values()) this.#stepOf(state, now);
    if (now - this.#watchedAtMs < watchIntervalMs) return;
    this.#watchedAtMs = now;
    this.#desk.during('deliveries', storageCodes, () => {
      this.#options.runningTime.keep();
      this.#watch();
    });
  }

  /** Something new is waiting: the next step looks for it. */
  wake(): void {
    for (const state of this.#destinations.values()) state.lookedAtMs = Number.NEGATIVE_INFINITY;
  }

  /** Records results before a stop; nothing new is begun. */
  finish(): void {
    for (const state of this.#destinations.values())
      this.#desk.during(subjectOf(state), storageCodes, () => this.#enterAnswers(state));
  }

  /** As of the last check, at most two seconds ago. */
  statuses(): readonly DestinationStatus[] {
    return this.#statuses;
  }

  /** A person wants it tried at once. */
  hurry(destination: string): void {
    this.#destinations.get(destination)?.queue.hurry(destination);
    this.#watchedAtMs = Number.NEGATIVE_INFINITY;
    this.wake();
  }

  #stepOf(state: DestinationState, now: number): void {
    if (now - state.ledgerFailedAtMs < retryLedgerMs) return;
    const done = this.#desk.during(subjectOf(state), storageCodes, () => {
      const isLooking = now - state.lookedAtMs >= lookIntervalMs;
      const hadRound = state.round !== undefined;
      this.#enterAnswers(state);
      if (state.round !== undefined || !(isLooking || hadRound)) return true;
      state.lookedAtMs = now;
      this.#begin(state);
      return true;
    });
    if (done !== undefined) return;
    state.ledgerFailedAtMs = now;
    state.lookedAtMs = Number.NEGATIVE_INFINITY;
  }

  #begin(state: DestinationState): void {
    const { courier, fileOf, groupOf, runningTime } = this.#options;
    const rows = state.queue.nextRound(state.name, runningTime.nowMs());
    if (rows.length === 0) return;
    const ready: { readonly row: DeliveryRecord; readonly file: OutgoingFile }[] = [];
    const waiting: { readonly row: DeliveryRecord; readonly error: DiodeError }[] = [];
    for (const row of rows) {
      const file = fileOf(row);
      if (file instanceof DiodeError) waiting.push({ row, error: file });
      else ready.push({ row, file });
    }
    if (waiting.length > 0) this.#setAside(state, waiting, ready.length === 0);
    if (ready.length === 0) return;
    state.round = {
      rows: new Map(ready.map(({ row }) => [row.objectId, row])),
      answers: [],
      isOver: false,
    };
    courier.send(
      state.name,
      ready.map(({ row, file }) => ({ ...file, group: groupOf?.(row.senderId) ?? row.senderId })),
    );
  }

  /** What can't leave now lets the others go. */
  #setAside(
    state: DestinationState,
    waiting: readonly { readonly row: DeliveryRecord; readonly error: DiodeError }[],
    isAll: boolean,
  ): void {
    const { transaction, runningTime } = this.#options;
    const { name, queue } = state;
    const nowMs = runningTime.nowMs();
    queue.atomically(name, () =>
      transaction(() => {
        for (const { row, error } of waiting)
          queue.setAside(row, { code: error.code, comment: error.message }, nowMs);
        if (isAll) queue.roundEnded(name, nowMs);
      }),
    );
    state.lookedAtMs = Number.NEGATIVE_INFINITY;
  }

  #enterAnswers(state: DestinationState): void {
    const { round } = state;
    if (round === undefined || (round.answers.length === 0 && !round.isOver)) return;
    const { transaction, runningTime, onDamaged } = this.#options;
    const answers = round.answers;
    const nowMs = runningTime.nowMs();
    this.#failures = new EventGroups();
    // Rolled back as a whole if the ledger refuses it; then everything is recorded again.
    state.queue.atomically(state.name, () =>
      transaction(() => {
        for (const { row, answer } of answers) {
          if (isDamaged(answer)) state.queue.setAside(row, { code: 'E_VAULT_DAMAGED' }, nowMs);
          else state.queue.answered(row, answer);
        }
        if (round.isOver) state.queue.roundEnded(state.name, nowMs);
        this.#enterEvents(state.name, answers);
      }),
    );
    // They are in the ledger: whatever fails from here on, they are not recorded twice.
    round.answers = [];
    if (round.isOver) state.round = undefined;
    for (const { answer } of answers) {
      if (answer.outcome === 'delivered') {
        state.sent += 1;
        state.code = undefined;
      } else if (answer.code !== undefined) state.code = answer.code;
    }
    // If nobody is told now, they are when the file is read again: its delivery waits.
    for (const { row, answer } of answers) if (isDamaged(answer)) onDamaged(row.objectId);
    this.#tellDelivered(answers);
  }

  /** What failed for good, and studies of which nothing waits for this destination any more. */
  #enterEvents(destination: string, answers: Round['answers']): void {
    const { deliveries, events, clock } = this.#options;
    this.#failures.enterInto(events, clock.wallMs());
    for (const { senderId, studyUid } of studiesArrived(answers)) {
      const instances = deliveries.arrivedAt(senderId, studyUid, destination);
      if (instances !== undefined)
        events.enter({ kind: 'delivered', senderId, studyUid, destination, instances }, clock.wallMs());
    }
  }

  #tellDelivered(answers: Round['answers']): void {
    const { deliveries, onStudyDelivered } = this.#options;
    for (const { senderId, studyUid } of studiesArrived(answers)) {
      if (!deliveries.hasUnsent(senderId, studyUid)) onStudyDelivered(senderId, studyUid);
    }
  }

  #watch(): void {
    const { deliveries, runningTime } = this.#options;
    const desk = this.#desk;
    const open = deliveries.open();
    const names = [...new Set([...this.#destinations.keys(), ...open.keys()])];
    const nowMs = runningTime.nowMs();
    this.#statuses = names.map((name) => {
      const { waiting = 0, failed = 0 } = open.get(name) ?? {};
      const state = this.#destinations.get(name);
      const oldest = waiting === 0 ? undefined : deliveries.oldestQueuedMs(name);
      return {
        name,
        isConfigured: state !== undefined,
        waiting,
        failed,
        oldestWaitingMs: oldest === undefined ? 0 : Math.max(0, Math.round(nowMs - oldest)),
        retryInMs: Math.max(0, Math.round((state?.queue.notBeforeMs(name) ?? 0) - nowMs)),
        code: state?.code,
        sent: state?.sent ?? 0,
      };
    });
    for (const status of this.#statuses) {
      const { name, isConfigured, waiting, failed, oldestWaitingMs, code } = status;
      const policy = this.#destinations.get(name)?.policy;
      const isLate = policy !== undefined && oldestWaitingMs > policy.alarmAfterMs;
      const why = code === undefined ? '' : `; last problem: ${code}`;
      desk.set(isLate, 'E_DELIVERY_WAITING', name, `${countText(waiting, 'instance')} waiting${why}`);
      desk.set(failed > 0, 'E_DELIVERY_FAILED', name, `${countText(failed, 'instance')} failed`);
      desk.set(
        !isConfigured && waiting > 0,
        'E_DELIVERY_NOWHERE',
        name,
        `${countText(waiting, 'instance')} waiting`,
      );
    }
    for (const name of this.#alarmed.filter((each) => !names.includes(each))) {
      for (const code of ['E_DELIVERY_WAITING', 'E_DELIVERY_FAILED', 'E_DELIVERY_NOWHERE'] as const)
        desk.clear(code, name);
    }
    this.#alarmed = names;
  }

  #queueLedger() {
    const { deliveries, runningTime, clock } = this.#options;
    const moment = () => ({ nowMs: runningTime.nowMs(), atMs: clock.wallMs() });
    return {
      due: (...asked: Parameters<Deliveries['due']>) => deliveries.due(...asked),
      oldestQueuedMs: (destination: string) => deliveries.oldestQueuedMs(destination),
      delivered: (row: DeliveryRecord, status: number | undefined) => deliveries.sent(row, status, moment()),
      refused: (row: DeliveryRecord, reason: Parameters<Deliveries['failed']>[1]) => {
        deliveries.failed(row, reason, moment());
        const { senderId, studyUid, destination } = row;
        const failed = { senderId, studyUid, destination, code: reason.code, instances: 1 };
        this.#failures.add({ kind: 'delivery-failed', ...failed });
      },
      postponed: (row: DeliveryRecord, reason: Parameters<Deliveries['postponed']>[1]) =>
        deliveries.postponed(row, reason, moment()),
    };
  }
}

function studiesArrived(answers: Round['answers']): Iterable<DeliveryRecord> {
  const arrived = answers.filter(({ answer }) => answer.outcome === 'delivered').map(({ row }) => row);
  return new Map(arrived.map((row) => [`${row.senderId} ${row.studyUid}`, row])).values();
}

/** The courier's own finding: the instance was not delivered. */
const isDamaged = ({ outcome, code }: DeliveryAnswer) => outcome === 'failed' && code === 'E_VAULT_DAMAGED';

const subjectOf = ({ name }: DestinationState) => `deliveries to ${name}`;
