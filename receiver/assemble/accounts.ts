/**
 * Who holds how much of something that is bounded. The rule for all of it: **where there is no room, the one that
 * holds most gives way**: of the keys the one whose senders hold most together, and of its senders the one that holds most.
 *
 * So a sender that is alone may have everything. One that holds no more than its fair share (all of it by the number of
 * keys that hold something, and that by the senders of its key) is never pushed out by another. And many sender ids
 * under one key get no more than one.
 */
import { limits } from '../../shared/wire/limits.ts';

export interface Account {
  readonly keyId: number;
  /** 8 bytes as hexadecimal */
  readonly senderId: string;
}

interface KeyAccounts<A> {
  readonly bySender: Map<string, A>;
  /** Of all senders of the key that have no account of their own. */
  common: A | undefined;
}

export class Accounts<A extends Account> {
  readonly #make: (keyId: number, senderId: string) => A;
  readonly #byKey = new Map<number, KeyAccounts<A>>();
  #size = 0;

  constructor(make: (keyId: number, senderId: string) => A) {
    this.#make = make;
  }

  /** How many there are. */
  get size(): number {
    return this.#size;
  }

  /** Of how many keys they are. */
  get keys(): number {
    return this.#byKey.size;
  }

  *[Symbol.iterator](): Generator<A> {
    for (const { bySender, common } of this.#byKey.values()) {
      yield* bySender.values();
      if (common !== undefined) yield common;
    }
  }

  /** The account that a sender has. */
  find(keyId: number, senderId: string): A | undefined {
    const ofKey = this.#byKey.get(keyId);
    return ofKey?.bySender.get(senderId) ?? ofKey?.common;
  }

  /**
   * The account of a sender under a key, opened when there is none. Beyond as many as are told apart, senders of one
   * key have one in common.
   */
  of(keyId: number, senderId: string): A {
    const found = this.find(keyId, senderId);
    if (found !== undefined) return found;
    const ofKey = this.#byKey.get(keyId) ?? { bySender: new Map<string, A>(), common: undefined };
    this.#byKey.set(keyId, ofKey);
    const account = this.#make(keyId, senderId);
    if (this.#size < limits.sendersMax) ofKey.bySender.set(senderId, account);
    else ofKey.common = account;
    this.#size += 1;
    return account;
  }

  /** Closes an account that holds nothing. */
  close(account: A): void {
    const ofKey = this.#byKey.get(account.keyId);
    if (ofKey === undefined) return;
    if (ofKey.common === account) ofKey.common = undefined;
    else if (ofKey.bySender.get(account.senderId) === account) ofKey.bySender.delete(account.senderId);
    else return;
    this.#size -= 1;
    if (ofKey.bySender.size === 0 && ofKey.common === undefined) this.#byKey.delete(account.keyId);
  }

  /** What the senders of a key hold together, and how many they are. */
  ofKey(keyId: number, heldBy: (account: A) => number): { readonly held: number; readonly accounts: number } {
    const ofKey = this.#byKey.get(keyId);
    if (ofKey === undefined) return { held: 0, accounts: 0 };
    const { bySender, common } = ofKey;
    return { held: heldOf(ofKey, heldBy), accounts: bySender.size + (common === undefined ? 0 : 1) };
  }

  /** Who has to give way, by what each holds. Undefined when nobody holds anything. */
  largest(heldBy: (account: A) => number): A | undefined {
    let most = 0;
    let ofKey: KeyAccounts<A> | undefined;
    for (const candidate of this.#byKey.values()) {
      const held = heldOf(candidate, heldBy);
      if (held <= most) continue;
      most = held;
      ofKey = candidate;
    }
    if (ofKey === undefined) return undefined;
    let largest = ofKey.common;
    for (const account of ofKey.bySender.values())
      if (largest === undefined || heldBy(account) > heldBy(largest)) largest = account;
    return largest;
  }
}

function heldOf<A>({ bySender, common }: KeyAccounts<A>, heldBy: (account: A) => number): number {
  let held = common === undefined ? 0 : heldBy(common);
  for (const account of bySender.values()) held += heldBy(account);
  return held;
}
