/** A person has seen an alarm, and says why it may stay: the same on both sides. */
import { z } from 'zod';
import type { Clock } from '../clock.ts';
import { countText } from '../console/quantities.ts';
import { DiodeError, type ErrorCode, isErrorCode } from '../errors.ts';
import { auditedForm, type Operation, operation, type Who, whoFields } from './operations.ts';

const named = z.string().min(1).max(300);

export const acknowledgeAlarmForm = auditedForm(
  'acknowledge-alarm',
  z.strictObject({
    ...whoFields,
    code: z.custom<ErrorCode>((code) => typeof code === 'string' && isErrorCode(code)),
    subject: named.optional(),
    owner: named.optional(),
  }),
);

interface StandingAlarm {
  readonly code: ErrorCode;
  readonly subject: string;
  readonly owner?: string;
}

/** The part of the alarms that this needs. */
export interface AcknowledgedAlarms {
  standing(): readonly StandingAlarm[];
  /** @returns what was acknowledged */
  acknowledge(
    of: { readonly code: ErrorCode; readonly subject?: string; readonly owner?: string },
    who: Who,
    atMs: number,
  ): readonly StandingAlarm[];
}

export function alarmOperations(alarms: AcknowledgedAlarms, clock: Clock): readonly Operation[] {
  return [
    operation(acknowledgeAlarmForm, ({ code, subject, owner, byWhom, reason }) => {
      const found = alarms
        .standing()
        .filter(
          (alarm) =>
            alarm.code === code &&
            (subject === undefined || alarm.subject === subject) &&
            (owner === undefined || alarm.owner === owner),
        );
      if (found.length === 0) throw new DiodeError('E_USAGE', 'there is no such alarm now: see alarms');
      const of = { code, ...(subject !== undefined && { subject }), ...(owner !== undefined && { owner }) };
      return {
        audit: { action: `acknowledge ${code}`, subjects: found.map((alarm) => alarm.subject) },
        told: toldOf(code, found.length),
        afterwards: () => toldOf(code, alarms.acknowledge(of, { byWhom, reason }, clock.wallMs()).length),
      };
    }),
  ];
}

function toldOf(code: ErrorCode, alarms: number) {
  const detail = `${countText(alarms, 'alarm')} acknowledged (${code}), and shown until the cause is fixed`;
  return { detail, facts: { alarms } };
}
