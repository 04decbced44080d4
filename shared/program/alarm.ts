/** What an alarm is, and what happens to it. */
import type { ErrorCode } from '../errors.ts';
import { type Severity, severities } from './alarm-severity.ts';

/** Somebody saw an alarm, and said why it may stay. */
export interface Acknowledgement {
  readonly byWhom: string;
  readonly reason: string;
  /** By the wall clock. */
  readonly atMs: number;
}

/** Owner, code and subject together identify it. No PHI. */
export interface Alarm {
  /** The name of the desk that raised it; only that desk clears it. */
  readonly owner: string;
  readonly code: ErrorCode;
  /** A UID, a sender id, a host's own name. */
  readonly subject: string;
  readonly severity: Severity;
  readonly detail: string;
  /** By the wall clock, kept over restarts. */
  readonly sinceMs: number;
  readonly acknowledged?: Acknowledgement;
}

/** `changed`: it goes on, with another detail or severity. */
export type AlarmEdge = 'raised' | 'changed' | 'acknowledged' | 'cleared';

/** Called in the middle of raising and clearing, so it must neither wait nor throw. */
export type AlarmListener = (edge: AlarmEdge, alarm: Alarm) => void;

/** An alarm as it is kept over a restart. */
export interface KeptAlarm {
  readonly alarm: Alarm;
  /** Whose fault it is; empty if nobody's. */
  readonly source: string;
}

/** A standing alarm, as the program knows it. */
export interface Standing {
  alarm: Alarm;
  readonly source: string;
  /** The order in which they were raised. */
  readonly order: number;
  /** If it comes from an earlier run: since when, on the monotonic clock, it waits for its desk to raise it again; else undefined. */
  rememberedAtMs: number | undefined;
}

/** Which of the alarms of one code it is. */
export function keyOf({ owner, subject }: Pick<Alarm, 'owner' | 'subject'>): string {
  return `${owner}\n${subject}`;
}

/** The smaller the more urgent. */
export function rankOf({ severity }: Pick<Alarm, 'severity'>): number {
  return severities.indexOf(severity);
}
