/**
 * The file that goes out for an instance: the original, or a copy of it with a preamble of zeros if the gate says so.
 * Every way out asks here (inbox, C-STORE, STOW-RS, partial release, quarantine), and none falls back to the original:
 * while the copy does not exist yet, the instance waits.
 *
 * Copies are made in steps beside other work, each sender in turn, so that no sender delays the others. What the disk
 * refuses is tried again. A copy is only ever made of the original: its source is hashed on the way.
 */

import type { Clock } from '../../shared/clock.ts';
import { DiodeError, storageCodes } from '../../shared/errors.ts';
import type { AlarmDesk } from '../../shared/program/alarm-desk.ts';
import type { Alarms } from '../../shared/program/alarms.ts';
import type { InstanceRecord } from '../ledger/instance-records.ts';
import type { ReceiverLedger } from '../ledger/ledger.ts';
import type { Vault } from './vault.ts';

export interface OutgoingFile {
  readonly objectId: string;
  readonly path: string;
  readonly bytes: number;
  /** 32 bytes as hexadecimal: nothing else may leave as this instance. */
  readonly sha256: string;
}

export interface OutgoingOptions {
  readonly ledger: ReceiverLedger;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly alarms: Alarms;
  /** Whether the disk has room for copies. */
  readonly mayCopy?: (() => boolean) | undefined;
  /** A file in the vault differs from the original: it is collected again. */
  readonly onDamaged: (instance: Pick<InstanceRecord, 'objectId' | 'senderId' | 'studyUid'>) => void;
  /** A copy is not what was made: it is made anew. */
  readonly onCopyDamaged: (instance: Pick<InstanceRecord, 'senderId' | 'studyUid'>) => void;
}

/** The most copies that wait for one sender. Whoever finds no place asks again. */
const wantedMax = 10_000;
const retryMs = 5000;
/** Steps done while somebody waits: at 4 MB each they take some tens of milliseconds. */
const promptSteps = 8;

interface SenderCopies {
  readonly senderId: string;
  /** Callbacks for when a copy was made, or could not be, by object id. */
  readonly wanted: Map<string, (() => void)[]>;
  copying: { readonly objectId: string; readonly steps: Generator<void> } | undefined;
  /** The disk refused one of them. */
  notBeforeMs: number;
}

export class Outgoing {
  readonly #options: OutgoingOptions;
  readonly #desk: AlarmDesk;
  /** Those whose turn is next come first. */
  readonly #senders = new Map<string, SenderCopies>();

  constructor(options: OutgoingOptions) {
    this.#options = options;
    this.#desk = options.alarms.desk('copies');
  }

  /**
   * What leaves for an instance, or why nothing can now: E_COPY_WAITING, E_VAULT_DAMAGED while it is collected again,
   * E_FILE_READ if the vault no longer has it.
   */
  file(objectId: string): OutgoingFile | DiodeError {
    const { ledger, vault, onDamaged } = this.#options;
    const state = ledger.holds.outgoing(objectId);
    if (state === undefined || state.file === 'removed')
      return new DiodeError('E_FILE_READ', 'the vault no longer has it');
    const { bytes, sha256, zeroPreamble, releasedSha256 } = state;
    if (zeroPreamble) {
      const path = vault.copyPath(objectId);
      if (releasedSha256 !== undefined && vault.hasCopy(objectId, bytes))
        return { objectId, path, bytes, sha256: releasedSha256 };
    }
    if (state.file === 'lost') return new DiodeError('E_VAULT_DAMAGED', 'it is collected again');
    if (!vault.objects.has(objectId, bytes)) {
      onDamaged({ objectId, ...state });
      return new DiodeError(
        'E_VAULT_DAMAGED',
        'its file is missing or truncated; it is being collected again',
      );
    }
    if (zeroPreamble) return new DiodeError('E_COPY_WAITING');
    return { objectId, path: vault.objects.pathOf(objectId), bytes, sha256 };
  }

