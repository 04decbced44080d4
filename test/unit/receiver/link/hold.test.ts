/**
 * Goal: a short pause of the reading side is waited out, a long one only once until the ring has been emptied. Method: a
 * sink whose state is set, and a clock that counts what is slept.
 */
import { describe, expect, it } from 'vitest';
import { Hold, holdMsMax } from '../../../../receiver/link/hold.ts';

function site(full: { hasRoom: boolean; isHalfFree: boolean }) {
  const sink = { ...full };
  const told = { sleptMs: 0, roomAfterMs: Number.POSITIVE_INFINITY };
  const hold = new Hold(sink, (ms) => {
    told.sleptMs += ms;
    if (told.sleptMs >= told.roomAfterMs) sink.hasRoom = true;
  });
  return { sink, told, hold };
}

describe('holding for room in the ring', () => {
  it('does not wait while there is room', () => {
    const { told, hold } = site({ hasRoom: true, isHalfFree: false });
    hold.untilRoom();
    expect(told.sleptMs).toBe(0);
  });

  it('waits until there is room', () => {
    const { told, hold } = site({ hasRoom: false, isHalfFree: false });
    told.roomAfterMs = 12;
    hold.untilRoom();
    expect(told.sleptMs).toBe(12);
  });

  it('gives up when that takes too long, and at once as long as the ring has not been emptied', () => {
    const { sink, told, hold } = site({ hasRoom: false, isHalfFree: false });
    hold.untilRoom();
    expect(told.sleptMs).toBe(holdMsMax);
    hold.untilRoom();
    sink.hasRoom = true;
    hold.untilRoom();
    sink.hasRoom = false;
    hold.untilRoom();
    expect(told.sleptMs).toBe(holdMsMax);
  });

  it('waits anew once half of the ring is free', () => {
    const { sink, told, hold } = site({ hasRoom: false, isHalfFree: false });
    hold.untilRoom();
    sink.isHalfFree = true;
    told.roomAfterMs = holdMsMax + 5;
    hold.untilRoom();
    expect(told.sleptMs).toBe(holdMsMax + 5);
  });
});
