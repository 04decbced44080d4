/**
 * Study numbers that a sender forgot because it was set back to an older state: it uses them again, and what they stood
 * for that never came stays named. They are noted with the first beacon of the older state, also while that waits
 * for its session to be believed: the sender may use a number again meanwhile.
 */
import type { Beacon } from '../../shared/wire/beacon.ts';
import type { ReceiverLedger } from '../ledger/ledger.ts';
import type { SenderRecord } from '../ledger/sender-records.ts';

/** How many numbers are kept for one such event: the lowest ones. */
const numbersMax = 1000;

export class SetBackNumbers {
  readonly #ledger: ReceiverLedger;
  /** By sender; one of them at a time. */
  readonly #waiting = new Map<string, readonly number[]>();

  constructor(ledger: ReceiverLedger) {
    this.#ledger = ledger;
  }

  /** A beacon of a lower session came that is not believed yet. */
  waits(before: SenderRecord | undefined, beacon: Beacon): void {
    if (before === undefined || this.#waiting.has(before.senderId)) return;
    this.#waiting.set(before.senderId, this.#above(before, beacon.highestStudyNumber));
  }

  /** The numbers to keep when a beacon is accepted: there are some only if it announces less than the one before. */
  forgotten(before: SenderRecord, beacon: Beacon): number[] {
    const waiting = this.#waiting.get(before.senderId) ?? [];
    const told = beacon.highestStudyNumber;
    const fresh = told < before.toldStudyNumber ? this.#above(before, told) : [];
    const { sessionCounter, sessionRandom } = beacon;
    const goesOn = sessionCounter === before.sessionCounter && sessionRandom === before.sessionRandom;
    // If the earlier session goes on, what waited was a recording.
    return [...new Set([...(goesOn ? [] : waiting), ...fresh])];
  }

  /** A beacon of a sender was accepted: nothing from it waits any more. */
  taken(senderId: string): void {
    this.#waiting.delete(senderId);
  }

  #above({ senderId, accountFrom, highestStudyNumber }: SenderRecord, highestNow: number): readonly number[] {
    const from = Math.max(accountFrom, highestNow + 1);
    return this.#ledger.senderAccount.unknownNumbers(senderId, from, highestStudyNumber, numbersMax).some;
  }
}
