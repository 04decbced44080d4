/**
 * Goal: a sender that fills the vault with studies that are right in all ways leaves room for others, and who has little
 * is never stopped for it. Method: the room of a small disk, and a ledger that says who has how much.
 */
import { describe, expect, it } from 'vitest';
import { SharesOfWhole } from '../../../../receiver/vault/shares-of-whole.ts';

function sharesOf(used: Record<string, number>, groupOf = (senderId: string) => senderId): SharesOfWhole {
  const shares = new SharesOfWhole({
    ofSenders: () => new Map(Object.entries(used)),
    senderIds: () => ['one', 'other', 'third'],
    groupOf,
  });
  shares.look(900);
  return shares;
}

describe('what is whole in the vault', () => {
  it('is too much of one sender that has most of it, and of no other', () => {
    const shares = sharesOf({ one: 600, other: 60, third: 40 });
    expect(['one', 'other', 'third'].map((senderId) => shares.isOver(senderId, 0))).toEqual([
      true,
      false,
      false,
    ]);
  });

  it('is never too much of a sender that has little, whatever the others have', () => {
    expect(sharesOf({ one: 100, other: 0 }).isOver('one', 0)).toBe(false);
  });

  it('is shared evenly by senders that have about the same', () => {
    const shares = sharesOf({ one: 280, other: 300, third: 290 });
    expect(['one', 'other', 'third'].some((senderId) => shares.isOver(senderId, 0))).toBe(false);
  });

  it('counts for all sender ids of a key name together', () => {
    const groupOf = (senderId: string) => (senderId === 'third' ? senderId : 'key');
    const shares = sharesOf({ one: 250, other: 240, third: 10 }, groupOf);
    expect([shares.isOver('one', 0), shares.isOver('other', 0), shares.isOver('third', 0)]).toEqual([
      true,
      true,
      false,
    ]);
  });

  it('is all of a sender that is alone', () => {
    const shares = new SharesOfWhole({
      ofSenders: () => new Map([['one', 850]]),
      senderIds: () => ['one'],
      groupOf: (senderId) => senderId,
    });
    shares.look(900);
    expect(shares.isOver('one', 0)).toBe(false);
  });
});
