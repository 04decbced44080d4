/** Delivery of one receiver over a real ledger; the courier, the host's clocks and what they do are the test's. */
import { type Courier, type CourierItem, Delivery } from '../../../../receiver/deliver/delivery.ts';
import { DeliveryPlan } from '../../../../receiver/deliver/delivery-plan.ts';
import type { DeliveryAnswer, DeliveryPolicy } from '../../../../receiver/deliver/delivery-queue.ts';
import type { Route } from '../../../../receiver/deliver/routing.ts';
import { ReceiverLedger } from '../../../../receiver/ledger/ledger.ts';
import { DiodeError } from '../../../../shared/errors.ts';
import { Alarms } from '../../../../shared/program/alarms.ts';
import { RunningTime } from '../../../../shared/running-time.ts';
import { priority } from '../../../../shared/wire/manifest.ts';
import { instance, senderId } from '../high.ts';

export const minute = 60_000;
const policy: DeliveryPolicy = {
  retryMsMin: 10_000,
  retryMsMax: 80_000,
  batchMax: 4,
  attemptsMax: 3,
  alarmAfterMs: 30 * minute,
};

class PlayedCourier implements Courier {
  readonly rounds: { destination: string; objectIds: string[] }[] = [];

  send(destination: string, items: readonly CourierItem[]): void {
    this.rounds.push({ destination, objectIds: items.map(({ objectId }) => objectId) });
  }
}

const fileOf = (objectId: string) => ({ objectId, path: `/vault/${objectId}`, bytes: 1, sha256: objectId });

/** A receiver's delivery whose program can be started again over the same ledger. */
export class DeliverySite {
  readonly ledger = new ReceiverLedger(':memory:');
  /** The host's clocks; the monotonic one begins anew with each program. */
  wallMs = 1e12;
  monotonicMs = 5000;
  ledgerIsFull = false;
  refuses: string | undefined;
  delivered: string[] = [];
  damaged: string[] = [];
  /** Sender ids that count as one. */
  groupOf = (senderId: string) => senderId;
  /** What can't leave, and why. */
  readonly unready = new Map<string, DiodeError>();
  courier = new PlayedCourier();
  alarms = this.#alarms();
  time = this.#time();
  plan: DeliveryPlan;
  delivery: Delivery;
  readonly #routes: readonly Route[];
  readonly #hasInbox: boolean;

  constructor(routes: readonly Route[], hasInbox = true) {
    this.#routes = routes;
    this.#hasInbox = hasInbox;
    [this.plan, this.delivery] = this.#start();
  }

  restart(): void {
    this.monotonicMs = 123_456;
    this.courier = new PlayedCourier();
    this.alarms = this.#alarms();
    this.time = this.#time();
    [this.plan, this.delivery] = this.#start();
  }

  pass(ms: number): void {
    this.monotonicMs += ms;
    this.delivery.step();
  }

  release(names: readonly string[], change: Parameters<typeof instance>[1] = {}, urgent = false): string[] {
    const rows = names.map((name) => instance(name, change));
    const study = {
      senderId,
      studyUid: '1.2',
      studyNumber: 1,
      state: 'released',
      priority: urgent ? priority.stat : priority.routine,
      newestRevision: 1,
      releasedRevision: 1,
      expected: rows.length,
      inboxName: '1.2',
    } as const;
    for (const row of rows) this.ledger.instances.enter(row, this.wallMs);
    this.ledger.transaction(() => this.plan.enter(study, rows));
    return rows.map(({ objectId }) => objectId);
  }

  /** Plays the newest round to its end. @returns the objects that were in it */
  play(answer: (objectId: string) => DeliveryAnswer['outcome'] | DeliveryAnswer, of?: string): string[] {
    const round = this.courier.rounds.findLast(({ destination }) => of === undefined || destination === of);
    if (round === undefined) return [];
    this.courier.rounds.splice(this.courier.rounds.indexOf(round), 1);
    for (const objectId of round.objectIds) {
      const said = answer(objectId);
      this.delivery.reported(
        round.destination,
        objectId,
        typeof said === 'string' ? { outcome: said } : said,
      );
    }
    this.delivery.ended(round.destination);
    this.pass(50);
    return round.objectIds;
  }

  states(studyUid = '1.2'): string[] {
    return this.ledger.deliveries.list(studyUid).map(({ destination, state }) => `${destination} ${state}`);
  }

  standing(): string[] {
    return this.alarms.standing().map(({ code, subject }) => `${code} ${subject}`);
  }

  /** The ledger does not take what one destination has answered. */
  #refusing(deliveries: ReceiverLedger['deliveries']): ReceiverLedger['deliveries'] {
    return new Proxy(deliveries, {
      get: (target, name) => {
        const member: unknown = Reflect.get(target, name, target);
        if (typeof member !== 'function') return member;
        return (...parameters: unknown[]) => {
          const [row] = parameters as [{ destination?: string }];
          if (name === 'sent' && row.destination === this.refuses) throw new DiodeError('E_LEDGER');
          return Reflect.apply(member, target, parameters);
        };
      },
    });
  }

  #alarms(): Alarms {
    return new Alarms(this.#clock());
  }

  #clock() {
    return { monotonicMs: () => this.monotonicMs, wallMs: () => this.wallMs };
  }

  #time(): RunningTime {
    return new RunningTime(this.ledger.savedTime, this.#clock());
  }

  #start(): [DeliveryPlan, Delivery] {
    const { ledger, time } = this;
    const { deliveries, removableObjects } = ledger;
    const clock = this.#clock();
    const delivery = new Delivery({
      deliveries: this.#refusing(deliveries),
      events: ledger.events,
      transaction: (act) =>
        ledger.transaction(() => {
          act();
          if (this.ledgerIsFull) throw new DiodeError('E_DISK_FULL');
        }),
      policies: new Map(this.#routes.map(({ destination }) => [destination, policy])),
      courier: this.courier,
      fileOf: ({ objectId }) => this.unready.get(objectId) ?? fileOf(objectId),
      groupOf: (of) => this.groupOf(of),
      onDamaged: (objectId) => this.damaged.push(objectId),
      runningTime: time,
      clock,
      alarms: this.alarms,
      onStudyDelivered: (_, studyUid) => this.delivered.push(studyUid),
    });
    const plan = new DeliveryPlan({
      deliveries,
      removableObjects,
      events: ledger.events,
      routes: this.#routes,
      runningTime: time,
      clock,
      hasInbox: this.#hasInbox,
      onEntered: () => delivery.wake(),
    });
    return [plan, delivery];
  }
}