  /** The ones among these that wait for their copy. */
  waiting(objectIds: readonly string[]): string[] {
    return this.#options.ledger.holds.zeroed(objectIds).filter((objectId) => {
      const file = this.file(objectId);
      return file instanceof DiodeError && file.code === 'E_COPY_WAITING';
    });
  }

  /**
   * Has a copy made, if one is needed and does not exist.
   * @param done called once, whether the copy was made or could not be; ask for the file then
   * @returns false if nothing is made: there is nothing to wait for, or too much is already waiting
   */
  want({ objectId, senderId }: Pick<InstanceRecord, 'objectId' | 'senderId'>, done: () => void): boolean {
    const file = this.file(objectId);
    if (!(file instanceof DiodeError) || file.code !== 'E_COPY_WAITING') return false;
    let sender = this.#senders.get(senderId);
    if (sender === undefined) {
      sender = { senderId, wanted: new Map(), copying: undefined, notBeforeMs: Number.NEGATIVE_INFINITY };
      this.#senders.set(senderId, sender);
    }
    const told = sender.wanted.get(objectId);
    if (told === undefined && sender.wanted.size >= wantedMax) return false;
    if (told === undefined) sender.wanted.set(objectId, [done]);
    else told.push(done);
    return true;
  }

  /** Continues a copy by a few MB. @returns whether there is more to do at once */
  step(): boolean {
    const now = this.#options.clock.monotonicMs();
    for (const sender of this.#senders.values()) {
      if (sender.notBeforeMs > now) continue;
      this.#senders.delete(sender.senderId);
      this.#copyOn(sender, now);
      if (sender.wanted.size > 0) this.#senders.set(sender.senderId, sender);
      return [...this.#senders.values()].some(({ notBeforeMs }) => notBeforeMs <= now);
    }
    return false;
  }

  /** Does some steps at once: somebody is waiting. */
  hurry(isThrough: () => boolean): void {
    for (let steps = 0; steps < promptSteps && !isThrough() && this.step(); steps += 1);
  }

  /** What was read for an instance is not what should leave: it does not leave in this form again. */
  damaged(objectId: string): void {
    const { ledger, vault, onDamaged, onCopyDamaged } = this.#options;
    const state = ledger.holds.outgoing(objectId);
    if (state === undefined || state.file !== 'there') return;
    if (!state.zeroPreamble || state.releasedSha256 === undefined) return onDamaged({ objectId, ...state });
    // The copy is made again from the original, if that is still intact.
    ledger.holds.keepReleasedSha256(objectId, undefined);
    vault.removeCopy(objectId);
    onCopyDamaged(state);
    this.want({ objectId, ...state }, () => {});
  }

  #copyOn(sender: SenderCopies, now: number): void {
    const [objectId] = sender.copying === undefined ? sender.wanted.keys() : [sender.copying.objectId];
    if (objectId === undefined) return;
    sender.copying ??= { objectId, steps: this.#copy(objectId) };
    const { steps } = sender.copying;
    const step = this.#desk.during(`copies for ${sender.senderId}`, storageCodes, () => steps.next());
    if (step?.done === false) return;
    sender.copying = undefined;
    if (step === undefined) sender.notBeforeMs = now + retryMs;
    const told = sender.wanted.get(objectId) ?? [];
    // Whoever still waits asks again for what the disk refused.
    sender.wanted.delete(objectId);
    for (const done of told) done();
  }

  *#copy(objectId: string): Generator<void> {
    const { ledger, vault, mayCopy, onDamaged } = this.#options;
    if (mayCopy?.() === false) throw new DiodeError('E_DISK_FULL', 'there is no room for copies');
    const { sourceSha256, sha256 } = yield* vault.copyWithZeroPreamble(objectId);
    const state = ledger.holds.outgoing(objectId);
    const isWhole = state?.sha256 === sourceSha256;
    // It may have been purged in the meantime: then nothing of it may come back.
    if (isWhole && vault.hasObject(objectId)) {
      vault.keepCopy(objectId);
      ledger.holds.keepReleasedSha256(objectId, sha256);
      return;
    }
    vault.discardCopy(objectId);
    if (state?.file === 'there' && !isWhole && vault.hasObject(objectId)) onDamaged({ objectId, ...state });
  }
}
