/** Alarms as lines of the log: the level of a line is how urgent its alarm is. */
import type { Severity } from './alarm-severity.ts';
import type { AlarmListener } from './alarms.ts';
import type { Log, LogLevel } from './log.ts';

const levels = { critical: 'error', warning: 'warn', info: 'info' } as const satisfies Record<
  Severity,
  LogLevel
>;

export function alarmLog(log: Log): AlarmListener {
  return (edge, { code, subject, detail, severity }) => {
    const level = levels[severity];
    if (edge === 'raised') log[level]('alarm raised', { severity, code, subject, detail });
    else if (edge === 'changed') log[level]('alarm changed', { severity, code, subject, detail });
    else log.info('alarm cleared', { severity, code, subject });
  };
}
