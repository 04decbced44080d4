import { describe, expect, it } from 'vitest';
import { Accounts } from '../../../../receiver/assemble/accounts.ts';
import { limits } from '../../../../shared/wire/limits.ts';

const accounts = () => new Accounts((keyId, senderId) => ({ keyId, senderId, used: 0 }));
const usedBy = ({ used }: { used: number }) => used;

describe('of senders that share something bounded', () => {
  it('the one gives way that uses most of the key that uses most', () => {
    const all = accounts();
    const use = (keyId: number, senderId: string, used: number) => {
      all.of(keyId, senderId).used = used;
    };
    expect(all.largest(usedBy)).toBeUndefined();
    use(1, 'a', 50);
    expect(all.largest(usedBy)).toMatchObject({ senderId: 'a' });
    for (let id = 0; id < 9; id += 1) use(2, `b${id}`, 6);
    use(2, 'b9', 7);
    expect(all.largest(usedBy)).toMatchObject({ keyId: 2, senderId: 'b9' });
    expect([all.keys, all.size, all.ofKey(2, usedBy)]).toEqual([2, 11, { used: 61, accounts: 10 }]);
  });

  it('more than are told apart have one account in common with those of their own key', () => {
    const all = accounts();
    for (let id = 0; id < 1000; id += 1) all.of(2, `${id}`).used += 1;
    expect(all.size).toBe(limits.sendersMax + 1);
    all.of(1, 'late').used = 3;
    expect(all.of(1, 'late').used).toBe(3);
    expect(all.size).toBe(limits.sendersMax + 2);
    expect(all.largest(usedBy)).toMatchObject({ keyId: 2, used: 1000 - limits.sendersMax });
  });

  it('those that use nothing leave', () => {
    const all = accounts();
    const [first, second] = [all.of(1, 'a'), all.of(1, 'b')];
    for (let again = 0; again < 2; again += 1) all.close(first);
    expect([all.size, all.keys, all.find(1, 'a')]).toEqual([1, 1, undefined]);
    all.close(second);
    expect([all.size, all.keys, [...all]]).toEqual([0, 0, []]);
  });
});
