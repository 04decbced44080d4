import { describe, expect, it } from 'vitest';
import { ReceiverLedger } from '../../../../receiver/ledger/ledger.ts';
import { accountOfMissing } from '../../../../receiver/studies/missing.ts';
import { protection } from '../../../../shared/wire/datagram.ts';
import { rollState } from '../../../../shared/wire/roll.ts';
import { idOf, instance, manifestOf, senderId } from '../high.ts';
import { arrival, beacon, high, parameters } from './watched-sender.ts';

describe('a beacon', () => {
  it('counts when it is newer than all before; an older one changes nothing', () => {
    const { watch, ledger } = high();
    expect(watch.beaconCame(beacon({ highestStudyNumber: 3 }), arrival(10))).toBe(true);
    for (const [sequence, counter, random] of [
      [10, 1, 9],
      [9, 1, 9],
      [11, 1, 8],
      [99, 0, 9],
    ] as const) {
      expect(watch.beaconCame(beacon({ highestStudyNumber: 50 }), arrival(sequence, counter, random))).toBe(
        false,
      );
    }
    expect(ledger.senders.get(senderId)).toMatchObject({ sequence: 10, highestStudyNumber: 3 });
    expect(watch.beaconCame(beacon({ highestStudyNumber: 4 }), arrival(11))).toBe(true);
    expect(watch.beaconCame(beacon({ highestStudyNumber: 2 }), arrival(0, 2, 1))).toBe(true);
    expect(ledger.senders.get(senderId)).toMatchObject({
      sessionCounter: 2,
      sequence: 0,
      highestStudyNumber: 4,
    });
  });

  it('is a replay after a restart too', () => {
    const ledger = new ReceiverLedger(':memory:');
    high(ledger).watch.beaconCame(beacon(), arrival(10));
    expect(high(ledger).watch.beaconCame(beacon(), arrival(10))).toBe(false);
  });

  it('that names another sender than its datagrams is none', () => {
    const { watch, ledger } = high();
    expect(watch.beaconCame(beacon({ senderId: '00'.repeat(8) }), arrival(1))).toBe(false);
    expect(ledger.senders.all()).toEqual([]);
  });

  it('shows the age and skew of the sender', () => {
    const { watch, clock, time } = high();
    watch.beaconCame(beacon({ clockMs: clock.wallMs() - 5000 }), arrival(1));
    time.advance(700);
    expect(watch.statuses()).toMatchObject([{ senderId, beaconAgeMs: 700, clockSkewMs: -5000 }]);
  });

  it('that waited is dated from when it came', () => {
    const { watch, clock, time, standing } = high();
    const told = { clockMs: clock.wallMs() - 5000 };
    const cameMs = clock.monotonicMs();
    time.advance(9000);
    watch.beaconCame(beacon(told), { ...arrival(1), cameMs });
    expect(watch.statuses()).toMatchObject([{ beaconAgeMs: 9000, clockSkewMs: -5000 }]);
    time.advance(1000);
    watch.watch();
    expect(standing()).toEqual([`E_NO_BEACON ${senderId}`]);
  });

  it.each(['in this life', 'in an earlier life'])(
    'that waits to be read after one %s is no silence',
    (life) => {
      const first = high();
      first.watch.beaconCame(beacon(), arrival(1));
      const { watch, clock, time, standing } = life === 'in this life' ? first : high(first.ledger);
      time.advance(9000);
      const cameMs = clock.monotonicMs();
      time.advance(9999);
      watch.watch((of) => (of === senderId ? cameMs : undefined));
      expect(standing()).toEqual([]);
      time.advance(1);
      watch.watch((of) => (of === senderId ? cameMs : undefined));
      expect(standing()).toEqual([`E_NO_BEACON ${senderId}`]);
    },
  );

  it.each(['in this life', 'in an earlier life'])(
    'that stays away after one %s is an alarm until it comes',
    (life) => {
      const first = high();
      first.watch.watch();
      expect(first.standing()).toEqual([]);
      first.watch.beaconCame(beacon(), arrival(1));
      const { watch, time, standing } = life === 'in this life' ? first : high(first.ledger);
      time.advance(9999);
      watch.watch();
      expect(standing()).toEqual([]);
      time.advance(1);
      watch.watch();
      expect(standing()).toEqual([`E_NO_BEACON ${senderId}`]);
      watch.beaconCame(beacon(), arrival(2));
      watch.watch();
      expect(standing()).toEqual([]);
    },
  );

  it('that stays away from a sender out of use is no alarm, also after a restart, until it is heard again', () => {
    const first = high();
    const wrong = { highestStudyNumber: 2, lowestRetainedStudyNumber: 1, alarms: ['E_DISK_FULL'] };
    first.watch.beaconCame(beacon(wrong), arrival(1));
    const studies = { number: 2, uid: '1.2.9' };
    first.watch.rollCame(
      {
        senderId,
        sessionCounter: 1,
        sessionRandom: 9,
        rollNumber: 1,
        page: 0,
        pages: 1,
        entries: [
          {
            studyNumber: studies.number,
            revision: 1,
            instances: 1,
            state: rollState.retained,
            manifestId: idOf('never seen'),
            studyUid: studies.uid,
          },
        ],
      },
      arrival(2),
    );
    first.watch.watch();
    first.time.advance(120_000);
    first.watch.watch();
    expect(first.standing()).toEqual(
      expect.arrayContaining([
        `E_LOW_SIDE ${senderId} E_DISK_FULL`,
        `E_NO_BEACON ${senderId}`,
        `E_STUDY_MISSING ${senderId} 1`,
        `E_STUDY_MISSING ${senderId} 2 1.2.9`,
      ]),
    );
    first.ledger.senders.retire(senderId);
    first.watch.retired(senderId);
    expect(accountOfMissing(first.ledger, 100).map(({ studyNumber }) => studyNumber)).toContain(1);
    const again = high(first.ledger);
    for (const { watch, time, standing } of [first, again]) {
      for (let minute = 0; minute < 3; minute += 1) {
        time.advance(60_000);
        watch.watch();
      }
      expect(standing()).toEqual([]);
    }
    again.watch.beaconCame(beacon(), arrival(3));
    again.time.advance(10_000);
    again.watch.watch();
    expect(again.standing()).toContain(`E_NO_BEACON ${senderId}`);
  });

  it('of another configuration is an alarm with both values', () => {
    const { watch, alarms } = high();
    const other = { ...parameters, repairSymbols: 16, protection: protection.authenticated };
    watch.beaconCame(beacon({ parameters: other }), arrival(1));
    expect(alarms.standing()).toMatchObject([
      {
        code: 'E_PARAMETER_MISMATCH',
        detail:
          'code.repairSymbols: sender 16, receiver 24; link.protection: sender authenticated, receiver sealed',
      },
    ]);
    watch.beaconCame(beacon(), arrival(2));
    expect(alarms.standing()).toEqual([]);
  });

  it('carries the alarms of the low side, as long as they stand there', () => {
    const { watch, alarms, standing } = high();
    watch.beaconCame(beacon({ alarms: ['E_DISK_FULL', 'E_OF_TOMORROW'] }), arrival(1));
    expect(standing().sort()).toEqual([
      `E_LOW_SIDE ${senderId} E_DISK_FULL`,
      `E_LOW_SIDE ${senderId} E_OF_TOMORROW`,
    ]);
    // As urgent as it is there, when that is known.
    expect(alarms.standing().map(({ severity }) => severity)).toEqual(['critical', 'warning']);
    expect(alarms.standing().map(({ detail }) => detail)).toEqual([
      'low side: The disk is full.',
      'low side: a code of another version.',
    ]);
    watch.beaconCame(beacon({ alarms: ['E_DISK_FULL'] }), arrival(2));
    expect(standing()).toEqual([`E_LOW_SIDE ${senderId} E_DISK_FULL`]);
    watch.beaconCame(beacon(), arrival(3));
    expect(standing()).toEqual([]);
  });
});

