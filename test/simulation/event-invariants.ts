/**
 * What must hold of the events of a side at any moment, also after a power cut: what an event says is in the ledger, and
 * what is in the ledger has its event.
 */
import type { ReceiverLedger } from '../../receiver/ledger/ledger.ts';
import type { SenderLedger } from '../../sender/ledger/ledger.ts';
import { assert } from '../../shared/assert.ts';
import type { Event, EventKind } from '../../shared/program/event-catalogue.ts';

const all = 1_000_000;
type Of<K extends EventKind> = Extract<Event, { kind: K }>;

/** Of a receiver none of whose files was lost, and whose events were not pruned. */
export function checkReceiverEvents(ledger: ReceiverLedger): void {
  const events = ledger.events.newest({}, all);
  const released = new Map(ofKind(events, 'released').map((event) => [event.release, event]));
  assert(released.size === ofKind(events, 'released').length, 'a release is told of once');
  let done = 0;
  for (const { senderId, studyUid, ...study } of ledger.studies.newest(all)) {
    const ofStudy = <K extends EventKind>(kind: K) =>
      ofKind(events, kind).filter((event) => event.senderId === senderId && event.studyUid === studyUid);
    for (const release of ledger.releases.ofStudy(senderId, studyUid)) {
      if (release.step !== 'done') continue;
      done += 1;
      const event = released.get(release.id);
      assert(event !== undefined, `release ${release.id} has no event`);
      const isSame =
        event.senderId === senderId &&
        event.studyUid === studyUid &&
        event.revision === release.revision &&
        event.instances === release.instances &&
        event.as === release.kind &&
        event.target === release.target;
      assert(isSame, `release ${release.id} is another than its event says`);
      const complete = ofStudy('complete').some(({ number }) => number < event.number);
      assert(release.kind === 'partial' || complete, `study ${studyUid} was released and never complete`);
    }
    const announced = ofStudy('announced');
    const newest = Math.max(0, ...announced.map(({ revision }) => revision));
    assert(newest <= study.newestRevision, `study ${studyUid} has no revision ${newest}`);
    assert((study.expected === undefined) === (announced.length === 0), `${studyUid} is announced or not`);
    const wholes = ofStudy('complete').map(({ revision, studyNumber }) => `${studyNumber} ${revision}`);
    assert(new Set(wholes).size === wholes.length, `study ${studyUid} is complete twice`);
    const received = ofStudy('received').reduce((sum, { instances }) => sum + instances, 0);
    const rows = ledger.instances.ofStudy(senderId, studyUid).length;
    if (ofStudy('damaged').length === 0)
      assert(received === rows, `${rows} instances of ${studyUid} are here, events say ${received}`);
  }
  assert(done === released.size, 'an event tells of a release that is not done');
}

/** Of a sender whose events were not pruned. */
export function checkSenderEvents(ledger: SenderLedger): void {
  const events = ledger.events.newest({}, all);
  for (const { studyUid, revision } of ledger.studies.summaries(all)) {
    const ofStudy = <K extends EventKind>(kind: K) =>
      ofKind(events, kind).filter((event) => event.studyUid === studyUid);
    const closed = ofStudy('closed').map((event) => event.revision);
    const expected = Array.from({ length: revision }, (_, index) => index + 1);
    assert(
      closed.join() === expected.join(),
      `study ${studyUid} was closed ${revision} times, not ${closed}`,
    );
    const taken = ofStudy('taken-in').reduce((sum, { instances }) => sum + instances, 0);
    const listed = [...ledger.studies.manifestEntries(studyUid)].length;
    if (ofStudy('damaged').length === 0 && ofStudy('expired').length === 0)
      assert(taken === listed, `${listed} instances of ${studyUid} were taken in, events say ${taken}`);
    const transmitted = ofStudy('transmitted');
    const revisions = transmitted.map((event) => event.revision);
    assert(new Set(revisions).size === revisions.length, `study ${studyUid} was transmitted twice`);
    for (const event of transmitted) {
      const before = ofStudy('closed').filter(({ number }) => number < event.number);
      assert(before.at(-1)?.revision === event.revision, `${studyUid} was transmitted and not closed`);
    }
  }
}

function ofKind<K extends EventKind>(events: readonly Event[], kind: K): Of<K>[] {
  return events.filter((event): event is Of<K> => event.kind === kind);
}
