/** What an alarm is, and what happens to it. */
import type { ErrorCode } from '../errors.ts';
import { type Severity, severities } from './alarm-severity.ts';

/** Somebody saw an alarm, and said why it may stand. */
export interface Acknowledgement {
  readonly byWhom: string;
  readonly reason: string;
  /** By the wall clock. */
  readonly atMs: number;
}

/** Owner, code and subject together say which one it is. No PHI. */
export interface Alarm {
  /** The name of the desk that raised it, and that alone clears it. */
  readonly owner: string;
  readonly code: ErrorCode;
  /** A UID, a sender id, a host's own name. */
  readonly subject: string;
  readonly severity: Severity;
  readonly detail: string;
  /** By the wall clock, and over restarts. */
  readonly sinceMs: number;
  readonly acknowledged?: Acknowledgement;
}

/** `changed`: it stands, and its detail is another one. */
export type AlarmEdge = 'raised' | 'changed' | 'acknowledged' | 'cleared';

/** Is told in the middle of raising and clearing: it neither waits nor throws. */
export type AlarmListener = (edge: AlarmEdge, alarm: Alarm) => void;

/** An alarm as it is kept over a restart. */
export interface KeptAlarm {
  readonly alarm: Alarm;
  /** Whose fault it is; empty where nobody's. */
  readonly source: string;
}

/** A standing alarm, as the program knows it. */
export interface Standing {
  alarm: Alarm;
  readonly source: string;
  /** In which order they were raised. */
  readonly order: number;
  /** Since when, on the monotonic clock, it stands of an earlier life; undefined once its desk said it again. */
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