describe('what a low side rejects, and a queue or spool above its mark', () => {
  it('are alarms of the high side; what was rejected before is no news', () => {
    const { watch, time, alarms, standing, ledger } = high();
    const rejected = (count: number) => ({ rejected: [{ code: 'E_NOT_DICOM', count }] });
    watch.beaconCame(beacon(rejected(2)), arrival(1));
    expect(standing()).toEqual([`E_LOW_SIDE ${senderId} rejected E_NOT_DICOM`]);
    expect(alarms.standing()[0]?.detail).toContain('low side: 2 rejected or refused');
    time.advance(3_600_000);
    watch.beaconCame(beacon(rejected(2)), arrival(2));
    expect(standing()).toEqual([]);
    watch.beaconCame(beacon(rejected(3)), arrival(3));
    expect(standing()).toHaveLength(1);
    const next = high(ledger);
    next.watch.beaconCame(beacon(rejected(3)), arrival(4));
    expect(next.standing()).toEqual([]);
    next.watch.beaconCame(beacon({ queuedObjects: 4, oldestQueuedMs: 1_800_000 }), arrival(5));
    expect(next.standing()).toEqual([`E_LOW_SIDE ${senderId} queue`]);
    next.watch.beaconCame(beacon({ spoolBytes: 85, spoolFreeBytes: 15 }), arrival(6));
    expect(next.standing()).toEqual([`E_LOW_SIDE ${senderId} spool`]);
  });
});

