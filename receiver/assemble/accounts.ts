/**
 * Who has how much of something that is bounded. The rule everywhere: **when there is no room, whoever has most gives
 * way**: first the key whose senders together have most, then the one of its senders that has most.
 *
 * So a sender that is alone may have everything. One that has no more than its fair share (the total divided by the number
 * of keys that have something, and that by the senders of its key) is never pushed out by another. And many sender ids
 * under one key get no more than a single one.
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
   * The account of a sender under a key, opened if there is none. Beyond the number that is kept apart, senders of one
   * key share one.
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

  /** Closes an account that has nothing left. */
  close(account: A): void {
    const ofKey = this.#byKey.get(account.keyId);
    if (ofKey === undefined) return;
    if (ofKey.common === account) ofKey.common = undefined;
    else if (ofKey.bySender.get(account.senderId) === account) ofKey.bySender.delete(account.senderId);
    else return;
    this.#size -= 1;
    if (ofKey.bySender.size === 0 && ofKey.common === undefined) this.#byKey.delete(account.keyId);
  }

  /** What the senders of a key use together, and how many there are. */
  ofKey(keyId: number, usedBy: (account: A) => number): { readonly used: number; readonly accounts: number } {
    const ofKey = this.#byKey.get(keyId);
    if (ofKey === undefined) return { used: 0, accounts: 0 };
    const { bySender, common } = ofKey;
    return { used: usedOf(ofKey, usedBy), accounts: bySender.size + (common === undefined ? 0 : 1) };
  }

  /** Who has to give way, by what each uses. Undefined if nobody uses anything. */
  largest(usedBy: (account: A) => number): A | undefined {
    let most = 0;
    let ofKey: KeyAccounts<A> | undefined;
    for (const candidate of this.#byKey.values()) {
      const used = usedOf(candidate, usedBy);
      if (used <= most) continue;
      most = used;
      ofKey = candidate;
    }
    if (ofKey === undefined) return undefined;
    let largest = ofKey.common;
    for (const account of ofKey.bySender.values())
      if (largest === undefined || usedBy(account) > usedBy(largest)) largest = account;
    return largest;
  }
}

function usedOf<A>({ bySender, common }: KeyAccounts<A>, usedBy: (account: A) => number): number {
  let used = common === undefined ? 0 : usedBy(common);
  for (const account of bySender.values()) used += usedBy(account);
  return used;
}
