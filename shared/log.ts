/**
 * The log: one JSON line per event, on standard output. Messages are constant, what varies is under `data`,
 * and only fields in this list can get there: so no name, no patient id and no key ever does.
 */
import { pino } from 'pino';

export interface LogFields {
  readonly studyUid?: string;
  readonly studyNumber?: number | undefined;
  readonly senderId?: string;
  readonly objectId?: string;
  readonly revision?: number;
  readonly instances?: number;
  readonly expected?: number;
  readonly conflicts?: number;
  readonly files?: number;
  readonly adopted?: number;
  readonly orphans?: number;
  readonly unreadable?: number;
  readonly bytes?: number;
  readonly severity?: string;
  readonly owner?: string;
  readonly code?: string;
  readonly subject?: string;
  readonly detail?: string;
  readonly kind?: string;
  readonly engine?: string;
  readonly port?: number;
  readonly interface?: string | undefined;
  readonly version?: string;
  readonly keyId?: number;
  readonly keys?: number;
}

/** The same list at run time: anything that no type has checked is dropped, too. */
const fieldNames = Object.keys({
  studyUid: true,
  studyNumber: true,
  senderId: true,
  objectId: true,
  revision: true,
  instances: true,
  expected: true,
  conflicts: true,
  files: true,
  adopted: true,
  orphans: true,
  unreadable: true,
  bytes: true,
  severity: true,
  owner: true,
  code: true,
  subject: true,
  detail: true,
  kind: true,
  engine: true,
  port: true,
  interface: true,
  version: true,
  keyId: true,
  keys: true,
} satisfies Record<keyof LogFields, true>);

export type LogLevel = 'error' | 'warn' | 'info' | 'debug';

/** A literal in the source. A computed text could contain anything, so it is `never`. */
type Constant<M extends string> = Record<never, never> extends Record<M, unknown> ? never : M;

/** One line. Messages are for people to search by; what varies goes into `data`. */
type LogMethod = <M extends string>(message: Constant<M>, data?: LogFields) => void;

export interface Log {
  readonly error: LogMethod;
  readonly warn: LogMethod;
  readonly info: LogMethod;
  readonly debug: LogMethod;
}

/** Longer texts are cut, so that log collectors accept the line. */
const textCharactersMax = 1024;

/** Replaces each UID in a text, or the whole text if it is one. */
export type Pseudonyms = (text: string, isUid: boolean) => string;

export interface LogOptions {
  /** Where the lines go; standard output if left out. */
  readonly stream?: { write(line: string): void };
  /** What is written in place of a text: see crypto/pseudonyms.ts. */
  readonly pseudonyms?: Pseudonyms;
}

/**
 * A log of one program. UTC times in ISO 8601, to the millisecond.
 */
export function createLog(
  program: string,
  level: LogLevel,
  { stream, pseudonyms = (text) => text }: LogOptions = {},
): Log {
  const options = {
    level,
    base: { program },
    timestamp: pino.stdTimeFunctions.isoTime,
    messageKey: 'message',
  };
  const logger = stream === undefined ? pino(options) : pino(options, stream);
  return {
    error: (message, data) => logger.error({ data: allowed(data, pseudonyms) }, message),
    warn: (message, data) => logger.warn({ data: allowed(data, pseudonyms) }, message),
    info: (message, data) => logger.info({ data: allowed(data, pseudonyms) }, message),
    debug: (message, data) => logger.debug({ data: allowed(data, pseudonyms) }, message),
  };
}

/** What may be logged: fields in the list, and of these only numbers and texts of bounded length. */
function allowed(
  data: LogFields | undefined,
  pseudonyms: Pseudonyms,
): Record<string, string | number> | undefined {
  if (data === undefined) return undefined;
  const kept: Record<string, string | number> = {};
  for (const [name, value] of Object.entries(data)) {
    if (!fieldNames.includes(name)) continue;
    if (typeof value === 'string')
      kept[name] = pseudonyms(value, name === 'studyUid').slice(0, textCharactersMax);
    else if (typeof value === 'number') kept[name] = value;
  }
  return kept;
}
