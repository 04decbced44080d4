/**
 * Who may speak as which sender. A sender id belongs to a key name: by a line of the key file, by the decision of
 * a person, or by its first use. What comes under a key of another name is refused before anything is allocated for it, and
 * so is a replay, and a sender id for which its key name has no place.
 */

import type { Clock } from '../../shared/clock.ts';
import { type KeyNames, keyNameText } from '../../shared/crypto/key-file.ts';
import type { ErrorCode } from '../../shared/errors.ts';
import type { AlarmDesk } from '../../shared/program/alarm-desk.ts';
import type { Alarms } from '../../shared/program/alarms.ts';
import { objectType } from '../../shared/wire/datagram.ts';
import { limits } from '../../shared/wire/limits.ts';
import type { Opening } from '../assemble/kept-state.ts';
import type { ReceiverLedger } from '../ledger/ledger.ts';
import type { SenderSessions } from './sender-sessions.ts';

/** How many places every key name has, whatever the others use. */
const placesMin = 4;
/** How long a sender id has its place while nothing from it becomes whole. */
const newcomerMs = 60_000;
const sweepIntervalMs = 1000;
/** How often the beacon of a waiting session is read: it says what its sender would have forgotten. */
const waitingIntervalMs = 1000;
/** How long an alarm stands after what it is about was last seen. */
const standingMs = { E_SENDER_KEY: 3_600_000, E_SENDER_PLACES: 600_000, E_DATAGRAM_REPLAY: 60_000 } as const;
type NotedCode = keyof typeof standingMs;

interface Noted {
  readonly code: NotedCode;
  readonly subject: string;
  readonly source: string;
  detail: string | undefined;
  atMs: number;
}

export interface SenderAdmissionOptions {
  readonly ledger: ReceiverLedger;
  readonly clock: Clock;
  readonly alarms: Alarms;
  readonly sessions: SenderSessions;
  readonly keyNames: KeyNames;
}

export class SenderAdmission {
  readonly #options: SenderAdmissionOptions;
  readonly #desk: AlarmDesk;
  #keyNames: KeyNames;
  /** Key names by sender id. */
  readonly #bound = new Map<string, string>();
  /** How many sender ids in use each key name of the ring has. */
  #used = new Map<string, number>();
  /** How many it may have. */
  readonly #places = new Map<string, number>();
  /** Sender ids that are not bound yet, by key name: when each began. */
  readonly #newcomers = new Map<string, Map<string, number>>();
  #sweptAtMs = Number.NEGATIVE_INFINITY;
  readonly #waitingAtMs = new Map<string, number>();
  /** Subjects of alarms, by code and subject. They are bound sender ids and key names, so there are few. */
  readonly #noted = new Map<string, Noted>();

  constructor(options: SenderAdmissionOptions) {
    this.#options = options;
    this.#desk = options.alarms.desk('admission of senders', { settleMs: standingMs });
    this.#keyNames = options.keyNames;
    this.loadAgain();
  }

  /** Uses another key ring from now on. @throws DiodeError E_LEDGER: then all is as before */
  useKeys(keyNames: KeyNames): void {
    this.#load(keyNames);
  }

  /** Reads again who is bound to which name, and who is in use. @throws DiodeError E_LEDGER: then all is as before */
  loadAgain(): void {
    this.#load(this.#keyNames);
  }

