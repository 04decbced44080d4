/**
 * The catalogue of events: facts that happened, each kind with fields of its own. Nothing in them names a patient, and
 * no free text that a person typed gets in. Instances are never listed one by one: a grouped kind counts them.
 */
import { z } from 'zod';

const count = z.number().int().min(0);
const instances = count;
const bytes = count;
const studyNumber = count;
const revision = count;
/** A code of errors.ts; a code from a newer version is shown as it is. */
const code = z.string().regex(/^E_[A-Z_]{1,60}$/);
/** What a person or a program is called: bounded, and on one line. */
const name = z
  .string()
  .max(200)
  .regex(/^[^\p{Cc}]*$/u);
const target = z
  .string()
  .max(200)
  .regex(/^[^\p{Cc}/]*$/u);
const ticketId = z.string().max(100);

/** What a kind is about: which of Study UID and sender id an event of it has. */
type About = 'study' | 'sender' | 'program';

interface Kind<A extends About, F extends z.ZodRawShape> {
  readonly about: A;
  /** Whether counts of the same study within a short time are added up in one row. */
  readonly isGrouped: boolean;
  readonly schema: z.ZodObject<F, z.core.$strict>;
}

function kind<A extends About, F extends z.ZodRawShape>(about: A, fields: F, isGrouped = false): Kind<A, F> {
  return { about, isGrouped, schema: z.strictObject(fields) };
}

export const eventKinds = {
  // The sender's
  'taken-in': kind('study', { scanner: name.optional(), instances, bytes }, true),
  rejected: kind('program', { code, files: count }, true),
  closed: kind('study', {
    studyNumber,
    revision,
    instances,
    because: z.enum(['quiet', 'forced', 'mpps']),
  }),
  transmitted: kind('study', { studyNumber, revision, instances, passes: count, unreadable: count }),
  expired: kind('study', { instances, early: z.boolean() }),
  'ticket-redeemed': kind('study', { ticketId, studyNumber, objects: count }),
  // The receiver's
  announced: kind('study', { studyNumber, revision, instances }),
  received: kind('study', { instances, bytes }, true),
  complete: kind('study', { studyNumber, revision, instances }),
  incomplete: kind('study', { studyNumber, revision, instances, expected: count }),
  released: kind('study', {
    release: count,
    revision,
    as: z.enum(['study', 'supplement', 'partial']),
    to: z.enum(['inbox', 'partial folder', 'destinations']),
    target,
    instances,
    expected: count,
  }),
  held: kind('study', { code, instances }, true),
  'let-through': kind('study', { byWhom: name, instances }, true),
  purged: kind('study', { byWhom: name, again: z.boolean(), instances }, true),
  delivered: kind('study', { destination: name, instances }),
  'delivery-failed': kind('study', { destination: name, code, instances }, true),
  'ticket-made': kind('program', {
    ticketId,
    studyNumber,
    of: z.enum(['exact', 'series', 'study']),
    byWhom: name,
  }),
  'sender-heard': kind('sender', { keyName: name }),
  'sender-set-back': kind('sender', { session: count, behind: count }),
  'sender-retired': kind('sender', { byWhom: name }),
  // Both sides'
  damaged: kind('study', { instances }, true),
  'alarm-raised': kind('program', { code, severity: name, subject: name, detail: name }),
  'alarm-changed': kind('program', { code, severity: name, subject: name, detail: name }),
  'alarm-cleared': kind('program', { code, subject: name }),
  acknowledged: kind('program', { code, subject: name, byWhom: name }),
  'operation-done': kind('program', { verb: name, subject: name.optional(), byWhom: name.optional() }),
  'keys-read': kind('program', { keys: count }),
  configuration: kind('program', { fingerprint: name }),
  started: kind('program', { version: name }),
  stopped: kind('program', { ranMs: count }),
} as const;

export type EventKind = keyof typeof eventKinds;

/** Fields that are added up in a grouped kind. */
export const countNames = ['instances', 'bytes', 'files'] as const;

type FieldsOf<K extends EventKind> = z.output<(typeof eventKinds)[K]['schema']>;

/** Whom an event is about. On the sender's side its own id is filled in. */
interface Whose {
  readonly study: { readonly senderId?: string | undefined; readonly studyUid: string };
  readonly sender: { readonly senderId: string; readonly studyUid?: undefined };
  readonly program: { readonly senderId?: string | undefined; readonly studyUid?: string | undefined };
}

/** A fact as it is entered. */
export type NewEvent = {
  [K in EventKind]: { readonly kind: K } & Whose[(typeof eventKinds)[K]['about']] & Readonly<FieldsOf<K>>;
}[EventKind];

/** A fact as it is in the ledger. */
export type Event = NewEvent & {
  /** Ascending. A row that counts up gets a new number. */
  readonly number: number;
  /** By the wall clock, for people. */
  readonly atMs: number;
  /** When a row that counts began; as `atMs` for the others. */
  readonly sinceMs: number;
};

export function isEventKind(text: string): text is EventKind {
  return Object.hasOwn(eventKinds, text);
}

/** A text as a field may have it: on one line, and not too long. */
export function fieldText(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, ' ').slice(0, 200);
}

/** The event in a row, checked. @returns undefined if it is not an event of this catalogue */
export function eventOf(row: {
  readonly number: number;
  readonly atMs: number;
  readonly sinceMs: number;
  readonly senderId: string;
  readonly studyUid: string;
  readonly kind: string;
  readonly fields: unknown;
}): Event | undefined {
  const { number, atMs, sinceMs, senderId, studyUid, kind: of } = row;
  if (!isEventKind(of)) return undefined;
  const { about, schema } = eventKinds[of];
  if ((about === 'study' && studyUid === '') || (about === 'sender' && senderId === '')) return undefined;
  const parsed = schema.safeParse(row.fields);
  if (!parsed.success) return undefined;
  return {
    number,
    atMs,
    sinceMs,
    ...(senderId !== '' && { senderId }),
    ...(studyUid !== '' && { studyUid }),
    kind: of,
    ...parsed.data,
    // The schema of its kind has checked it.
  } as Event;
}
