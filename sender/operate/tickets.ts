/** What the running sender does with a ticket of the receiver. */
import { z } from 'zod';
import { countText } from '../../shared/console/quantities.ts';
import {
  type Acted,
  auditedForm,
  type Operation,
  operation,
  whoFields,
} from '../../shared/program/operations.ts';
import type { RedeemedTicket } from '../schedule/tickets.ts';

/** No ticket is this long. */
const ticketCharactersMax = 4096;

export const resendForm = auditedForm(
  'resend',
  z.strictObject({ ...whoFields, ticket: z.string().max(ticketCharactersMax) }),
);

export interface TicketParts {
  /** Puts what it asks for at the head of the queue. @throws DiodeError what is wrong with the ticket */
  readonly redeem: (ticket: string) => RedeemedTicket;
  /** Makes the queue look at it. */
  readonly resendsEntered: () => void;
}

export function ticketOperations(parts: TicketParts): readonly Operation[] {
  return [operation(resendForm, ({ ticket }) => resend(parts, ticket))];
}

function resend({ redeem, resendsEntered }: TicketParts, ticket: string): Acted {
  const { studies, notKept } = redeem(ticket);
  const parts = studies.map(
    ({ studyNumber, objects }) => `${countText(objects, 'object')} of study number ${studyNumber}`,
  );
  const missing =
    notKept.length === 0
      ? ''
      : `; no longer kept: study ${notKept.length === 1 ? 'number' : 'numbers'} ${notKept.join(', ')}`;
  const told = {
    detail: `${parts.join(', ')} at the head of the queue, to be sent again${missing}`,
    facts: {
      objects: studies.reduce((sum, { objects }) => sum + objects, 0),
      studies: studies.map(({ studyUid }) => studyUid),
      notKept: notKept.map(String),
    },
  };
  return {
    audit: { action: 'resend', subjects: studies.map(({ studyUid }) => studyUid) },
    told,
    afterwards: () => {
      resendsEntered();
      return told;
    },
  };
}
