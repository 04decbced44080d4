/** What the running receiver does when a person sets something right about a sender. All of it is audited. */
import { z } from 'zod';
import { isKeyName, keyNameText } from '../../shared/crypto/key-file.ts';
import { DiodeError } from '../../shared/errors.ts';
import type { ReceiverLedger } from '../ledger/ledger.ts';
import type { SenderRecord } from '../ledger/sender-records.ts';
import type { SenderWatch } from '../watch/sender-watch.ts';

export const senderVerbs = {
  retire: 'retire-sender',
  bind: 'bind-sender',
  accept: 'accept-sender',
  correct: 'correct-sender',
} as const;

/** What of the watch these need. */
export interface WatchedSenders {
  readonly admission: Pick<SenderWatch['admission'], 'isWritten' | 'keyNameOf'>;
  retired(senderId: string): void;
  corrected(senderId: string): void;
}

type SenderVerb = (watch: WatchedSenders, ledger: ReceiverLedger, parameters: unknown) => string;

const common = {
  senderId: z.string().regex(/^[0-9a-f]{16}$/),
  reason: z.string().min(1).max(1000),
  byWhom: z.string().min(1).max(200),
};
const plainParameters = z.strictObject(common);
const bindParameters = z.strictObject({
  ...common,
  keyName: z.string().refine((name) => name === '' || isKeyName(name)),
});
const correctParameters = z.strictObject({
  ...common,
  highest: z
    .number()
    .int()
    .min(0)
    .max(2 ** 53 - 1),
});

const verbs: Readonly<Record<string, SenderVerb>> = {
  [senderVerbs.retire]: retireSender,
  [senderVerbs.bind]: bindSender,
  [senderVerbs.accept]: acceptSender,
  [senderVerbs.correct]: correctSender,
};

/** The operation of a verb, if it is one about senders. */
export function senderVerb(verb: string): SenderVerb | undefined {
  return Object.hasOwn(verbs, verb) ? verbs[verb] : undefined;
}

/** It is out of use until it is heard again. @throws DiodeError E_USAGE */
export function retireSender(watch: WatchedSenders, ledger: ReceiverLedger, asked: unknown): string {
  const { senderId, reason, byWhom } = parse(plainParameters, asked);
  const isHeard = ledger.senders.get(senderId) !== undefined;
  if (!isHeard && watch.admission.keyNameOf(senderId) === undefined) throw unknownSender(senderId);
  ledger.transaction(() => {
    ledger.audit.enter({ action: 'retire sender', subject: senderId, byWhom, reason }, Date.now());
    if (isHeard) ledger.senders.retire(senderId);
    else ledger.bindings.remove(senderId);
  });
  watch.retired(senderId);
  return `${senderId} is out of use; what never came of it stays in diode-receiver missing`;
}

/** From now on it may speak under keys of this name alone. @throws DiodeError E_USAGE */
export function bindSender(watch: WatchedSenders, ledger: ReceiverLedger, asked: unknown): string {
  const { senderId, keyName, reason, byWhom } = parse(bindParameters, asked);
  if (watch.admission.isWritten(senderId))
    throw new DiodeError('E_USAGE', `the key file says whose ${senderId} is: change that line`);
  const before = watch.admission.keyNameOf(senderId);
  const action = `bind sender to ${keyName === '' ? 'keys without a name' : keyName}`;
  ledger.transaction(() => {
    ledger.audit.enter({ action, subject: senderId, byWhom, reason }, Date.now());
    ledger.bindings.bind(senderId, keyName);
  });
  watch.corrected(senderId);
  const was = before === undefined ? '' : `; it was bound to the name: ${keyNameText(before)}`;
  return `${senderId} is bound to the key name: ${keyNameText(keyName)}${was}`;
}

/** A person looked at it: it was set back, and goes on rightly. @throws DiodeError E_USAGE */
export function acceptSender(watch: WatchedSenders, ledger: ReceiverLedger, asked: unknown): string {
  const { senderId, reason, byWhom } = parse(plainParameters, asked);
  const { sessionCounter, setBackFrom } = heard(ledger, senderId);
  if (setBackFrom === undefined) throw new DiodeError('E_USAGE', `${senderId} was not set back`);
  ledger.transaction(() => {
    ledger.audit.enter({ action: 'accept sender', subject: senderId, byWhom, reason }, Date.now());
    ledger.senders.accept(senderId);
  });
  watch.corrected(senderId);
  return `${senderId} goes on with session ${sessionCounter}`;
}

/** Its highest study number is this one, and the next session that is heard is its newest. @throws DiodeError E_USAGE */
export function correctSender(watch: WatchedSenders, ledger: ReceiverLedger, asked: unknown): string {
  const { senderId, highest, reason, byWhom } = parse(correctParameters, asked);
  const before = heard(ledger, senderId);
  const action = `correct sender from study number ${before.highestStudyNumber} and session ${before.sessionCounter} to ${highest}`;
  ledger.transaction(() => {
    ledger.audit.enter({ action, subject: senderId, byWhom, reason }, Date.now());
    ledger.senders.leave(senderId, before);
    ledger.senders.correct(senderId, highest);
  });
  watch.corrected(senderId);
  return `the highest study number of ${senderId} is ${highest}; the next session that is heard counts as its newest`;
}

function heard(ledger: ReceiverLedger, senderId: string): SenderRecord {
  const sender = ledger.senders.get(senderId);
  if (sender === undefined) throw unknownSender(senderId);
  return sender;
}

function unknownSender(senderId: string): DiodeError {
  return new DiodeError('E_USAGE', `no sender ${senderId} was ever heard: see diode-receiver senders`);
}

function parse<T>(schema: z.ZodType<T>, asked: unknown): T {
  const parsed = schema.safeParse(asked);
  if (!parsed.success) throw new DiodeError('E_USAGE', 'the request is malformed');
  return parsed.data;
}
