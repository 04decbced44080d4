import { describe, expect, it } from 'vitest';
import { type Linked, RecencyList } from '../../../../receiver/assemble/recency-list.ts';

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
