/**
 * Turns what admission refused into alarms: one for each code, raised when it goes on and cleared when it has been quiet
 * for a while. So a flood of ten million is two lines in the log, and how many there were is in `status`.
 *
 * All but a wrong tag are hints that anybody on the link can forge; none of them says more than "look at it".
 */
import { countText } from '../../shared/console/quantities.ts';
import type { ErrorCode } from '../../shared/errors.ts';
import type { AlarmDesk } from '../../shared/program/alarm-desk.ts';
import type { Alarms } from '../../shared/program/alarms.ts';
import { refusalCodes } from './admission.ts';

/** Refusals in one window that are an alarm. A damaged datagram now and then is what lines do. */
const alarmAt: Readonly<Record<(typeof refusalCodes)[number], number>> = {
  E_DATAGRAM_LENGTH: 10,
  E_DATAGRAM_MAGIC: 10,
  E_DATAGRAM_VERSION: 10,
  E_DATAGRAM_KEY: 10,
  E_DATAGRAM_TAG: 100,
};
const windowMs = 10_000;
/** Without refusals for so long an alarm is over. */
const quietMs = 60_000;

interface Watched {
  /** Count at the beginning of the window. */
  from: number;
  /** Count at the last look, and when it last grew. */
  last: number;
  grewAtMs: number;
  raised: boolean;
}

export class RefusalWatch {
  readonly #desk: AlarmDesk;
  readonly #watched = new Map<ErrorCode, Watched>();
  #windowAtMs: number | undefined;

  constructor(alarms: Alarms) {
    this.#desk = alarms.desk('refused datagrams');
  }

  /** Takes the counters since the start, by code, about once a second. */
  look(refused: Readonly<Record<string, number>>, nowMs: number): void {
    this.#windowAtMs ??= nowMs;
    const isNewWindow = nowMs - this.#windowAtMs >= windowMs;
    if (isNewWindow) this.#windowAtMs = nowMs;
    for (const code of refusalCodes) {
      const count = refused[code] ?? 0;
      let watched = this.#watched.get(code);
      if (watched === undefined) {
        watched = { from: 0, last: 0, grewAtMs: nowMs, raised: false };
        this.#watched.set(code, watched);
      }
      if (count > watched.last) watched.grewAtMs = nowMs;
      watched.last = count;
      const inWindow = count - watched.from;
      if (inWindow >= alarmAt[code] && !watched.raised) {
        watched.raised = true;
        this.#desk.raise(
          code,
          'link',
          `${countText(inWindow, 'datagram')} refused within ${windowMs / 1000} s`,
        );
      } else if (watched.raised && nowMs - watched.grewAtMs >= quietMs) {
        watched.raised = false;
        this.#desk.clear(code, 'link');
      }
      if (isNewWindow) watched.from = count;
    }
  }
}
