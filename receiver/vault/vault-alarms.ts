/**
 * The one owner of what is wrong with the vault's disk: what it refuses, and files that are not what came. Several find
 * out, and while one thing is refused another may work; so an alarm is over when nothing was refused for a moment, and not
 * with the first thing that works. A full disk is not among it: that is for room.ts to say.
 */
import type { Clock } from '../../shared/clock.ts';
import type { DiodeError, ErrorCode } from '../../shared/errors.ts';
import type { AlarmDesk } from '../../shared/program/alarm-desk.ts';
import type { Alarms } from '../../shared/program/alarms.ts';
import type { InstanceRecord } from '../ledger/instance-records.ts';

export interface VaultAlarmsOptions {
  readonly alarms: Alarms;
  readonly clock: Clock;
}

/** So long after the last refusal something has to work. */
const refusedMs = 1000;
/** A disk that damaged a file is looked at by a person: for so long after the last one was found, though it came again. */
const damagedMs = 86_400_000;
/** Studies with damaged files that have an alarm. */
const damagedMax = 300;
const subject = 'vault';

export class VaultAlarms {
  readonly #clock: Clock;
  readonly #desk: AlarmDesk;
  /** Codes that stand, and when each was refused last. */
  readonly #refusedAtMs = new Map<ErrorCode, number>();
  #workedAtMs = Number.NEGATIVE_INFINITY;
  /** When the last damaged file of a study was found, the longest ago first. */
  readonly #damagedAtMs = new Map<string, number>();

  constructor({ alarms, clock }: VaultAlarmsOptions) {
    this.#clock = clock;
    this.#desk = alarms.desk('vault', { settleMs: { E_VAULT_DAMAGED: damagedMs } });
  }

  /** The disk, or the ledger on it, refused something. */
  refused({ code, message }: DiodeError): void {
    this.#refusedAtMs.set(code, this.#clock.monotonicMs());
    this.#desk.raise(code, subject, message);
  }

  /** Instances were kept: the disk takes them. */
  worked(): void {
    this.#workedAtMs = this.#clock.monotonicMs();
    this.watch();
  }

  /** A file of a study is gone, or is not what came or what was made of that. */
  damaged({ studyUid, senderId }: Pick<InstanceRecord, 'studyUid' | 'senderId'>): void {
    this.#damagedAtMs.delete(studyUid);
    this.#damagedAtMs.set(studyUid, this.#clock.monotonicMs());
    this.#desk.raise('E_VAULT_DAMAGED', studyUid, undefined, undefined, senderId);
    const [oldest] = this.#damagedAtMs.keys();
    if (oldest !== undefined && this.#damagedAtMs.size > damagedMax) this.#endDamaged(oldest);
  }

  /** Ends what is over. Call it often. */
  watch(): void {
    const now = this.#clock.monotonicMs();
    for (const [code, atMs] of this.#refusedAtMs) {
      if (this.#workedAtMs < atMs || now - atMs < refusedMs) continue;
      this.#refusedAtMs.delete(code);
      this.#desk.clear(code, subject);
    }
    for (const [studyUid, atMs] of this.#damagedAtMs) {
      if (now - atMs < damagedMs) break;
      this.#endDamaged(studyUid);
    }
  }

  #endDamaged(studyUid: string): void {
    this.#damagedAtMs.delete(studyUid);
    this.#desk.clear('E_VAULT_DAMAGED', studyUid);
  }
}
