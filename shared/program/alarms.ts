/**
 * Alarms: one message when something begins to be wrong, one when it is right again. Each has one owner, a desk: see
 * `alarm-desk.ts`.
 *
 * They are bounded for each code: see `alarms-of-code.ts`. So no code takes the room of another, and however many there
 * are, a critical one is shown. Those over the bound are summed up in one alarm that says how many there are; each is shown
 * when there is room again.
 *
 * The alarms of the last run are back at the next start, with the time they were first raised, until their desk has
 * raised or cleared them.
 */
import { assert } from '../assert.ts';
import type { Clock } from '../clock.ts';
import { countText } from '../console/quantities.ts';
import { type ErrorCode, errorCatalogue, storageCodes } from '../errors.ts';
import {
  type Acknowledgement,
  type Alarm,
  type AlarmListener,
  type KeptAlarm,
  keyOf,
  rankOf,
  type Standing,
} from './alarm.ts';
import { type AlarmBoard, AlarmDesk, type DeskOptions } from './alarm-desk.ts';
import { AlarmSaving, type AlarmStore } from './alarm-saving.ts';
import { severityOf } from './alarm-severity.ts';
import { AlarmTelling } from './alarm-telling.ts';
import { AlarmsOfCode, alarmsOfCodeMax } from './alarms-of-code.ts';

/** Desks are written in the source, so they are few. */
const desksMax = 100;
const ownerForm = /^[a-z][a-z ]{0,47}$/;
/** The owner of alarms about alarms: that there are too many, or that they can't be stored. */
const ownOwner = 'alarms';
const settleMsUsual = 120_000;
const reasonMax = 500;

export class Alarms {
  readonly #clock: Clock;
  readonly #codes = new Map<ErrorCode, AlarmsOfCode>();
  readonly #telling: AlarmTelling;
  readonly #saving = new AlarmSaving();
  readonly #desks = new Map<string, DeskOptions>();
  /** Codes that belong to one desk, and how it is told. */
  readonly #owned = new Map<ErrorCode, { readonly owner: string; readonly tell: () => void }>();
  readonly #board: AlarmBoard;
  readonly #ownDesk: AlarmDesk;
  #order = 0;
  #isAnyRemembered = false;

