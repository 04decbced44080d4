/** The alarms as a part of a program: in its log, in its status, and in its ledger from one run to the next. */
import { AlarmEvents } from './alarm-events.ts';
import { alarmLog } from './alarm-log.ts';
import { Alarms } from './alarms.ts';
import type { Host } from './host.ts';
import type { Part } from './part.ts';
import type { StandingAlarms } from './standing-alarms.ts';

const saveMs = 1000;

export class AlarmsPart implements Part {
  readonly name = 'alarms';
  readonly chores = [{ everyMs: saveMs, act: () => this.#save() }];
  readonly alarms: Alarms;
  /** Their edges, as events to be entered. */
  readonly alarmEvents: AlarmEvents;
  readonly #standing: StandingAlarms;

  /** Brings back the alarms of the last run at once, before there is any desk. */
  constructor({ clock, log }: Pick<Host, 'clock' | 'log'>, standing: StandingAlarms) {
    this.#standing = standing;
    this.alarmEvents = new AlarmEvents(clock);
    this.alarms = new Alarms(clock, alarmLog(log), this.alarmEvents.listener);
    this.alarms.remember(standing.load());
  }

  status() {
    return { alarms: this.alarms.standing() };
  }

  stop(): void {
    this.#save();
  }

  #save(): void {
    this.alarms.save(this.#standing);
  }
}
