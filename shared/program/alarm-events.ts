/**
 * Alarms as events: their edges, at the rate that they are told at. An alarm may be raised in the middle of anything, and
 * because the ledger takes nothing: its edge waits here until a chore enters it.
 */
import type { Clock } from '../clock.ts';
import { isUid } from '../wire/limits.ts';
import type { AlarmEdge, AlarmListener } from './alarm.ts';
import { fieldText, type NewEvent } from './event-catalogue.ts';
import type { Events } from './events.ts';

/** Edges that wait; those beyond it are not entered. */
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

  /** To be told of edges. */
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

  /** Enters some of what waits. Where the ledger refuses, it waits on. Call it every second or so. */
  enterSome(ledger: { readonly events: Events; transaction<T>(act: () => T): T }): void {
    const some = this.#waiting.slice(0, stepEdges);
    if (some.length === 0) return;
    ledger.transaction(() => {
      for (const { event, atMs } of some) ledger.events.enter(event, atMs);
    });
    this.#waiting.splice(0, some.length);
  }
}