  /** @param listeners are told of edges, at a bounded rate for each code, subject and source */
  constructor(clock: Clock, ...listeners: readonly AlarmListener[]) {
    this.#clock = clock;
    this.#telling = new AlarmTelling(
      () => clock.wallMs(),
      (edge, alarm) => {
        for (const listener of listeners) listener(edge, alarm);
      },
    );
    this.#board = {
      raise: (alarm, source) => this.#raise(alarm, source),
      clear: (owner, code, subject) => this.#clear(code, keyOf({ owner, subject })),
      of: (owner) => this.#all().flatMap(({ alarm }) => (alarm.owner === owner ? alarm : [])),
    };
    this.#ownDesk = this.desk(ownOwner);
  }

  /**
   * The desk of an owner: made once.
   * @param owner what people call it: lower-case words
   */
  desk(owner: string, options: DeskOptions = {}): AlarmDesk {
    assert(ownerForm.test(owner), `an owner of alarms is named by lower-case words: ${owner}`);
    assert(!this.#desks.has(owner), `two owners of alarms have one name: ${owner}`);
    assert(this.#desks.size < desksMax, 'owners of alarms are few');
    this.#desks.set(owner, options);
    for (const [code, tell] of Object.entries(options.owns ?? {}) as [ErrorCode, () => void][]) {
      assert(!this.#owned.has(code), `two owners have ${code} for themselves`);
      this.#owned.set(code, { owner, tell });
    }
    return new AlarmDesk(owner, this.#board);
  }

  /** In the order in which they were raised. Ask often: what was left out to keep the rate is told then. */
  standing(): Alarm[] {
    this.#telling.tellLate();
    this.#endSettled();
    return [...this.#codes.values()]
      .flatMap(({ shown }) => [...shown])
      .sort((a, b) => a.order - b.order)
      .map(({ alarm }) => alarm);
  }

  /**
   * Somebody has seen to an alarm. It stays, and says so until it is cleared or becomes more urgent. What is
   * counted only was seen by nobody.
   * @param of what is left out may be anything: the subject, the owner
   * @returns what was acknowledged: nothing if there is no such alarm
   */
  acknowledge(
    of: {
      readonly code: ErrorCode;
      readonly subject?: string | undefined;
      readonly owner?: string | undefined;
    },
    { byWhom, reason }: { readonly byWhom: string; readonly reason: string },
    atMs: number,
  ): Alarm[] {
    const acknowledged: Acknowledgement = { byWhom, reason: reason.slice(0, reasonMax), atMs };
    const found = [...(this.#codes.get(of.code)?.shown ?? [])].filter(
      ({ alarm }) =>
        (of.subject === undefined || alarm.subject === of.subject) &&
        (of.owner === undefined || alarm.owner === of.owner),
    );
    return found.map((standing) => {
      standing.alarm = { ...standing.alarm, acknowledged };
      this.#telling.acknowledged(standing.alarm);
      return standing.alarm;
    });
  }

  /** Brings back the alarms of the last run. Call it at the start. */
  remember(kept: readonly KeptAlarm[]): void {
    this.#saving.isKept(kept.map(({ alarm }) => alarm));
    for (const { alarm, source } of kept) this.#telling.remember(alarm, source);
    // The alarms about alarms come last: they follow from the others.
    const isOfOthers = ({ alarm }: KeptAlarm) => Number(alarm.code === 'E_ALARMS');
    const inOrder = kept.toSorted(
      (a, b) => isOfOthers(a) - isOfOthers(b) || a.alarm.sinceMs - b.alarm.sinceMs,
    );
    for (const { alarm, source } of inOrder) {
      const known = this.#codes.get(alarm.code)?.find(keyOf(alarm));
      if (known === undefined) {
        this.#add({ alarm, source, order: this.#nextOrder(), rememberedAtMs: this.#clock.monotonicMs() });
        this.#isAnyRemembered = true;
        continue;
      }
      const { acknowledged } = rankOf(known.alarm) < rankOf(alarm) ? known.alarm : alarm;
      const sinceMs = Math.min(alarm.sinceMs, known.alarm.sinceMs);
      known.alarm = { ...known.alarm, sinceMs, ...(acknowledged !== undefined && { acknowledged }) };
    }
  }

  /**
   * Writes changed alarms to the ledger. Call it every second or so, and never while raising an alarm. What the ledger
   * refuses is written later.
   */
  save(store: AlarmStore): void {
    this.#endSettled();
    this.#ownDesk.during('standing alarms', storageCodes, () =>
      this.#saving.save(store, this.#all(), this.#clock.monotonicMs()),
    );
  }

  #raise(raised: Omit<Alarm, 'sinceMs' | 'acknowledged'>, source: string): void {
    const { code, owner, detail, severity } = raised;
    const owned = this.#owned.get(code);
    if (owned !== undefined && owned.owner !== owner) return owned.tell();
    const known = this.#codes.get(code)?.find(keyOf(raised));
    if (known !== undefined) return this.#change(known, { detail, severity });
    const alarm = { ...raised, sinceMs: this.#clock.wallMs() };
    this.#add({ alarm, source, order: this.#nextOrder(), rememberedAtMs: undefined });
  }

  #add(standing: Standing): void {
    const { code } = standing.alarm;
    this.#of(code).add(standing);
    this.#tellOfWaiting(code);
  }

  #change(known: Standing, { detail, severity }: Pick<Alarm, 'detail' | 'severity'>): void {
    const before = known.alarm;
    known.rememberedAtMs = undefined;
    if (before.detail === detail && before.severity === severity) return;
    const { acknowledged, ...rest } = before;
    const isMoreUrgent = rankOf({ severity }) < rankOf(before);
    known.alarm = { ...rest, detail, severity, ...(acknowledged && !isMoreUrgent && { acknowledged }) };
    this.#telling.changed(known.alarm);
    if (before.severity === severity) return;
    this.#of(before.code).reconsider(known);
    this.#tellOfWaiting(before.code);
  }

  #clear(code: ErrorCode, key: string): void {
    const gone = this.#codes.get(code)?.remove(key);
    if (gone === undefined) return;
    this.#telling.cleared(gone.alarm, gone.source);
    this.#tellOfWaiting(code);
  }

  #of(code: ErrorCode): AlarmsOfCode {
    let ofCode = this.#codes.get(code);
    if (ofCode === undefined) {
      ofCode = new AlarmsOfCode({
        // One for each of the others.
        shownMax: code === 'E_ALARMS' ? Object.keys(errorCatalogue).length : alarmsOfCodeMax,
        onShown: ({ alarm, source }) => this.#telling.raised(alarm, source),
        onForgotten: ({ alarm }) => this.#telling.forget(alarm),
      });
      this.#codes.set(code, ofCode);
    }
    return ofCode;
  }

  /** Sums up those that are not shown. Alarms about alarms always have room, so none is about E_ALARMS itself. */
  #tellOfWaiting(code: ErrorCode): void {
    const { waiting, isMore, isWaitingCritical } = this.#of(code);
    if (code === 'E_ALARMS') return;
    if (waiting === 0) return this.#ownDesk.clear('E_ALARMS', code);
    const detail = `${isMore ? 'at least ' : ''}${countText(waiting, 'more alarm')} with ${code}`;
    this.#ownDesk.raise('E_ALARMS', code, detail, isWaitingCritical ? 'critical' : severityOf(code));
  }

  /** An alarm of the last run that its desk did not raise again in time is over. */
  #endSettled(): void {
    if (!this.#isAnyRemembered) return;
    const now = this.#clock.monotonicMs();
    this.#isAnyRemembered = false;
    for (const { alarm, rememberedAtMs } of this.#all()) {
      if (rememberedAtMs === undefined) continue;
      if (now - rememberedAtMs >= this.#settleMs(alarm)) this.#clear(alarm.code, keyOf(alarm));
      else this.#isAnyRemembered = true;
    }
  }

  #settleMs({ owner, code }: Alarm): number {
    const { settleMs = settleMsUsual } = this.#desks.get(owner) ?? {};
    return typeof settleMs === 'number' ? settleMs : (settleMs[code] ?? settleMsUsual);
  }

  #all(): Standing[] {
    return [...this.#codes.values()].flatMap(({ all }) => all);
  }

  #nextOrder(): number {
    this.#order += 1;
    return this.#order;
  }
}
