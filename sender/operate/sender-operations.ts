/** All that a person or a script may ask of the running sender: the table. */
import type { Clock } from '../../shared/clock.ts';
import { type AcknowledgedAlarms, alarmOperations } from '../../shared/program/acknowledge-alarm.ts';
import type { Operation } from '../../shared/program/operations.ts';
import type { Dispatch } from '../dispatch/dispatch.ts';
import { studyOperations } from './studies.ts';
import { ticketOperations } from './tickets.ts';

export interface SenderOperationParts {
  readonly clock: Clock;
  readonly dispatch: Dispatch;
  /** Left out where alarms can't be acknowledged. */
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