  #load(keyNames: KeyNames): void {
    // First what may fail: a sender that is not known as bound would be bound anew, whatever its key.
    const bindings = this.#options.ledger.bindings.all();
    const written = keyNames.senders;
    this.#keyNames = keyNames;
    this.#bound.clear();
    for (const { senderId, keyName } of bindings) this.#bound.set(senderId, keyName);
    for (const [senderId, keyName] of written) this.#bound.set(senderId, keyName);
    this.#countPlaces();
  }

  /** The name that a sender id is bound to. */
  keyNameOf(senderId: string): string | undefined {
    return this.#bound.get(senderId);
  }

  /** What counts as one sender for shares: all ids of one key name, or an id whose key has no name. */
  groupOf(senderId: string): string {
    const name = this.#bound.get(senderId) ?? '';
    return name === '' ? senderId : `key ${name}`;
  }

  /** Whether the key file itself says whose a sender id is. */
  isWritten(senderId: string): boolean {
    return this.#keyNames.senders.has(senderId);
  }

  /** Whether a sender may open an object now; if not, the code to count. Only looks up maps. */
  mayOpen(opening: Opening): ErrorCode | undefined {
    const { senderId, type } = opening;
    const keyName = this.#nameOf(opening.keyId);
    const bound = this.#bound.get(senderId);
    if (bound === undefined) return this.#mayBegin(senderId, keyName);
    if (bound !== keyName) return this.#noteForeign(senderId, keyName, bound);
    if (type === objectType.instance || type === objectType.manifest) return undefined;
    const now = this.#options.clock.monotonicMs();
    const telling = type === objectType.beacon ? 'beacon' : 'roll';
    const newness = this.#options.sessions.newness(opening, telling, now);
    if (newness === 'replay') return this.replayed(senderId);
    if (newness !== 'waits') return undefined;
    if (now - (this.#waitingAtMs.get(senderId) ?? Number.NEGATIVE_INFINITY) < waitingIntervalMs)
      return this.replayed(senderId);
    this.#waitingAtMs.set(senderId, now);
    return undefined;
  }

  /**
   * Whether a whole object counts; if not, the code to count. Its sender id is bound now if it was not yet.
   * @throws DiodeError E_LEDGER, E_DISK_FULL
   */
  mayTake({ senderId, keyId }: { readonly senderId: string; readonly keyId: number }): ErrorCode | undefined {
    const keyName = this.#nameOf(keyId);
    const bound = this.#bound.get(senderId);
    if (bound !== undefined)
      return bound === keyName ? undefined : this.#noteForeign(senderId, keyName, bound);
    // It had a place when it began, unless that was in an earlier run.
    const refused = this.#mayBegin(senderId, keyName);
    if (refused !== undefined) return refused;
    const { ledger, clock } = this.#options;
    const reason = `first use, under a key ${keyName === '' ? 'without a name' : `of the name ${keyName}`}`;
    const entry = { action: 'bind sender', subject: senderId, byWhom: 'diode-receiver', reason };
    ledger.transaction(() => {
      ledger.bindings.pin(senderId, keyName);
      ledger.audit.enter(entry, clock.wallMs());
      ledger.events.enter({ kind: 'sender-heard', senderId, keyName }, clock.wallMs());
    });
    this.#bound.set(senderId, keyName);
    this.#newcomers.get(keyName)?.delete(senderId);
    this.#countPlaces();
    return undefined;
  }

  /** A beacon or roll of a sender was a replay. */
  replayed(senderId: string): 'E_DATAGRAM_REPLAY' {
    this.#note('E_DATAGRAM_REPLAY', senderId, senderId, undefined);
    return 'E_DATAGRAM_REPLAY';
  }

  /** Raises and ends alarms. Call it every second or so. */
  watch(): void {
    const now = this.#options.clock.monotonicMs();
    this.#countPlaces();
    for (const [key, { code, subject, source, detail, atMs }] of this.#noted) {
      const isOver = now - atMs >= standingMs[code];
      if (isOver) this.#noted.delete(key);
      this.#desk.set(!isOver, code, subject, detail, source);
    }
  }

  /** A person said whose a sender id is: what was seen before is settled. */
  settled(senderId: string): void {
    for (const code of ['E_SENDER_KEY', 'E_DATAGRAM_REPLAY'] as const) {
      this.#noted.delete(`${code} ${senderId}`);
      this.#desk.clear(code, senderId);
    }
    this.loadAgain();
  }

  #nameOf(keyId: number): string {
    return this.#keyNames.names.get(keyId) ?? '';
  }

  /** A sender id that is not bound: it gets a place while something of it is collected. */
  #mayBegin(senderId: string, keyName: string): ErrorCode | undefined {
    let newcomers = this.#newcomers.get(keyName);
    if (newcomers === undefined) {
      newcomers = new Map();
      this.#newcomers.set(keyName, newcomers);
    }
    if (newcomers.has(senderId)) return undefined;
    const now = this.#options.clock.monotonicMs();
    const used = this.#used.get(keyName) ?? 0;
    const places = this.#places.get(keyName) ?? placesMin;
    if (used + newcomers.size >= places) this.#sweep(newcomers, now);
    if (used + newcomers.size < places) {
      newcomers.set(senderId, now);
      return undefined;
    }
    const detail = `more sender ids use ${keyName === '' ? 'keys without a name' : `the key name ${keyName}`} than the ${places} it has places for`;
    this.#note('E_SENDER_PLACES', keyNameText(keyName), `key ${keyName}`, detail);
    return 'E_SENDER_PLACES';
  }

  #sweep(newcomers: Map<string, number>, now: number): void {
    if (now - this.#sweptAtMs < sweepIntervalMs) return;
    this.#sweptAtMs = now;
    for (const [senderId, beganMs] of newcomers) if (now - beganMs >= newcomerMs) newcomers.delete(senderId);
  }

  /**
   * All places together are those of {@link limits}.sendersMax. Each of the other names keeps an even share of them, and
   * what it uses beyond that: so whoever has one key takes no place of another.
   */
  #countPlaces(): void {
    const senders = this.#options.ledger.senders.all();
    const retired = new Set(senders.flatMap(({ senderId, isRetired }) => (isRetired ? senderId : [])));
    const used = new Map<string, number>();
    for (const [senderId, keyName] of this.#bound)
      if (!retired.has(senderId)) used.set(keyName, (used.get(keyName) ?? 0) + 1);
    const names = new Set([...this.#keyNames.names.values(), '']);
    const shares = Math.max(1, new Set(this.#keyNames.names.values()).size);
    const share = Math.floor(limits.sendersMax / shares);
    this.#places.clear();
    for (const name of names) {
      let others = 0;
      for (const other of new Set(this.#keyNames.names.values()))
        if (other !== name) others += Math.max(share, used.get(other) ?? 0);
      this.#places.set(name, Math.max(placesMin, limits.sendersMax - others));
    }
    this.#used = used;
  }

  #noteForeign(senderId: string, keyName: string, bound: string): 'E_SENDER_KEY' {
    const known = this.#noted.get(`E_SENDER_KEY ${senderId}`);
    if (known !== undefined) {
      known.atMs = this.#options.clock.monotonicMs();
      return 'E_SENDER_KEY';
    }
    const of = (name: string) => (name === '' ? 'keys without a name' : `keys named ${name}`);
    const detail = `it is bound to ${of(bound)}, but something arrived in its name under ${of(keyName)}`;
    this.#note('E_SENDER_KEY', senderId, `key ${keyName}`, detail);
    return 'E_SENDER_KEY';
  }

  #note(code: NotedCode, subject: string, source: string, detail: string | undefined): void {
    const key = `${code} ${subject}`;
    const atMs = this.#options.clock.monotonicMs();
    const known = this.#noted.get(key);
    if (known === undefined) this.#noted.set(key, { code, subject, source, detail, atMs });
    else known.atMs = atMs;
  }
}
