/** The table of everything that a person or a script may ask of the running sender. */
import type { Clock } from '../../shared/clock.ts';
import { type AcknowledgedAlarms, alarmOperations } from '../../shared/program/acknowledge-alarm.ts';
import type { Operation } from '../../shared/program/operations.ts';
import { type StudyParts, studyOperations } from './studies.ts';
import { type TicketParts, ticketOperations } from './tickets.ts';

export interface SenderOperationParts {
  readonly clock: Clock;
  /** What sends: it closes studies, and takes tickets. */
  readonly dispatch: StudyParts & TicketParts;
  /** Left out if alarms can't be acknowledged. */
  readonly alarms?: AcknowledgedAlarms | undefined;
}

export function senderOperations({ clock, dispatch, alarms }: SenderOperationParts): readonly Operation[] {
  return [
    ...studyOperations({
      closing: dispatch.closing,
      studiesClosed: (closed) => dispatch.studiesClosed(closed),
    }),
    ...ticketOperations({
      redeem: (ticket) => dispatch.redeem(ticket),
      resendsEntered: () => dispatch.resendsEntered(),
    }),
    ...(alarms === undefined ? [] : alarmOperations(alarms, clock)),
  ];
}
