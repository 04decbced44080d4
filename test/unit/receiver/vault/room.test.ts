import { describe, expect, it } from 'vitest';
import type { ObjectSink } from '../../../../receiver/assemble/open-object.ts';
import { Room } from '../../../../receiver/vault/room.ts';
import { Alarms } from '../../../../shared/program/alarms.ts';
import { VirtualClock } from '../../../simulation/virtual-clock.ts';

const disk = { total: 1000, used: 0 };
const honest = { keyId: 1, senderId: '07'.repeat(8) };
const hostile = { keyId: 2, senderId: 'bb'.repeat(8) };
type Sender = typeof honest;

/** A disk of 1000 bytes with its room: 98 % is full, 90 % is high water. */
function roomOf(used = 0) {
  const state = { ...disk, used };
  const alarms = new Alarms(new VirtualClock().host());
  const room = new Room({
    measure: () => ({ free: state.total - state.used, total: state.total }),
    marks: { highPercent: 90, lowPercent: 80, fullPercent: 98 },
    alarms,
  });
  const open = new Map<string, ObjectSink>();
  const awaited = new Set<string>();
  const givenUp: string[] = [];
  const overShare = new Set<string>();
  room.serve({
    giveUp: ({ objectId }) => {
      givenUp.push(objectId);
      const sink = open.get(objectId);
      sink?.ended?.();
      sink?.discard();
      return open.delete(objectId);
    },
    isAwaited: (_senderId, objectId) => awaited.has(objectId),
    isOverShare: (senderId) => overShare.add(senderId),
  });
  const begin = (objectId: string, objectBytes: number, from: Sender = honest, hereBytes = 0) => {
    let fileBytes = hereBytes;
    const sink = room.reserve({ ...from, objectId, objectBytes, maximumSourceSymbols: 8 }, hereBytes, () => ({
      write: (bytes) => {
        state.used += bytes.length;
        fileBytes += bytes.length;
      },
      read: () => {},
      checkpoint: () => {},
      discard: () => {
        state.used -= fileBytes;
        fileBytes = 0;
      },
    }));
    if (sink !== undefined) open.set(objectId, sink);
    return sink;
  };
  const write = (objectId: string, bytes: number) => {
    try {
      open.get(objectId)?.write(new Uint8Array(bytes), 0);
      return true;
    } catch (error) {
      expect(error).toMatchObject({ code: 'E_DISK_FULL' });
      return false;
    }
  };
  const standing = () => alarms.standing().map(({ code, subject }) => `${code} ${subject}`);
  return { room, state, begin, write, open, awaited, givenUp, overShare, standing };
}

