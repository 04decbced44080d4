/** Events for people: a line each of at most 80 columns, and for scripts: an object each. */
import { type Event, type EventKind, eventKinds } from '../program/event-catalogue.ts';
import { durationText } from './quantities.ts';
import { cutToWidth, plainText, textWidth } from './text-width.ts';

const columns = 80;
const kindColumns = 15;
/** Of a UID or an id: its end tells it from others, and is what the command takes. */
const uidEnd = 14;
const senderDigits = 8;
/** A row that counts tells of its span from here on. */
const spanMs = 2000;

type Sentences = { readonly [K in EventKind]: (event: Extract<Event, { kind: K }>) => Words };
/** What is told first, and what is added as far as there is room. */
type Words = readonly [string, ...string[]];

const sentences: Sentences = {
  'taken-in': ({ instances, studyUid, scanner, ...rest }) => [
    `${images(instances)} of ${uidText(studyUid)}`,
    scanner === undefined ? 'from a folder' : `from ${scanner}`,
    span(rest),
  ],
  rejected: ({ files, code }) => [`${counted(files, 'file')}: ${code}`],
  closed: ({ studyNumber, revision, studyUid, instances, because }) => [
    `study ${studyNumber} ${uidText(studyUid)}`,
    images(instances),
    revisionText(revision),
    closedBecause[because],
  ],
  transmitted: ({ studyNumber, revision, studyUid, passes, unreadable }) => [
    `study ${studyNumber} ${uidText(studyUid)}`,
    counted(passes, 'pass', 'passes'),
    unreadable === 0 ? '' : `${unreadable} unreadable`,
    revisionText(revision),
  ],
  expired: ({ instances, studyUid, early }) => [
    `${images(instances)} of ${uidText(studyUid)}`,
    early ? 'early: full disk' : '',
  ],
  'ticket-redeemed': ({ studyNumber, studyUid, objects }) => [
    `study ${studyNumber} ${uidText(studyUid)}`,
    counted(objects, 'object'),
  ],
  announced: ({ studyNumber, revision, studyUid, instances, senderId }) => [
    `study ${studyNumber} ${uidText(studyUid)}`,
    images(instances),
    revisionText(revision),
    from(senderId),
  ],
  received: ({ instances, studyUid, senderId, ...rest }) => [
    `${images(instances)} of ${uidText(studyUid)}`,
    from(senderId),
    span(rest),
  ],
  complete: ({ instances, studyUid, studyNumber, revision, senderId }) => [
    `${images(instances)} of ${uidText(studyUid)}`,
    `study ${studyNumber}`,
    revisionText(revision),
    from(senderId),
  ],
  incomplete: ({ instances, expected, studyUid, studyNumber }) => [
    `${instances} of ${images(expected)} of ${uidText(studyUid)}`,
    `study ${studyNumber}`,
  ],
  released: ({ instances, expected, studyUid, to, as, revision }) => [
    `${releasedCount(instances, expected, as)} of ${uidText(studyUid)}`,
    `to ${to}`,
    revisionText(revision),
  ],
  held: ({ instances, studyUid, code }) => [`${images(instances)} of ${uidText(studyUid)}`, code],
  'let-through': ({ instances, studyUid, byWhom }) => [
    `${images(instances)} of ${uidText(studyUid)}`,
    `by ${byWhom}`,
  ],
  purged: ({ instances, studyUid, byWhom, again }) => [
    `${images(instances)} of ${uidText(studyUid)}`,
    `by ${byWhom}`,
    again ? 'accepted if sent again' : '',
  ],
  delivered: ({ instances, studyUid, destination }) => [
    `${images(instances)} of ${uidText(studyUid)}`,
    `at ${destination}`,
  ],
  'delivery-failed': ({ instances, studyUid, destination, code }) => [
    `${images(instances)} of ${uidText(studyUid)}`,
    `to ${destination}`,
    code,
  ],
  'ticket-made': ({ studyNumber, studyUid, byWhom, of }) => [
    `study ${studyNumber}${studyUid === undefined ? '' : ` ${uidText(studyUid)}`}`,
    `by ${byWhom}`,
    of === 'exact' ? '' : `whole ${of}`,
  ],
  'sender-heard': ({ senderId, keyName }) => [senderId, keyName === '' ? '' : `key ${keyName}`],
  'sender-set-back': ({ senderId, session, behind }) => [senderId, `session ${session} after ${behind}`],
  'sender-retired': ({ senderId, byWhom }) => [senderId, `by ${byWhom}`],
  damaged: ({ instances, studyUid }) => [`${images(instances)} of ${uidText(studyUid)}`],
  'alarm-raised': ({ code, subject }) => [code, shortSubject(subject)],
  'alarm-changed': ({ code, detail }) => [code, detail],
  'alarm-cleared': ({ code, subject }) => [code, shortSubject(subject)],
  acknowledged: ({ code, byWhom }) => [code, `by ${byWhom}`],
  'operation-done': ({ verb, subject = '', byWhom }) => [
    verb,
    shortSubject(subject),
    byWhom === undefined ? '' : `by ${byWhom}`,
  ],
  'keys-read': ({ keys }) => [counted(keys, 'key')],
  configuration: ({ fingerprint }) => [`changed: ${fingerprint}`],
  started: ({ version }) => [`version ${version}`],
  stopped: ({ ranMs }) => [`it ran for ${durationText(ranMs)}`],
};

