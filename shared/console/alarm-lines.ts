/** Current alarms as `status` shows them: the most urgent first, then the oldest. */
import { severities } from '../alarm-severity.ts';
import type { Alarm } from '../alarms.ts';

export function alarmLines(alarms: readonly Alarm[]): string[] {
  const rank = ({ severity }: Alarm) => severities.indexOf(severity);
  return alarms
    .toSorted((a, b) => rank(a) - rank(b) || a.sinceMs - b.sinceMs)
    .map(({ severity, code, subject, detail }) => `ALARM    ${severity} ${code} ${subject} ${detail}`);
}
