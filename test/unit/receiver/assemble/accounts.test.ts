import { describe, expect, it } from 'vitest';
import { Accounts } from '../../../../receiver/assemble/accounts.ts';
import { type Linked, RecencyList } from '../../../../receiver/assemble/recency-list.ts';
import { limits } from '../../../../shared/wire/limits.ts';

const accounts = () => new Accounts((keyId, senderId) => ({ keyId, senderId, held: 0 }));
const heldBy = ({ held }: { held: number }) => held;

describe('of senders that share something bounded', () => {
  it('the one gives way that holds most of the key that holds most', () => {
    const all = accounts();
    const hold = (keyId: number, senderId: string, held: number) => {
      all.of(keyId, senderId).held = held;
    };
    expect(all.largest(heldBy)).toBeUndefined();
    hold(1, 'a', 50);
    expect(all.largest(heldBy)).toMatchObject({ senderId: 'a' });
    for (let id = 0; id < 9; id += 1) hold(2, `b${id}`, 6);
    hold(2, 'b9', 7);
    expect(all.largest(heldBy)).toMatchObject({ keyId: 2, senderId: 'b9' });
    expect([all.keys, all.size, all.ofKey(2, heldBy)]).toEqual([2, 11, { held: 61, accounts: 10 }]);
  });

  it('more than are told apart have one account in common with those of their own key', () => {
    const all = accounts();
    for (let id = 0; id < 1000; id += 1) all.of(2, `${id}`).held += 1;
    expect(all.size).toBe(limits.sendersMax + 1);
    all.of(1, 'late').held = 3;
    expect(all.of(1, 'late').held).toBe(3);
    expect(all.size).toBe(limits.sendersMax + 2);
    expect(all.largest(heldBy)).toMatchObject({ keyId: 2, held: 1000 - limits.sendersMax });
  });

  it('those that hold nothing leave', () => {
    const all = accounts();
    const [first, second] = [all.of(1, 'a'), all.of(1, 'b')];
    for (let again = 0; again < 2; again += 1) all.close(first);
    expect([all.size, all.keys, all.find(1, 'a')]).toEqual([1, 1, undefined]);
    all.close(second);
    expect([all.size, all.keys, [...all]]).toEqual([0, 0, []]);
  });
});

/** Counts how often a list looks at its members. */
class Counted implements Linked<Counted> {
  static looks = 0;
  #older: Counted | undefined;
  #newer: Counted | undefined;

  get older(): Counted | undefined {
    Counted.looks += 1;
    return this.#older;
  }

  set older(member: Counted | undefined) {
    Counted.looks += 1;
    this.#older = member;
  }

  get newer(): Counted | undefined {
    Counted.looks += 1;
    return this.#newer;
  }

  set newer(member: Counted | undefined) {
    Counted.looks += 1;
    this.#newer = member;
  }
}

describe('a list in the order of last use', () => {
  it('knows what waited longest, whatever was used and removed', () => {
    const list = new RecencyList<Counted>();
    const members = Array.from({ length: 5 }, () => new Counted());
    for (const member of members) list.append(member);
    const [a, b, c, d, e] = members as [Counted, Counted, Counted, Counted, Counted];
    list.touch(a);
    list.touch(e);
    list.remove(c);
    const order: Counted[] = [];
    for (let oldest = list.oldest; oldest !== undefined; oldest = list.oldest) {
      order.push(oldest);
      list.remove(oldest);
    }
    expect(order.map((member) => members.indexOf(member))).toEqual(
      [b, d, a, e].map((m) => members.indexOf(m)),
    );
    expect([list.oldest, list.newest]).toEqual([undefined, undefined]);
  });

  it('costs the same for ten members and for ten thousand', () => {
    const looks = [10, 10_000].map((size) => {
      const list = new RecencyList<Counted>();
      const members = Array.from({ length: size }, () => new Counted());
      for (const member of members) list.append(member);
      Counted.looks = 0;
      for (let round = 0; round < 5; round += 1) {
        list.touch(members[5] ?? new Counted());
        list.touch(members[7] ?? new Counted());
        const oldest = list.oldest;
        if (oldest !== undefined) list.remove(oldest);
        if (oldest !== undefined) list.append(oldest);
      }
      return Counted.looks;
    });
    expect(looks[1]).toBeLessThanOrEqual(looks[0] ?? 0);
  });
});
