/**
 * Goal: a short pause of the reading side is waited out, a long one only once until the ring has been emptied. Method: a
 * sink whose state is set, and a clock that counts what is slept.
 */
import { describe, expect, it } from 'vitest';
import { Pause, pauseMsMax } from '../../../../receiver/link/pause.ts';

function site(full: { hasRoom: boolean; isHalfFree: boolean }) {
  const sink = { ...full };
  const told = { sleptMs: 0, roomAfterMs: Number.POSITIVE_INFINITY };
  const pause = new Pause(sink, (ms) => {
    told.sleptMs += ms;
    if (told.sleptMs >= told.roomAfterMs) sink.hasRoom = true;
  });
  return { sink, told, pause };
}

describe('pausing for room in the ring', () => {
  it('does not wait while there is room', () => {
    const { told, pause } = site({ hasRoom: true, isHalfFree: false });
    pause.untilRoom();
    expect(told.sleptMs).toBe(0);
  });

  it('waits until there is room', () => {
    const { told, pause } = site({ hasRoom: false, isHalfFree: false });
    told.roomAfterMs = 12;
    pause.untilRoom();
    expect(told.sleptMs).toBe(12);
  });

  it('gives up when that takes too long, and at once as long as the ring has not been emptied', () => {
    const { sink, told, pause } = site({ hasRoom: false, isHalfFree: false });
    pause.untilRoom();
    expect(told.sleptMs).toBe(pauseMsMax);
    pause.untilRoom();
    sink.hasRoom = true;
    pause.untilRoom();
    sink.hasRoom = false;
    pause.untilRoom();
    expect(told.sleptMs).toBe(pauseMsMax);
  });

  it('waits anew once half of the ring is free', () => {
    const { sink, told, pause } = site({ hasRoom: false, isHalfFree: false });
    pause.untilRoom();
    sink.isHalfFree = true;
    told.roomAfterMs = pauseMsMax + 5;
    pause.untilRoom();
    expect(told.sleptMs).toBe(pauseMsMax + 5);
  });
});
