/** Goal: what is made ready for one sender's studies keeps no other sender waiting for more than its turn. */
import { expect, it } from 'vitest';
import { Releaser } from '../../../../receiver/release/release.ts';
import { StudyReleases } from '../../../../receiver/release/study-releases.ts';
import { folders, High, instance, manifestOf } from '../high.ts';

const hostile = '66'.repeat(8);

it('a study that takes many steps is out after about twice as many, whatever another sender has ready', () => {
  const high = new High();
  const { ledger, vault, outgoing, clock, studies } = high;
  const releaser = new Releaser({
    ledger,
    vault,
    outgoing,
    clock,
    inboxFolder: folders.inbox,
    partialFolder: folders.partial,
    inboxFiles: 'copy',
    onReleased: () => {},
  });
  const releases = new StudyReleases({ studies, releaser });
  const study = (studyUid: string, count: number, of: object) => {
    const rows = Array.from({ length: count }, (_, place) =>
      instance(`${studyUid} ${place}`, { studyUid, sopInstanceUid: `${studyUid}.${place}`, ...of }),
    );
    high.store(...rows);
    high.manifest(manifestOf(1, rows, { studyUid, ...of }));
  };
  for (let number = 0; number < 50; number += 1) study(`9.${number}`, 60, { senderId: hostile });
  for (let step = 0; step < 10; step += 1) releases.step();
  study('1.2', 100, {});
  let steps = 0;
  while (ledger.studies.get('07'.repeat(8), '1.2')?.state !== 'released' && steps < 10_000) {
    releases.step();
    steps += 1;
  }
  expect(steps).toBeLessThan(250);
});

it('a step leaves the thread to others after some milliseconds, however slow the disk is', () => {
  const high = new High();
  const { studies, releaser } = high;
  const releases = new StudyReleases({ studies, releaser });
  for (let number = 0; number < 20; number += 1) {
    const rows = Array.from({ length: 40 }, (_, place) =>
      instance(`${number} ${place}`, { studyUid: `9.${number}`, sopInstanceUid: `9.${number}.${place}` }),
    );
    high.store(...rows);
    high.manifest(manifestOf(1, rows, { studyUid: `9.${number}` }));
  }
  // A sync on a busy disk.
  high.disk.clones = true;
  const open = high.disk.open.bind(high.disk);
  high.disk.open = (path, mode) => {
    high.time.advance(10);
    return open(path, mode);
  };
  let longestMs = 0;
  for (let more = true; more; ) {
    const beganMs = high.clock.monotonicMs();
    more = releases.step();
    longestMs = Math.max(longestMs, high.clock.monotonicMs() - beganMs);
  }
  expect(high.ledger.studies.newest(50).map(({ state }) => state)).toEqual(Array(20).fill('released'));
  expect(longestMs).toBeLessThan(100);
});
