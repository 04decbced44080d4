/**
 * Alarms as events: their edges, as often as they are told. An alarm may be raised in the middle of anything, even because
 * the ledger refuses to store: so its edge waits here until a chore enters it.
 */
import type { Clock } from '../clock.ts';
import { isUid } from '../wire/limits.ts';
import type { AlarmEdge, AlarmListener } from './alarm.ts';
import { fieldText, type NewEvent } from './event-catalogue.ts';
import type { Events } from './events.ts';

/** The most edges that wait; further ones are not entered. */
const waitingMax = 1000;
/** Edges that one step enters, in one transaction. */
const stepEdges = 100;

const kinds = {
  raised: 'alarm-raised',
  changed: 'alarm-changed',
  cleared: 'alarm-cleared',
  acknowledged: 'acknowledged',
} as const satisfies Record<AlarmEdge, NewEvent['kind']>;

export class AlarmEvents {
  readonly #clock: Clock;
  readonly #waiting: { readonly event: NewEvent; readonly atMs: number }[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Takes the edges. */
  readonly listener: AlarmListener = (edge, { code, subject, detail, severity, acknowledged }) => {
    if (this.#waiting.length >= waitingMax) return;
    const byWhom = fieldText(acknowledged?.byWhom ?? '');
    const about = isUid(subject) ? { studyUid: subject } : {};
    const event: NewEvent =
      edge === 'cleared'
        ? { kind: kinds.cleared, ...about, code, subject: fieldText(subject) }
        : edge === 'acknowledged'
          ? { kind: kinds.acknowledged, ...about, code, subject: fieldText(subject), byWhom }
          : {
              kind: kinds[edge],
              ...about,
              code,
              severity,
              subject: fieldText(subject),
              detail: fieldText(detail),
            };
    this.#waiting.push({ event, atMs: this.#clock.wallMs() });
  };

  /** Enters all that waits, for the last time. Where the ledger refuses, the rest is lost. */
  enterAll(ledger: { readonly events: Events; transaction<T>(act: () => T): T }): void {
    while (this.#waiting.length > 0) this.enterSome(ledger);
  }

  /** Enters some of the waiting edges. If the ledger refuses, they keep waiting. Call it every second or so. */
  enterSome(ledger: { readonly events: Events; transaction<T>(act: () => T): T }): void {
    const some = this.#waiting.slice(0, stepEdges);
    if (some.length === 0) return;
    ledger.transaction(() => {
      for (const { event, atMs } of some) ledger.events.enter(event, atMs);
    });
    this.#waiting.splice(0, some.length);
  }
}
