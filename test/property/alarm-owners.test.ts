/** What must hold for any order of raising and clearing: nobody ends another's alarm, and what stands is what all say. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Alarms } from '../../shared/program/alarms.ts';
import { VirtualClock } from '../simulation/virtual-clock.ts';

const codes = ['E_DISK', 'E_DISK_FULL', 'E_CONFLICT', 'E_LOW_SIDE'] as const;
const anyStep = fc.record({
  owner: fc.constantFrom('one', 'two', 'three'),
  does: fc.constantFrom('raise', 'raise', 'clear'),
  code: fc.constantFrom(...codes),
  subject: fc.constantFrom('', 'a', 'b', '1.2.3'),
  detail: fc.constantFrom('x', 'y'),
});

it('an alarm stands exactly while its owner has raised it and not cleared it, whatever the others do', () => {
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 200 }), (steps) => {
      const alarms = new Alarms(new VirtualClock().host());
      const desks = new Map(['one', 'two', 'three'].map((owner) => [owner, alarms.desk(owner)]));
      const raised = new Map<string, string>();
      for (const { owner, does, code, subject, detail } of steps) {
        const key = `${owner} ${code} ${subject}`;
        if (does === 'raise') {
          desks.get(owner)?.raise(code, subject, detail);
          raised.set(key, detail);
        } else {
          desks.get(owner)?.clear(code, subject);
          raised.delete(key);
        }
        const standing = alarms.standing().map((alarm) => `${alarm.owner} ${alarm.code} ${alarm.subject}`);
        expect(standing.toSorted()).toEqual([...raised.keys()].toSorted());
      }
      for (const [owner, desk] of desks)
        expect(desk.standing().every((alarm) => alarm.owner === owner)).toBe(true);
      for (const { owner, code, subject, detail } of alarms.standing())
        expect(raised.get(`${owner} ${code} ${subject}`)).toBe(detail);
    }),
  );
});

it('of more alarms than are shown, no critical one is missing while a less urgent one is shown', () => {
  const anyRaise = fc.record({
    owner: fc.constantFrom('one', 'two'),
    does: fc.constantFrom('raise', 'raise', 'raise', 'clear'),
    subject: fc.integer({ min: 0, max: 260 }),
    severity: fc.constantFrom('critical', 'warning', 'info'),
    source: fc.constantFrom('', 'aa', 'bb'),
  });
  const manySteps = fc.array(anyRaise, { minLength: 300, maxLength: 900 });
  fc.assert(
    fc.property(manySteps, (steps) => {
      const alarms = new Alarms(new VirtualClock().host());
      const desks = new Map(['one', 'two'].map((owner) => [owner, alarms.desk(owner)]));
      const raised = new Map<string, string>();
      for (const { owner, does, subject, severity, source } of steps) {
        const desk = desks.get(owner);
        if (does === 'clear') desk?.clear('E_LOW_SIDE', String(subject));
        else desk?.raise('E_LOW_SIDE', String(subject), 'x', severity, source);
        if (does === 'clear') raised.delete(`${owner} ${subject}`);
        else raised.set(`${owner} ${subject}`, severity);
      }
      const shown = alarms.standing().filter(({ code }) => code === 'E_LOW_SIDE');
      expect(shown).toHaveLength(Math.min(100, raised.size));
      const count = (severity: string) => [...raised.values()].filter((each) => each === severity).length;
      const shownOf = (severity: string) => shown.filter((alarm) => alarm.severity === severity).length;
      expect(shownOf('critical')).toBe(Math.min(100, count('critical')));
      expect(shownOf('warning')).toBe(Math.min(100 - shownOf('critical'), count('warning')));
      for (const alarm of shown) expect(raised.get(`${alarm.owner} ${alarm.subject}`)).toBe(alarm.severity);
    }),
    { numRuns: 40 },
  );
});
