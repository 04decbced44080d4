import { describe, expect, it } from 'vitest';
import { ReceiverLedger } from '../../../../receiver/ledger/ledger.ts';
import { accountOfMissing } from '../../../../receiver/studies/missing.ts';
import { SenderWatch } from '../../../../receiver/watch/sender-watch.ts';
import { Alarms } from '../../../../shared/alarms.ts';
import type { Beacon } from '../../../../shared/wire/beacon.ts';
import { protection } from '../../../../shared/wire/datagram.ts';
import { fingerprintOf, type LinkParameters } from '../../../../shared/wire/link-parameters.ts';
import { rollState } from '../../../../shared/wire/roll.ts';
import { VirtualClock } from '../../../simulation/virtual-clock.ts';
import { idOf, instance, manifestOf, senderId } from '../high.ts';

const parameters: LinkParameters = {
  datagramBytes: 1472,
  sourceSymbols: 200,
  repairSymbols: 24,
  protection: protection.sealed,
};

function beacon(change: Partial<Beacon> = {}): Beacon {
  return {
    senderId,
    sessionCounter: 1,
    sessionRandom: 9,
    beaconNumber: 1,
    fingerprint: fingerprintOf(change.parameters ?? parameters),
    parameters,
    clockMs: 0,
    upMs: 0,
    highestStudyNumber: 0,
    lowestRetainedStudyNumber: 0,
    queuedObjects: 0,
    queuedBytes: 0,
    oldestQueuedMs: 0,
    spoolBytes: 0,
    spoolFreeBytes: 0,
    rejected: [],
    alarms: [],
    ...change,
  };
}

const arrival = (sequence: number, sessionCounter = 1, sessionRandom = 9) => ({
  senderId,
  keyId: 7,
  sessionCounter,
  sessionRandom,
  sequence,
});

function high(ledger = new ReceiverLedger(':memory:')) {
  const time = new VirtualClock();
  const clock = time.host();
  const alarms = new Alarms(
    () => clock.wallMs(),
    () => {},
  );
  const lowSide = { queueAgeMs: 1_800_000, spoolPercent: 85, rejectedMs: 3_600_000 };
  const times = { silenceMs: 10_000, deadlineMs: 60_000 };
  const watch = new SenderWatch({ ledger, clock, alarms, parameters, ...times, lowSide });
  const standing = () => alarms.standing().map(({ code, subject }) => `${code} ${subject}`);
  return { ledger, time, clock, alarms, watch, standing };
}

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
      'low side: a code of another release.',
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
    expect(ledger.told.studyUid(senderId, 2)).toBeUndefined();
    expect(watch.rollCame(page, arrival(2))).toBe(true);
    expect(watch.rollCame(page, arrival(2))).toBe(false);
    expect(ledger.told.studyUid(senderId, 2)).toBe('1.2');
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

describe('a session', () => {
  it('with a lower counter is taken when the newest is silent, with an alarm that a person ends', () => {
    const { watch, ledger, time, alarms, standing } = high();
    watch.beaconCame(beacon({ highestStudyNumber: 4 }), arrival(50, 12));
    expect(watch.beaconCame(beacon({ highestStudyNumber: 4 }), arrival(1, 7, 1))).toBe(false);
    time.advance(9999);
    expect(watch.beaconCame(beacon({ highestStudyNumber: 4 }), arrival(2, 7, 1))).toBe(false);
    time.advance(1);
    expect(watch.rollCame({ ...page(), entries: [] }, arrival(2, 7, 1))).toBe(false);
    expect(watch.beaconCame(beacon({ highestStudyNumber: 4 }), arrival(3, 7, 1))).toBe(true);
    expect(standing()).toEqual([`E_SENDER_SET_BACK ${senderId}`]);
    expect(alarms.standing()[0]?.detail).toMatch(
      /session 7 .* session 12: .*older disk image, or a recording/,
    );
    // It stands after a restart, until somebody has looked at it.
    const again = high(ledger);
    expect(again.standing()).toEqual([`E_SENDER_SET_BACK ${senderId}`]);
    ledger.senders.accept(senderId);
    again.watch.corrected(senderId);
    expect(again.standing()).toEqual([]);
    expect(again.watch.beaconCame(beacon(), arrival(4, 7, 1))).toBe(true);
    expect(again.standing()).toEqual([]);
  });

  it('that was heard is a replay for good, also after restarts, whatever is silent', () => {
    const { watch, ledger } = high();
    for (let counter = 1; counter <= 5; counter += 1)
      watch.beaconCame(beacon(), arrival(70 + counter, counter));
    const again = high(ledger);
    again.time.advance(3_600_000);
    for (let counter = 1; counter <= 5; counter += 1)
      expect(again.watch.beaconCame(beacon(), arrival(70 + counter, counter))).toBe(false);
    expect(ledger.senders.get(senderId)).toMatchObject({ sessionCounter: 5, setBackFrom: undefined });
  });

  it('that a recording pushed aside comes back by itself', () => {
    const { watch, time, ledger } = high();
    watch.beaconCame(beacon(), arrival(50, 12));
    time.advance(10_000);
    // Of a life that was never heard.
    expect(watch.beaconCame(beacon(), arrival(5, 3, 1))).toBe(true);
    expect(watch.beaconCame(beacon(), arrival(51, 12))).toBe(true);
    expect(ledger.senders.get(senderId)).toMatchObject({ sessionCounter: 12, setBackFrom: 12 });
    expect(watch.beaconCame(beacon(), arrival(5, 3, 1))).toBe(false);
  });

  it('of the highest counter there is silences its sender for no longer than a silence', () => {
    const { watch, time } = high();
    watch.beaconCame(beacon(), arrival(1, 2 ** 32 - 1, 66));
    for (let second = 0; second < 20; second += 1) {
      time.advance(1000);
      watch.beaconCame(beacon(), arrival(second, 8));
    }
    expect(watch.statuses()[0]?.beaconAgeMs).toBe(0);
  });

  it('is remembered within bounds', () => {
    const { watch, ledger } = high();
    for (let counter = 1; counter <= 400; counter += 1) watch.beaconCame(beacon(), arrival(1, counter));
    expect(ledger.senders.sessions(senderId)).toHaveLength(256);
    expect(ledger.senders.sessions(senderId)[0]?.sessionCounter).toBe(144);
  });

  it('that waits says what its sender forgot, whatever it takes in meanwhile', () => {
    const { watch, time, ledger } = high();
    watch.beaconCame(beacon({ highestStudyNumber: 4, lowestRetainedStudyNumber: 1 }), arrival(50, 12));
    const enter = (studyNumber: number, uid: string) => {
      const manifest = manifestOf(1, [instance(uid, { studyUid: uid })], { studyNumber, studyUid: uid });
      ledger.manifests.enter(manifest, idOf(uid), new Uint8Array(1), 0);
    };
    for (const studyNumber of [1, 2, 3]) enter(studyNumber, `1.${studyNumber}`);
    // Set back to three studies, it gives number 4 to another one before its session is believed.
    expect(watch.beaconCame(beacon({ highestStudyNumber: 3 }), arrival(1, 7, 1))).toBe(false);
    enter(4, '1.44');
    time.advance(10_000);
    expect(watch.beaconCame(beacon({ highestStudyNumber: 4 }), arrival(9, 7, 1))).toBe(true);
    expect(accountOfMissing(ledger, 10).map(({ studyNumber }) => studyNumber)).toEqual([4]);
  });
});

