/**
 * Goal: an alarm behind a deadline does not go and come back because the receiver started again, though its deadline begins
 * anew; and what is right meanwhile ends. Method: second by second over a start, with what the ledger kept of alarms.
 */
import { expect, it } from 'vitest';
import { ReceiverLedger } from '../../../../receiver/ledger/ledger.ts';
import { SenderWatch } from '../../../../receiver/watch/sender-watch.ts';
import { Alarms } from '../../../../shared/program/alarms.ts';
import { VirtualClock } from '../../../simulation/virtual-clock.ts';
import { High, instance, manifestOf, senderId } from '../high.ts';
import { arrival, beacon, parameters } from './watched-sender.ts';

const wrong = {
  highestStudyNumber: 1,
  lowestRetainedStudyNumber: 1,
  fingerprint: beacon({ parameters: { ...parameters, sourceSymbols: 100 } }).fingerprint,
  rejected: [{ code: 'E_NOT_DICOM', count: 2 }],
  alarms: ['E_DISK'],
};

/** Lives of the watch of one sender over one ledger. */
function lives() {
  const time = new VirtualClock();
  const clock = time.host();
  const ledger = new ReceiverLedger(':memory:');
  const edges: string[] = [];
  let sequence = 0;
  const start = () => {
    const alarms = new Alarms(clock, (edge, { code }) => edges.push(`${edge} ${code}`));
    alarms.remember(ledger.standingAlarms.load());
    const lowSide = { queueAgeMs: 1_800_000, spoolPercent: 85, rejectedMs: 3_600_000 };
    const times = { silenceMs: 10_000, deadlineMs: 600_000 };
    const watch = new SenderWatch({ ledger, clock, alarms, parameters, ...times, lowSide });
    const standing = () =>
      alarms.standing().map(({ code, subject }) => `${code} ${subject}`.replace(senderId, 'it'));
    /** @param says what its beacon says each second; undefined: it is silent */
    const run = (seconds: number, says: object | undefined) =>
      Array.from({ length: seconds }, () => {
        time.advance(1000);
        sequence += 1;
        if (says !== undefined) watch.beaconCame(beacon(says), arrival(sequence));
        watch.watch();
        alarms.save(ledger.standingAlarms);
        return standing().toSorted().join(', ');
      });
    return { run };
  };
  return { start, edges };
}

it('what a sender says, and what never came of it, stands over a start of the receiver without an end', () => {
  const { start, edges } = lives();
  const [stood] = start().run(700, wrong).slice(-1);
  expect(stood?.split(', ')).toEqual([
    'E_LOW_SIDE it E_DISK',
    'E_LOW_SIDE it rejected E_NOT_DICOM',
    'E_PARAMETER_MISMATCH it',
    'E_STUDY_MISSING it 1',
  ]);
  const told = edges.length;
  const after = start();
  expect(new Set(after.run(1500, wrong))).toEqual(new Set([stood]));
  expect(edges.slice(told)).toEqual([]);
  // For how long nothing was rejected is counted from the start; the rest ends with the first beacon that says so.
  const right = { ...wrong, fingerprint: beacon().fingerprint, alarms: [], highestStudyNumber: 0 };
  const next = start();
  expect(next.run(1, right)).toEqual(['E_LOW_SIDE it rejected E_NOT_DICOM, E_STUDY_MISSING it 1']);
  expect(next.run(3600, right).at(-1)).not.toContain('E_LOW_SIDE');
});

it('a sender that is silent is so over a start, and is not when it speaks', () => {
  const { start, edges } = lives();
  const before = start();
  before.run(5, {});
  expect(before.run(20, undefined).at(-1)).toBe('E_NO_BEACON it');
  const after = start();
  expect(new Set(after.run(300, undefined))).toEqual(new Set(['E_NO_BEACON it']));
  expect(edges).toEqual(['raised E_NO_BEACON']);
  expect(start().run(1, {})).toEqual(['']);
});

it('studies that are late are so over a start, since they were', () => {
  const high = new High();
  const [a, b] = [instance('a'), instance('b')];
  high.store(a, instance('c', { studyUid: '1.3' }));
  high.manifest(manifestOf(1, [a, b]));
  const look = () => {
    high.time.advance(1000);
    high.studies.watchDeadlines();
    high.alarms.save(high.ledger.standingAlarms);
    return high.standing().join(', ');
  };
  const stood = 'E_STUDY_INCOMPLETE 1.2, E_STUDY_UNCLAIMED 1.3';
  for (let second = 0; second < 130; second += 1) look();
  expect(look()).toBe(stood);
  const since = () => high.alarms.standing().map(({ sinceMs }) => sinceMs);
  const before = since();
  for (let start = 0; start < 2; start += 1) {
    high.restart();
    expect(new Set(Array.from({ length: 900 }, look))).toEqual(new Set([stood]));
    expect(since()).toEqual(before);
  }
  high.store(b);
  high.release();
  expect(high.standing()).toEqual(['E_STUDY_UNCLAIMED 1.3']);
});
