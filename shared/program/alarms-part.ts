/** The alarms as a part of a program: in its log, and in its status. */
import { alarmLog } from '../alarm-log.ts';
import { Alarms } from '../alarms.ts';
import type { Host } from './host.ts';
import type { Part } from './part.ts';

export class AlarmsPart implements Part {
  readonly name = 'alarms';
  readonly alarms: Alarms;

  constructor({ clock, log }: Pick<Host, 'clock' | 'log'>) {
    this.alarms = new Alarms(() => clock.wallMs(), alarmLog(log));
  }

  status() {
    return { alarms: this.alarms.standing() };
  }
}
