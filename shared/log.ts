/**
 * The log: one JSON line an event, on standard output. Messages are constant, what varies stands under
 * `data`, and only fields of this list can get there: so no name, no patient id and no key ever can.
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
  readonly bytes?: number;
  readonly code?: string;
  readonly subject?: string;
  readonly detail?: string;
  readonly kind?: string;
  readonly engine?: string;
  readonly port?: number;
  readonly version?: string;
  readonly keyId?: number;
}

export type LogLevel = 'error' | 'warn' | 'info' | 'debug';

export interface Log {
  error(message: string, data?: LogFields): void;
  warn(message: string, data?: LogFields): void;
  info(message: string, data?: LogFields): void;
  debug(message: string, data?: LogFields): void;
}

/** A log of one program. UTC times in ISO 8601, to the millisecond. */
export function createLog(program: string, level: LogLevel): Log {
  const logger = pino({
    level,
    base: { program },
    timestamp: pino.stdTimeFunctions.isoTime,
    messageKey: 'message',
  });
  return {
    error: (message, data) => logger.error({ data }, message),
    warn: (message, data) => logger.warn({ data }, message),
    info: (message, data) => logger.info({ data }, message),
    debug: (message, data) => logger.debug({ data }, message),
  };
}
