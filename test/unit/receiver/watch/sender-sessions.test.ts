/** Goal: which session of a sender is its newest rests on what was heard, and what it tells of numbers is judged. */
import { describe, expect, it } from 'vitest';
import { accountOfMissing } from '../../../../receiver/studies/missing.ts';
import { idOf, instance, manifestOf, senderId } from '../high.ts';
import { arrival, beacon, high } from './watched-sender.ts';

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
      /session 7 .* session 12: .*older disk image, or someone is replaying a recording/,
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

  it('takes each beacon once, whichever of its datagrams opens it, and each roll as often as it has pages', () => {
    const { watch, ledger } = high();
    const first = beacon();
    expect(watch.beaconCame(first, arrival(10))).toBe(true);
    expect(watch.rollCame({ ...page(), entries: [] }, arrival(20))).toBe(true);
    const before = ledger.senders.get(senderId);
    const again = high(ledger);
    // Later datagrams of the same objects.
    expect(again.watch.beaconCame(first, arrival(11))).toBe(false);
    expect(again.watch.rollCame({ ...page(), entries: [], page: 1, pages: 2 }, arrival(25))).toBe(true);
    expect(ledger.senders.get(senderId)).toEqual(before);
    expect(again.watch.rollCame({ ...page(), entries: [], rollNumber: 2 }, arrival(40))).toBe(true);
    expect(again.watch.rollCame({ ...page(), entries: [] }, arrival(41))).toBe(false);
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
    expect(of('E_STUDY_NUMBERS')[0]?.detail).toContain(
      `${2 ** 52 - 100_000} of its numbers are only counted`,
    );
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
