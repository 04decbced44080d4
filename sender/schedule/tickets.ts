/**
 * Accepts tickets. A ticket can only ask for what the spool keeps: its numbers are looked up, and no other field has an
 * effect. A forged, foreign, used or expired one is refused.
 */
import { DiodeError } from '../../shared/errors.ts';
import { dayOf, decodeTicket, decodeTicketCode, type TicketStudy } from '../../shared/wire/ticket.ts';
import { type SenderIdentity, secretsOf } from '../identity.ts';
import type { SenderLedger } from '../ledger/ledger.ts';

/** How many days a ticket is valid, by the sender's clock. */
const ticketDaysMax = 30;

export interface RedeemedTicket {
  readonly studies: readonly {
    readonly studyNumber: number;
    readonly studyUid: string;
    readonly objects: number;
  }[];
  /** Numbers that the ticket names and the sender no longer has. */
  readonly notKept: readonly number[];
}

interface CheckedTicket {
  readonly ticketId: string;
  readonly day: number;
  readonly studies: readonly TicketStudy[];
}

/**
 * Queues what a ticket names to be sent again: durable when it returns.
 * @param text a ticket, or a typed code
 * @throws DiodeError E_TICKET, E_TICKET_FOREIGN, E_TICKET_FORGED, E_TICKET_USED, E_TICKET_EXPIRED, E_STUDY_UNKNOWN
 */
export function redeemTicket(
  text: string,
  sender: { readonly ledger: SenderLedger; readonly identity: SenderIdentity; readonly wallMs: number },
): RedeemedTicket {
  const { ledger, identity, wallMs } = sender;
  const ticket = /^\s*ddt/i.test(text) ? checkTicket(text, identity) : checkCode(text, identity);
  if (ledger.resends.isUsed(ticket.ticketId)) throw new DiodeError('E_TICKET_USED');
  if (dayOf(wallMs) - ticket.day > ticketDaysMax)
    throw new DiodeError('E_TICKET_EXPIRED', `the ticket is older than ${ticketDaysMax} days`);
  return ledger.transaction(() => {
    const redeemed = lookUp(ledger, ticket.studies);
    if (redeemed.studies.length === 0) throw noneKept(ledger, redeemed.notKept);
    const { ticketId } = ticket;
    ledger.resends.use(ticketId);
    for (const study of redeemed.studies)
      ledger.events.enter({ kind: 'ticket-redeemed', ticketId, ...study }, wallMs);
    return redeemed;
  });
}

function checkTicket(text: string, identity: SenderIdentity): CheckedTicket {
  const { content, isMadeWith } = decodeTicket(text);
  if (content.senderId !== Buffer.from(identity.senderId).toString('hex'))
    throw new DiodeError('E_TICKET_FOREIGN', `the ticket is for sender ${content.senderId}`);
  const secret = secretsOf(identity).get(content.keyId);
  if (secret === undefined)
    throw new DiodeError('E_TICKET_FOREIGN', `the ticket was made with key ${content.keyId}`);
  if (!isMadeWith(secret, identity.senderId)) throw new DiodeError('E_TICKET_FORGED');
  return content;
}

function checkCode(text: string, identity: SenderIdentity): CheckedTicket {
  const { content, isMadeWith } = decodeTicketCode(text);
  const { studyNumber, day, serial } = content;
  const secrets = [...secretsOf(identity).values()];
  if (!secrets.some((secret) => isMadeWith(secret, identity.senderId)))
    throw new DiodeError('E_TICKET_FORGED', 'the code is forged, or is for another sender');
  const ticketId = `code ${studyNumber} ${day} ${serial}`;
  return { ticketId, day, studies: [{ studyNumber, revision: 0, ranges: undefined }] };
}

function lookUp(ledger: SenderLedger, wanted: readonly TicketStudy[]): RedeemedTicket {
  const studies: RedeemedTicket['studies'][number][] = [];
  const notKept: number[] = [];
  for (const { studyNumber, revision, ranges } of wanted) {
    const kept = ledger.resends.study(studyNumber);
    if (kept === undefined) {
      notKept.push(studyNumber);
      continue;
    }
    // If this sender does not know the revision (it was set back), the places may differ: then everything is sent.
    const places = revision > kept.revision ? undefined : ranges;
    const objects = ledger.resends.add(kept.studyUid, places);
    if (objects === 0) notKept.push(studyNumber);
    else studies.push({ studyNumber, studyUid: kept.studyUid, objects });
  }
  return { studies, notKept };
}

function noneKept(ledger: SenderLedger, numbers: readonly number[]): DiodeError {
  const [first = 0] = numbers;
  if (first > ledger.studies.highestNumber())
    return new DiodeError('E_STUDY_UNKNOWN', `this sender has no study number ${first} yet`);
  return new DiodeError('E_TICKET_EXPIRED', `the sender no longer has study number ${first}`);
}
