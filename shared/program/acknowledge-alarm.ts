/** A person has seen an alarm, and says why it may stand: alike on both sides. */
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

/** What of the alarms this needs. */
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
      if (found.length === 0) throw new DiodeError('E_USAGE', 'no such alarm stands: see status');
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
  const detail = `${countText(alarms, 'alarm')} ${code} acknowledged: still standing until put right`;
  return { detail, facts: { alarms } };
}
