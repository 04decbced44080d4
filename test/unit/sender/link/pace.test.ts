import { describe, expect, it } from 'vitest';
import { Pacer } from '../../../../sender/link/pace.ts';
import { wireTimeMs } from '../../../../shared/wire/wire-time.ts';
import { Random } from '../../../harness/random.ts';

describe('the time of a datagram on the wire', () => {
  it('counts every byte: UDP, IPv4, Ethernet, preamble and gap', () => {
    // 1472 + 28 is a full packet of 1500; with 38 of Ethernet 1538 bytes, 12.304 us at 1 Gb/s.
    expect(wireTimeMs(1472, 1000)).toBeCloseTo(0.012_304, 9);
    expect(wireTimeMs(8972, 1000)).toBeCloseTo((9038 * 8) / 1e6, 9);
  });
});

describe('the pacer', () => {
  it('keeps its rate whatever the timer does', () => {
    for (const rate of [10, 500, 9000]) {
      const pacer = new Pacer(1472, rate, 64);
      const random = new Random(rate);
      const spanMs = wireTimeMs(1472, rate) * 20_000;
      let now = 1000;
      let sent = 0;
      while (now < 1000 + spanMs) {
        const allowed = Math.min(pacer.allowance(now), 64);
        pacer.spend(allowed, now);
        sent += allowed;
        now += random.next() * wireTimeMs(1472, rate) * 60;
      }
      expect(sent).toBeLessThanOrEqual(20_000 + 2 * 64);
      expect(sent).toBeGreaterThan(19_000);
    }
  });

  it('makes up for a pause at about twice the rate, and for 10 ms of a long one', () => {
    const pacer = new Pacer(1472, 1000, 32);
    const datagramMs = wireTimeMs(1472, 1000);
    expect(pacer.allowance(10)).toBe(32);
    pacer.spend(32, 10);
    expect(pacer.allowance(10)).toBe(0);
    const resumedMs = 3_600_000;
    const spentAt: number[] = [];
    for (let now = resumedMs; now < resumedMs + 30; now += datagramMs / 4) {
      const allowed = pacer.allowance(now);
      expect(allowed).toBeLessThanOrEqual(32);
      if (allowed === 0) continue;
      pacer.spend(allowed, now);
      for (let i = 0; i < allowed; i += 1) spentAt.push(now);
    }
    expect(spentAt.length).toBeGreaterThan(39 / datagramMs);
    expect(spentAt.length).toBeLessThanOrEqual(40 / datagramMs + 32);
    for (const [index, first] of spentAt.entries()) {
      const later = spentAt[index + 128];
      // Of each gap the shortest sleep is left out.
      if (later !== undefined)
        expect(later - first).toBeGreaterThan(((128 - 2 * 32) * datagramMs) / 2 - 2 * 0.05);
    }
  });

  it('says how long to wait, so that it is then allowed', () => {
    const pacer = new Pacer(1472, 100, 8);
    pacer.spend(pacer.allowance(5), 5);
    for (const count of [1, 3, 8]) {
      const waitMs = pacer.waitMs(count, 5);
      // The gap behind a burst is half its time on the wire, without the shortest sleep.
      const gapMs = 4 * wireTimeMs(1472, 100) - 0.05;
      expect(waitMs).toBeCloseTo(Math.max(gapMs, count * wireTimeMs(1472, 100)), 9);
      expect(new Pacer(1472, 100, 8).waitMs(count, 5)).toBe(0);
      expect(pacer.allowance(5 + waitMs)).toBe(Math.max(3, count));
    }
  });

  it('needs a rate and a burst', () => {
    expect(() => new Pacer(1472, 0, 1)).toThrow('a rate and a burst');
    expect(() => new Pacer(1472, 1, 0)).toThrow('a rate and a burst');
  });
});
