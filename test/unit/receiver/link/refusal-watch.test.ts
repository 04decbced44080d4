import { describe, expect, it } from 'vitest';
import { RefusalWatch } from '../../../../receiver/link/refusal-watch.ts';
import { Alarms } from '../../../../shared/program/alarms.ts';
import { VirtualClock } from '../../../simulation/virtual-clock.ts';

function watch() {
  const told: string[] = [];
  const alarms = new Alarms(new VirtualClock().host(), (edge, { code }) => told.push(`${edge} ${code}`));
  const refusals = new RefusalWatch(alarms);
  let nowMs = 0;
  const look = (tag: number, length = 0) => {
    refusals.look({ E_DATAGRAM_TAG: tag, E_DATAGRAM_LENGTH: length }, nowMs);
    nowMs += 1000;
  };
  return { told, look };
}

describe('an alarm for what was refused', () => {
  it('is raised once for a flood of any length, and cleared when it is over', () => {
    const { told, look } = watch();
    for (let second = 0; second < 300; second += 1) look(second * 50_000);
    expect(told).toEqual(['raised E_DATAGRAM_TAG']);
    for (let second = 0; second < 59; second += 1) look(299 * 50_000);
    expect(told).toHaveLength(1);
    for (let second = 0; second < 3; second += 1) look(299 * 50_000);
    expect(told).toEqual(['raised E_DATAGRAM_TAG', 'cleared E_DATAGRAM_TAG']);
  });

  it('is none for line noise, however long it goes on', () => {
    const { told, look } = watch();
    for (let second = 0; second < 10_000; second += 1) look(second * 5);
    expect(told).toEqual([]);
  });

  it('comes sooner for what no line does', () => {
    const { told, look } = watch();
    look(0, 9);
    expect(told).toEqual([]);
    look(0, 10);
    expect(told).toEqual(['raised E_DATAGRAM_LENGTH']);
  });
});
