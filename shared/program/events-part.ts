/** Enters the events of the program itself and of its alarms, and removes those that are too old. */
import type { Clock } from '../clock.ts';
import type { KeyRing } from '../crypto/key-file.ts';
import { storageCodes } from '../errors.ts';
import type { AlarmDesk } from './alarm-desk.ts';
import type { AlarmEvents } from './alarm-events.ts';
import type { Alarms } from './alarms.ts';
import type { Events } from './events.ts';
import type { Part } from './part.ts';
import { enterKeys, enterStart } from './program-events.ts';

const stepMs = 1000;
const dayMs = 86_400_000;

export interface EventsPartOptions {
  readonly ledger: { readonly events: Events; transaction<T>(act: () => T): T };
  /** Edges of alarms, which are entered a little later. */
  readonly alarmEvents: AlarmEvents;
  readonly alarms: Alarms;
  readonly clock: Clock;
  /** Of the program, in all its lives. */
  readonly runningMs: () => number;
  readonly configuration: { readonly 'events.keepForDays': number };
  readonly keys: KeyRing;
  readonly version: string;
}

export class EventsPart implements Part {
  readonly name = 'events';
  readonly chores = [{ everyMs: stepMs, act: () => this.#step() }];
  readonly #options: EventsPartOptions;
  readonly #desk: AlarmDesk;
  readonly #startedMs: number;
  #isStarted = false;

  constructor(options: EventsPartOptions) {
    this.#options = options;
    this.#desk = options.alarms.desk('events');
    this.#startedMs = options.clock.monotonicMs();
  }

  started(): void {
    const { ledger, version, configuration, keys, clock } = this.#options;
    const start = { version, configuration, keyIds: idsOf(keys) };
    this.#isStarted = true;
    this.#enter(() => enterStart(ledger, start, clock.wallMs()));
  }

  useKeys(ring: KeyRing): void {
    const { ledger, clock } = this.#options;
    this.#enter(() => enterKeys(ledger, idsOf(ring), clock.wallMs()));
  }

  /** A program that never started did not stop either. */
  stop(): void {
    const { ledger, alarmEvents, clock } = this.#options;
    const ranMs = Math.round(clock.monotonicMs() - this.#startedMs);
    this.#enter(() => {
      alarmEvents.enterAll(ledger);
      if (this.#isStarted) ledger.events.enter({ kind: 'stopped', ranMs }, clock.wallMs());
    });
  }

  #step(): void {
    const { ledger, alarmEvents, runningMs, configuration } = this.#options;
    this.#enter(() => {
      alarmEvents.enterSome(ledger);
      ledger.events.prune(runningMs(), configuration['events.keepForDays'] * dayMs);
    });
  }

  /** An event that the ledger refuses keeps nothing else from being done. */
  #enter(act: () => void): void {
    this.#desk.during('events', storageCodes, act);
  }
}

function idsOf({ keys }: KeyRing): number[] {
  return keys.map(({ id }) => id);
}
