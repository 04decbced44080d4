/** Goal: what is made ready for one sender's studies keeps no other sender waiting for more than its turn. */
import { expect, it } from 'vitest';
import { Releaser } from '../../../../receiver/release/release.ts';
import { StudyReleases } from '../../../../receiver/release/study-releases.ts';
import { folders, High, instance, manifestOf } from '../high.ts';

const hostile = '66'.repeat(8);

it('a study that takes many steps is out after about twice as many, whatever another sender has ready', () => {
  const high = new High();
  const { ledger, vault, outgoing, clock, alarms, studies } = high;
  const releaser = new Releaser({
    ledger,
    vault,
    outgoing,
    clock,
    alarms,
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
