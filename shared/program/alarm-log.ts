/** Alarms as lines of the log: the level of a line is how urgent its alarm is. */

import type { Log, LogLevel } from '../log.ts';
import type { AlarmListener } from './alarm.ts';
import type { Severity } from './alarm-severity.ts';

const levels = { critical: 'error', warning: 'warn', info: 'info' } as const satisfies Record<
  Severity,
  LogLevel
>;

export function alarmLog(log: Log): AlarmListener {
  return (edge, { owner, code, subject, detail, severity, acknowledged }) => {
    const level = levels[severity];
    const alarm = { severity, owner, code, subject };
    if (edge === 'raised') log[level]('alarm raised', { ...alarm, detail });
    else if (edge === 'changed') log[level]('alarm changed', { ...alarm, detail });
    else if (edge === 'cleared') log.info('alarm cleared', alarm);
    // The reason is a person's own words, which may name anybody.
    else log.info('alarm acknowledged', { ...alarm, detail: `by ${acknowledged?.byWhom}` });
  };
}