describe('the room of the vault', () => {
  it('is reserved by size, and given back when an object is whole or given up', () => {
    const { room, begin, open } = roomOf();
    expect(begin('a', 600)).toBeDefined();
    expect(begin('b', 600)).toBeUndefined();
    open.get('a')?.ended?.();
    expect(room.reservedBytes).toBe(0);
    expect(begin('b', 600)).toBeDefined();
    open.get('b')?.discard();
    expect([room.reservedBytes, begin('c', 980) !== undefined]).toEqual([0, true]);
  });

  it('ends at the mark, whatever was claimed and whatever others write', () => {
    const { room, state, begin, write, standing } = roomOf();
    begin('a', 900);
    let blocks = 0;
    while (blocks < 100 && write('a', 10)) blocks += 1;
    expect([blocks, state.used, room.isFull]).toEqual([98, 980, true]);
    room.look(0);
    expect(standing()).toEqual(['E_DISK_FULL room of the vault']);
    state.used -= 500;
    room.look(1000);
    expect(write('a', 10)).toBe(true);
    state.used = 975;
    room.look(2000);
    expect(write('a', 10)).toBe(false);
    // Somebody made room: what was refused a moment ago still counts for a while, then it is over.
    state.used = 100;
    room.look(3000);
    expect(standing()).toEqual(['E_DISK_FULL room of the vault']);
    room.look(31_000);
    expect(standing()).toEqual(['E_DISK_FULL room of the vault']);
    room.look(33_000);
    expect(standing()).toEqual([]);
  });

  it('above high water is for what a study waits for', () => {
    const { room, state, begin, awaited } = roomOf(910);
    awaited.add('awaited');
    expect([begin('new', 10), begin('awaited', 10) !== undefined]).toEqual([undefined, true]);
    state.used = 850;
    room.look(0);
    expect(begin('new', 10)).toBeUndefined();
    state.used = 790;
    room.look(1000);
    expect(begin('new', 10)).toBeDefined();
  });

  it('that one sender uses for what it never completes goes to who asks, until each has a share', () => {
    const { begin, write, givenUp, overShare, room } = roomOf();
    for (const name of ['h1', 'h2', 'h3']) begin(name, 300, hostile);
    for (const name of ['h2', 'h1', 'h3']) for (let block = 0; block < 3; block += 1) write(name, 100);
    room.look(0);
    expect(begin('first', 200)).toBeDefined();
    expect([givenUp[0], overShare.has(hostile.senderId)]).toEqual(['h2', true]);
    expect(begin('second', 290)).toBeDefined();
    const before = givenUp.length;
    // Half of it is the honest one's now: more of what is not whole is none of its share.
    expect(begin('third', 200)).toBeUndefined();
    expect(begin('h4', 400, hostile)).toBeUndefined();
    expect([givenUp.length, givenUp.every((name) => name.startsWith('h'))]).toEqual([before, true]);
  });

  it('that is claimed by many sender ids under one key is the share of one', () => {
    const { begin, givenUp } = roomOf();
    for (let id = 0; id < 9; id += 1) begin(`h${id}`, 100, { keyId: 2, senderId: `${id}`.repeat(16) });
    for (let each = 0; each < 4; each += 1) expect(begin(`honest ${each}`, 110)).toBeDefined();
    expect(givenUp.length).toBeGreaterThan(3);
    expect(givenUp.every((name) => name.startsWith('h') && !name.startsWith('honest'))).toBe(true);
  });

  it('is taken first from what no study waits for', () => {
    const { begin, awaited, givenUp } = roomOf();
    awaited.add('h1');
    for (const name of ['h1', 'h2', 'h3']) begin(name, 300, hostile);
    begin('honest', 200);
    expect(givenUp).toEqual(['h2']);
  });

  it('is not taken from a sender within its share because the disk is full of what is whole', () => {
    const { begin, givenUp, standing, room, state } = roomOf(880);
    begin('a', 30, hostile);
    state.used = 905;
    room.look(0);
    expect([begin('b', 20), givenUp]).toEqual([undefined, []]);
    expect(standing()).toEqual(['E_DISK_FULL room of the vault']);
  });

  it('counts what an earlier life left, which is not refused, and gives way like all else', () => {
    const { begin, room, givenUp, state } = roomOf(700);
    begin('old 1', 600, hostile, 350);
    begin('old 2', 600, hostile, 350);
    expect(room.reservedBytes).toBe(1200);
    expect(begin('honest', 300)).toBeDefined();
    expect([givenUp, state.used]).toEqual([['old 1'], 350]);
  });

  it('of a sender that is alone is all of it, and who asks for more is named', () => {
    const { begin, overShare } = roomOf();
    for (let each = 0; each < 9; each += 1) expect(begin(`o${each}`, 108, hostile)).toBeDefined();
    expect(begin('more', 108, hostile)).toBeUndefined();
    expect([...overShare]).toEqual([hostile.senderId]);
  });
});

describe('near the high-water mark', () => {
  it('a sender that has most of what is whole begins nothing more, and others do', () => {
    const alarms = new Alarms(new VirtualClock().host());
    const state = { free: 200, total: 1000 };
    const marks = { highPercent: 90, lowPercent: 85, fullPercent: 98 };
    const room = new Room({ measure: () => state, marks, alarms });
    const over: string[] = [];
    room.serve({
      giveUp: () => false,
      isAwaited: () => true,
      isOverShare: (senderId) => void over.push(senderId),
      whole: {
        ofSenders: () => new Map([['aa', 780]]),
        senderIds: () => ['aa', 'bb'],
        groupOf: (senderId) => senderId,
      },
    });
    room.lookAtShares();
    const begin = (senderId: string) =>
      room.reserve(
        { objectId: senderId.repeat(16), senderId, keyId: 1, objectBytes: 10, maximumSourceSymbols: 8 },
        0,
        () => ({ write: () => {}, read: () => {}, discard: () => {}, checkpoint: () => {} }),
      );
    expect([begin('aa') === undefined, begin('bb') === undefined, over]).toEqual([true, false, ['aa']]);
  });
});