describe('a sender that was set back', () => {
  it('uses numbers again, and what they stood for stays named', () => {
    const { watch, ledger, time, standing } = high();
    watch.beaconCame(beacon({ highestStudyNumber: 4, lowestRetainedStudyNumber: 1 }), arrival(1));
    const enter = (studyNumber: number, studyUid: string, manifestId: string) => {
      const manifest = manifestOf(1, [instance(studyUid, { studyUid })], { studyNumber, studyUid });
      ledger.manifests.enter(manifest, idOf(manifestId), new Uint8Array(1), 0);
    };
    for (const studyNumber of [1, 2]) enter(studyNumber, `1.${studyNumber}`, `${studyNumber}`);
    const entry = { studyNumber: 3, revision: 1, instances: 5, state: rollState.retained };
    const roll = { senderId, sessionCounter: 1, sessionRandom: 9, rollNumber: 1, page: 0, pages: 1 };
    watch.rollCame({ ...roll, entries: [{ ...entry, manifestId: idOf('3'), studyUid: '1.3' }] }, arrival(2));
    watch.beaconCame(beacon({ highestStudyNumber: 2 }), arrival(3));
    enter(3, '1.33', 'again');
    watch.beaconCame(beacon({ highestStudyNumber: 4 }), arrival(4));
    enter(4, '1.44', 'and again');
    expect(
      accountOfMissing(ledger, 10).map(({ cause, studyNumber, studyUid }) => [cause, studyNumber, studyUid]),
    ).toEqual([
      ['study never seen', 3, '1.3'],
      ['study never seen', 4, undefined],
    ]);
    watch.watch();
    time.advance(60_000);
    watch.beaconCame(beacon({ highestStudyNumber: 4 }), arrival(5));
    watch.watch();
    expect(standing()).toEqual([`E_STUDY_MISSING ${senderId} 3 1.3`]);
  });
});

describe('a study number that never came', () => {
  it('is an alarm after its deadline, and none any more when it comes', () => {
    const { watch, ledger, time, standing } = high();
    watch.beaconCame(beacon({ highestStudyNumber: 3, lowestRetainedStudyNumber: 1 }), arrival(1));
    const enter = (studyNumber: number) => {
      const studyUid = `1.${studyNumber}`;
      const manifest = manifestOf(1, [instance(studyUid, { studyUid })], { studyNumber, studyUid });
      ledger.manifests.enter(manifest, idOf(studyUid), new Uint8Array(1), 0);
    };
    enter(1);
    watch.watch();
    time.advance(30_000);
    enter(3);
    watch.beaconCame(beacon({ highestStudyNumber: 4 }), arrival(2));
    watch.watch();
    time.advance(30_000);
    watch.beaconCame(beacon({ highestStudyNumber: 4 }), arrival(3));
    watch.watch();
    expect(standing()).toEqual([`E_STUDY_MISSING ${senderId} 2`]);
    enter(2);
    enter(4);
    time.advance(60_000);
    watch.beaconCame(beacon({ highestStudyNumber: 4 }), arrival(4));
    watch.watch();
    expect(standing()).toEqual([]);
  });

  it('is not asked for from before this receiver knew the sender', () => {
    const { watch, ledger, time, standing } = high();
    watch.beaconCame(beacon({ highestStudyNumber: 900, lowestRetainedStudyNumber: 899 }), arrival(1));
    watch.watch();
    time.advance(60_000);
    watch.beaconCame(beacon({ highestStudyNumber: 900, lowestRetainedStudyNumber: 900 }), arrival(2));
    watch.watch();
    expect(standing()).toEqual([`E_STUDY_MISSING ${senderId} 899`, `E_STUDY_MISSING ${senderId} 900`]);
    expect(ledger.senders.get(senderId)?.accountFrom).toBe(899);
  });
});

describe('a page of the roll', () => {
  const entries = [
    {
      studyNumber: 2,
      revision: 1,
      instances: 5,
      state: rollState.retained,
      manifestId: idOf('m'),
      studyUid: '1.2',
    },
  ];
  const page = { senderId, sessionCounter: 1, sessionRandom: 9, rollNumber: 1, page: 0, pages: 1, entries };

  it('counts from a sender whose beacon came, when it is newer', () => {
    const { watch, ledger } = high();
    expect(watch.rollCame(page, arrival(1))).toBe(false);
    watch.beaconCame(beacon({ highestStudyNumber: 2 }), arrival(1));
    expect(watch.rollCame(page, arrival(4, 0))).toBe(false);
    expect(ledger.senderReports.studyUid(senderId, 2)).toBeUndefined();
    expect(watch.rollCame(page, arrival(2))).toBe(true);
    expect(watch.rollCame(page, arrival(2))).toBe(false);
    expect(ledger.senderReports.studyUid(senderId, 2)).toBe('1.2');
    expect(ledger.senders.get(senderId)).toMatchObject({
      sequence: 1,
      rollSequence: 2,
      highestStudyNumber: 2,
    });
    // Beacons and rolls have each their own newest: one that was overtaken by the other is no replay.
    expect(watch.rollCame(page, arrival(10))).toBe(true);
    expect(watch.beaconCame(beacon({ highestStudyNumber: 2 }), arrival(9))).toBe(true);
    expect(watch.rollCame({ ...page, senderId: '00'.repeat(8) }, arrival(3))).toBe(false);
  });
});
