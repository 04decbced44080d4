/** Current alarms as people read them: the most urgent first, then the oldest. */
import { type Acknowledgement, type Alarm, rankOf } from '../program/alarm.ts';
import { table } from './table.ts';
import { plainText } from './text-width.ts';

/** As `status` shows them. */
export function alarmLines(alarms: readonly Alarm[]): string[] {
  return inOrder(alarms).map(({ severity, code, subject, detail, acknowledged }) => {
    const line = `ALARM    ${severity} ${code} ${subject} ${detail}`;
    return acknowledged === undefined ? line : `${line} (${acknowledgementText(acknowledged)})`;
  });
}

/** As `alarms` lists them. */
export function alarmTable(alarms: readonly Alarm[]): string {
  const rows = inOrder(alarms).map(({ severity, code, subject, owner, sinceMs, detail, acknowledged }) => [
    severity,
    code,
    subject,
    owner,
    new Date(sinceMs).toISOString(),
    detail,
    acknowledged === undefined ? '' : acknowledgementText(acknowledged),
  ]);
  return table(['severity', 'code', 'subject', 'owner', 'since', 'detail', 'acknowledged'], rows);
}

function inOrder(alarms: readonly Alarm[]): Alarm[] {
  return alarms.toSorted((a, b) => rankOf(a) - rankOf(b) || a.sinceMs - b.sinceMs);
}

function acknowledgementText({ byWhom, reason, atMs }: Acknowledgement): string {
  return plainText(`acknowledged by ${byWhom} at ${new Date(atMs).toISOString()}: ${reason}`);
}
