/** Goal: what one sender's studies raise keeps no alarm of another sender's study from being seen and told. */
import { expect, it } from 'vitest';
import { Studies } from '../../../../receiver/studies/studies.ts';
import type { Alarm } from '../../../../shared/program/alarm.ts';
import { Alarms } from '../../../../shared/program/alarms.ts';
import { High, instance, manifestOf, senderId } from '../high.ts';

const hostile = '66'.repeat(8);
const deadlineMs = 60_000;

it('a study that misses something is an alarm and a line, however many of another sender miss something', () => {
  const high = new High();
  const told: Alarm[] = [];
  high.alarms = new Alarms(high.clock, (_edge, alarm) => void told.push(alarm));
  const { ledger, clock, alarms } = high;
  high.studies = new Studies({
    ledger,
    clock,
    alarms,
    deadlineMs,
    unclaimedMs: 2 * deadlineMs,
    collecting: () => [],
  });
  for (let study = 0; study < 500; study += 1) {
    const row = instance(`h${study}`, { senderId: hostile, studyUid: `9.${study}` });
    high.manifest(
      manifestOf(1, [row], { senderId: hostile, studyUid: `9.${study}`, studyNumber: study + 1 }),
    );
  }
  high.time.advance(deadlineMs);
  for (let look = 0; look < 10; look += 1) high.studies.watchDeadlines();
  high.manifest(manifestOf(1, [instance('honest')]));
  expect(ledger.studies.get(senderId, '1.2')?.studyUid).toBe('1.2');
  high.time.advance(deadlineMs);
  high.studies.watchDeadlines();
  expect(alarms.standing().map(({ subject }) => subject)).toContain('1.2');
  expect(told.map(({ subject }) => subject)).toContain('1.2');
});
