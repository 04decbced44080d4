/** What the running receiver does when a person corrects something about a sender. */
import { z } from 'zod';
import type { Clock } from '../../shared/clock.ts';
import { isKeyName } from '../../shared/crypto/key-file.ts';
import { DiodeError } from '../../shared/errors.ts';
import { fieldText } from '../../shared/program/event-catalogue.ts';
import {
  type Acted,
  auditedForm,
  type Operation,
  operation,
  whoFields,
} from '../../shared/program/operations.ts';
import type { ReceiverLedger } from '../ledger/ledger.ts';
import type { SenderRecord } from '../ledger/sender-records.ts';
import type { SenderWatch } from '../watch/sender-watch.ts';

export const senderIdField = z.string().regex(/^[0-9a-f]{16}$/);
const senderFields = { ...whoFields, senderId: senderIdField };

export const retireSenderForm = auditedForm('retire-sender', z.strictObject(senderFields));
export const bindSenderForm = auditedForm(
  'bind-sender',
  z.strictObject({
    ...senderFields,
    keyName: z.string().refine((name) => name === '' || isKeyName(name)),
  }),
);
export const acceptSenderForm = auditedForm('accept-sender', z.strictObject(senderFields));
export const correctSenderForm = auditedForm(
  'correct-sender',
  z.strictObject({
    ...senderFields,
    highest: z
      .number()
      .int()
      .min(0)
      .max(2 ** 53 - 1),
  }),
);

/** The part of the watch that these need. */
export interface WatchedSenders {
  readonly admission: Pick<SenderWatch['admission'], 'isWritten' | 'keyNameOf'>;
  retired(senderId: string): void;
  corrected(senderId: string): void;
}

export interface SenderParts {
  readonly ledger: ReceiverLedger;
  readonly senders: WatchedSenders;
  readonly clock: Clock;
}

export function senderOperations(parts: SenderParts): readonly Operation[] {
  return [
    operation(retireSenderForm, ({ senderId, byWhom }) => retire(parts, senderId, byWhom)),
    operation(bindSenderForm, ({ senderId, keyName }) => bind(parts, senderId, keyName)),
    operation(acceptSenderForm, ({ senderId }) => accept(parts, senderId)),
    operation(correctSenderForm, ({ senderId, highest }) => correct(parts, senderId, highest)),
  ];
}

/** It is out of use until it is heard again. */
function retire({ ledger, senders, clock }: SenderParts, senderId: string, byWhom: string): Acted {
  const isHeard = ledger.senders.get(senderId) !== undefined;
  if (!isHeard && senders.admission.keyNameOf(senderId) === undefined) throw unknownSender(senderId);
  if (isHeard) ledger.senders.retire(senderId);
  else ledger.bindings.remove(senderId);
  ledger.events.enter({ kind: 'sender-retired', senderId, byWhom: fieldText(byWhom) }, clock.wallMs());
  const told = {
    detail: `${senderId} is out of use; what never came from it stays listed in diode-receiver missing`,
  };
  return {
    audit: { action: 'retire sender', subjects: [senderId] },
    told,
    afterwards: () => {
      senders.retired(senderId);
      return told;
    },
  };
}

/** From now on it may only speak under keys of this name. */
function bind({ ledger, senders }: SenderParts, senderId: string, keyName: string): Acted {
  if (senders.admission.isWritten(senderId))
    throw new DiodeError('E_USAGE', `the key file binds ${senderId}: change its line there`);
  const before = senders.admission.keyNameOf(senderId);
  ledger.bindings.bind(senderId, keyName);
  const was = before === undefined ? '' : `; before, it was bound to ${boundToText(before)}`;
  const action = `bind sender to ${keyName === '' ? unnamedKeys : keyName}`;
  const told = {
    detail: `${senderId} is bound to ${boundToText(keyName)}${was}`,
    facts: { keyName, ...(before !== undefined && { before }) },
  };
  return corrected(senders, senderId, action, told);
}

/** A person confirms that it was set back, and that this is right. */
function accept({ ledger, senders }: SenderParts, senderId: string): Acted {
  const { sessionCounter, setBackFrom } = heard(ledger, senderId);
  if (setBackFrom === undefined) throw new DiodeError('E_USAGE', `${senderId} was not set back`);
  ledger.senders.accept(senderId);
  const told = { detail: `${senderId} continues with session ${sessionCounter}`, facts: { sessionCounter } };
  return corrected(senders, senderId, 'accept sender', told);
}

/** Its highest study number is this one, and the next session that is heard is its newest. */
function correct({ ledger, senders }: SenderParts, senderId: string, highest: number): Acted {
  const before = heard(ledger, senderId);
  ledger.senders.leave(senderId, before);
  ledger.senders.correct(senderId, highest);
  const action = `correct sender from study number ${before.highestStudyNumber} and session ${before.sessionCounter} to ${highest}`;
  const told = {
    detail: `the highest study number of ${senderId} is now ${highest}; the next session that is heard counts as its newest`,
    facts: { highestStudyNumber: highest, before: before.highestStudyNumber },
  };
  return corrected(senders, senderId, action, told);
}

const unnamedKeys = 'keys without a name';

function boundToText(keyName: string): string {
  return keyName === '' ? unnamedKeys : `the key name ${keyName}`;
}

function corrected(senders: WatchedSenders, senderId: string, action: string, told: Acted['told']): Acted {
  return {
    audit: { action, subjects: [senderId] },
    told,
    afterwards: () => {
      senders.corrected(senderId);
      return told;
    },
  };
}

function heard(ledger: ReceiverLedger, senderId: string): SenderRecord {
  const sender = ledger.senders.get(senderId);
  if (sender === undefined) throw unknownSender(senderId);
  return sender;
}

function unknownSender(senderId: string): DiodeError {
  return new DiodeError('E_USAGE', `sender ${senderId} was never heard from: see diode-receiver senders`);
}