describe('an absurd highest study number', () => {
  it('is kept as told and counted, and neither believed nor listed', () => {
    const { watch, ledger, time, alarms } = high();
    const told = { highestStudyNumber: 2 ** 52, lowestRetainedStudyNumber: 1 };
    for (let sequence = 1; sequence <= 10; sequence += 1) {
      watch.beaconCame(beacon(told), arrival(sequence));
      watch.watch();
      time.advance(6000);
    }
    time.advance(60_000);
    watch.beaconCame(beacon(told), arrival(11));
    watch.watch();
    expect(ledger.senders.get(senderId)).toMatchObject({
      toldStudyNumber: 2 ** 52,
      highestStudyNumber: 100_000,
    });
    const of = (code: string) => alarms.standing().filter((alarm) => alarm.code === code);
    expect(of('E_STUDY_NUMBERS')).toHaveLength(1);
    expect(of('E_STUDY_NUMBERS')[0]?.detail).toContain(`${2 ** 52 - 100_000} of them are counted`);
    expect(of('E_STUDY_MISSING')).toHaveLength(21);
    expect(of('E_STUDY_MISSING').at(-1)?.detail).toContain('and 99980 more');
    // Set right by a person, and told rightly by its sender.
    ledger.senders.correct(senderId, 3);
    watch.corrected(senderId);
    expect(alarms.standing()).toEqual([]);
    watch.beaconCame(beacon({ highestStudyNumber: 3 }), arrival(12));
    watch.watch();
    time.advance(66_000);
    watch.beaconCame(beacon({ highestStudyNumber: 3 }), arrival(13));
    watch.watch();
    expect(of('E_STUDY_MISSING').map(({ subject }) => subject)).toEqual(
      [1, 2, 3].map((studyNumber) => `${senderId} ${studyNumber}`),
    );
  });

  it('is believed as far as studies of its sender go', () => {
    const { watch, ledger } = high();
    watch.beaconCame(beacon({ highestStudyNumber: 90_000, lowestRetainedStudyNumber: 1 }), arrival(1));
    const manifest = manifestOf(1, [instance('n')], { studyNumber: 90_000 });
    ledger.manifests.enter(manifest, idOf('m'), new Uint8Array(1), 0);
    watch.beaconCame(beacon({ highestStudyNumber: 180_000 }), arrival(2));
    expect(ledger.senders.get(senderId)?.highestStudyNumber).toBe(180_000);
  });

  it('of one sender hides no missing study of another', () => {
    const { watch, time, standing } = high();
    const others = Array.from({ length: 12 }, (_, index) => `66${index.toString(16).padStart(14, '0')}`);
    const tell = (sequence: number) => {
      for (const other of others)
        watch.beaconCame(
          beacon({ senderId: other, highestStudyNumber: 2 ** 40, lowestRetainedStudyNumber: 1 }),
          { ...arrival(sequence), senderId: other },
        );
      watch.beaconCame(beacon({ highestStudyNumber: 1, lowestRetainedStudyNumber: 1 }), arrival(sequence));
      watch.watch();
    };
    tell(1);
    time.advance(66_000);
    tell(2);
    expect(standing()).toContain(`E_STUDY_MISSING ${senderId} 1`);
    expect(standing().length).toBeLessThan(130);
  });
});

function page() {
  return { senderId, sessionCounter: 1, sessionRandom: 9, rollNumber: 1, page: 0, pages: 1 };
}