const closedBecause = { quiet: 'quiet', forced: 'by a person', mpps: 'by the scanner' };

export const kindNames = Object.keys(eventKinds);

/** One line of at most 80 columns: when, what, and a sentence. */
export function eventLine(event: Event): string {
  const time = new Date(event.atMs).toISOString().replace('T', ' ').slice(0, 19);
  const start = `${time}  ${event.kind.replaceAll('-', ' ').padEnd(kindColumns)}  `;
  const [first, ...more] = wordsOf(event).map(plainText);
  let line = start + first;
  for (const words of more) {
    if (words === '') continue;
    const longer = `${line}${/^(from|to|at|by) /.test(words) ? ' ' : ', '}${words}`;
    if (textWidth(longer) <= columns) line = longer;
  }
  return textWidth(line) <= columns ? line : `${cutToWidth(line, columns - 1)}…`;
}

/** One object on one line: see docs/events.md. */
export function eventJson({ number, atMs, sinceMs, kind, senderId, studyUid, ...fields }: Event): string {
  return JSON.stringify({
    number,
    at: new Date(atMs).toISOString(),
    since: new Date(sinceMs).toISOString(),
    kind,
    ...(senderId !== undefined && { senderId }),
    ...(studyUid !== undefined && { studyUid }),
    ...fields,
  });
}

function wordsOf<K extends EventKind>(event: Extract<Event, { kind: K }>): Words {
  const sentence: (event: Extract<Event, { kind: K }>) => Words = sentences[event.kind];
  return sentence(event);
}

function counted(count: number, one: string, several = `${one}s`): string {
  return `${count} ${count === 1 ? one : several}`;
}

function images(count: number): string {
  return counted(count, 'image');
}

function releasedCount(instances: number, expected: number, as: 'study' | 'supplement' | 'partial'): string {
  if (as === 'supplement') return `${instances} more`;
  return as === 'partial' || instances < expected ? `${instances} of ${images(expected)}` : images(instances);
}

function revisionText(revision: number): string {
  return revision === 1 ? '' : `revision ${revision}`;
}

function from(senderId: string | undefined): string {
  return senderId === undefined ? '' : `from ${senderId.slice(0, senderDigits)}`;
}

function span({ atMs, sinceMs }: { readonly atMs: number; readonly sinceMs: number }): string {
  return atMs - sinceMs < spanMs ? '' : `in ${durationText(atMs - sinceMs)}`;
}

function uidText(uid: string): string {
  return uid.length <= uidEnd + 1 ? uid : `…${uid.slice(-uidEnd)}`;
}

function shortSubject(subject: string): string {
  return /^[0-9.]+$/.test(subject) ? uidText(subject) : subject;
}
