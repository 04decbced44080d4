/**
 * Goal: a person lets through what is held, or purges it, and the ledger says who and why; everything else stays as it
 * was. Method: requests as the command line sends them, against a simulated high side.
 */
import { describe, expect, it } from 'vitest';
import { accountOfMissing } from '../../receiver/studies/missing.ts';
import { ctImage, encodePart10, type InstanceToWrite } from '../harness/unchecked-writer.ts';
import { HostileLink, sha256Of } from './hostile-link.ts';
import { Operating } from './operating.ts';

const image = (number: number, change: InstanceToWrite = {}, preamble = '') => {
  const sopInstanceUid = `2.25.1${number}`;
  const dataSet = ctImage({ sopInstanceUid, ...change });
  return { sopInstanceUid, bytes: encodePart10({ preamble, dataSet }) };
};
const first = image(1);
const second = image(2);
const other = image(3, { patientId: 'OTHER' });
const document = image(4, { sopClassUid: '1.2.840.10008.5.1.4.1.1.104.1' });
const senderId = '07'.repeat(8);

const who = { reason: 'asked the ward', byWhom: 'olga' };

function ask(link: HostileLink, verb: 'release' | 'purge', id: string, more: object = {}) {
  return new Operating(link.high).ask(`quarantine-${verb}`, { id, ...who, ...more });
}

const released = (link: HostileLink) => [...link.inbox().keys()].sort();
const state = (link: HostileLink) => link.high.ledger.studies.get(senderId, '2.25.1')?.state;
const held = (link: HostileLink) => link.held().map(({ heldBecause }) => heldBecause);

describe('release from quarantine', () => {
  it('sends a document behind its study, and the audit says who and why', () => {
    const link = new HostileLink();
    const [, objectId = ''] = link.sendStudy([first, document]);
    expect(released(link)).toEqual(['2.25.1/2.25.2/2.25.11.dcm']);
    expect(ask(link, 'release', objectId.slice(0, 12))).toMatchObject({
      ok: true,
      detail: '1 instance released to the inbox as 2.25.1.rev1',
      released: 1,
      folders: ['2.25.1.rev1'],
    });
    expect(released(link)).toContain('2.25.1.rev1/2.25.2/2.25.14.dcm');
    expect([held(link), link.standing()]).toEqual([[], []]);
    expect(link.high.ledger.audit.of(objectId)).toMatchObject([
      { action: 'quarantine release', byWhom: 'olga', reason: 'asked the ward' },
    ]);
    expect(accountOfMissing(link.high.ledger, 100)).toEqual([]);
  });

  it('is told of in the events of its study, without the reason', () => {
    const link = new HostileLink();
    const [, objectId = ''] = link.sendStudy([first, document]);
    ask(link, 'release', objectId);
    ask(link, 'purge', '2.25.1');
    const { events } = link.high.ledger;
    const story = events.newest({ studyUid: '2.25.1' }, 99);
    const became = story.map(({ kind }) => kind).filter((kind) => !kind.startsWith('alarm-'));
    expect(became.slice(-6)).toEqual([
      ...['held', 'announced', 'complete', 'released', 'let-through', 'released'],
    ]);
    expect(events.newest({ kind: 'held' }, 9)).toMatchObject([
      { code: 'E_ENCAPSULATED_DOCUMENT', instances: 1 },
    ]);
    expect(events.newest({ kind: 'let-through' }, 9)).toMatchObject([{ byWhom: 'olga', instances: 1 }]);
    expect(JSON.stringify(story)).not.toContain('ward');
  });

  it('of a whole study in quarantine releases it as a study', () => {
    const link = new HostileLink();
    link.sendStudy([first, other]);
    expect(ask(link, 'release', '2.25.1')).toMatchObject({ ok: true });
    expect(released(link)).toEqual(['2.25.1/2.25.2/2.25.11.dcm', '2.25.1/2.25.2/2.25.13.dcm']);
    expect([state(link), link.standing()]).toEqual(['released', []]);
    // What a person took for one patient is one from then on; a third one is another again.
    link.sendStudy([first, other, image(5), image(6, { patientId: 'THIRD' })], { revision: 2 });
    expect(held(link)).toEqual(['E_PATIENT_MISMATCH', 'E_PATIENT_MISMATCH']);
  });

  it('of one patient leaves the other one held', () => {
    const link = new HostileLink();
    const [objectId = ''] = link.sendStudy([first, other]);
    expect(ask(link, 'release', objectId)).toMatchObject({ ok: true });
    expect(released(link)).toEqual(['2.25.1/2.25.2/2.25.11.dcm']);
    expect(held(link)).toEqual(['E_PATIENT_MISMATCH']);
    link.sendStudy([first, other, second], { revision: 2 });
    expect(released(link)).toContain('2.25.1.rev2/2.25.2/2.25.12.dcm');
  });

  it('of a document of another patient is stopped by that', () => {
    const link = new HostileLink();
    const wrong = image(4, { sopClassUid: '1.2.840.10008.5.1.4.1.1.104.1', patientId: 'OTHER' });
    const [, objectId = ''] = link.sendStudy([first, wrong]);
    expect(ask(link, 'release', objectId)).toMatchObject({ ok: true });
    expect(held(link)).toEqual(['E_PATIENT_MISMATCH']);
    expect(ask(link, 'release', objectId)).toMatchObject({ ok: true });
    expect([held(link), released(link).length]).toEqual([[], 2]);
  });

  it('of a corrected image sends it beside the one that is out', () => {
    const link = new HostileLink();
    const corrected = image(1, { patientName: 'Test^Patient' });
    const [, objectId = ''] = link.sendStudy([first, corrected]);
    expect(ask(link, 'release', objectId)).toMatchObject({ ok: true });
    expect(sha256Of(link.inbox().get('2.25.1.rev1/2.25.2/2.25.11.dcm') ?? Buffer.of())).toBe(
      sha256Of(corrected.bytes),
    );
    expect(link.standing()).toEqual([]);
  });

  it('of an instance of another study goes with the study that lists it', () => {
    const link = new HostileLink();
    const [, objectId = ''] = link.sendStudy([first, image(2, { studyUid: '2.25.999' })]);
    expect(ask(link, 'release', objectId)).toMatchObject({ ok: true });
    expect(released(link)).toContain('2.25.1.rev1/2.25.2/2.25.12.dcm');
  });

  it('zeroes a preamble that was held for being a program', () => {
    const link = new HostileLink({ preamble: 'reject-executable' });
    const program = image(2, {}, 'MZ');
    const [, objectId = ''] = link.sendStudy([first, program]);
    expect(held(link)).toEqual(['E_PREAMBLE']);
    expect(ask(link, 'release', objectId)).toMatchObject({ ok: true });
    const file = link.inbox().get('2.25.1.rev1/2.25.2/2.25.12.dcm');
    expect(file?.subarray(0, 128)).toEqual(new Uint8Array(128));
    expect(file?.subarray(128)).toEqual(new Uint8Array(program.bytes.subarray(128)));
    expect(link.high.ledger.holds.inspection(objectId)?.releasedSha256).toBe(sha256Of(file ?? Buffer.of()));
  });

  it('before its study is whole lets it go out with that, also over a restart', () => {
    const link = new HostileLink();
    link.sendManifest([first, document].map((file) => link.entryOf(file)));
    link.sendObject(document.bytes);
    expect(held(link)).toEqual(['E_ENCAPSULATED_DOCUMENT']);
    expect(ask(link, 'release', link.held()[0]?.objectId ?? '')).toMatchObject({
      ok: true,
      detail: '1 instance let through, to be released with the whole study',
      waiting: 1,
    });
    link.high.restart('kill');
    link.sendObject(first.bytes);
    expect(released(link)).toHaveLength(2);
  });

  it('is refused where it can not be done, and says why', () => {
    const link = new HostileLink();
    link.sendObject(document.bytes);
    expect(ask(link, 'release', link.held()[0]?.objectId ?? '')).toMatchObject({ code: 'E_STUDY_STATE' });
    link.sendStudy([image(7, { sopInstanceUid: '../x' })], { studyUid: '2.25.8' });
    expect(ask(link, 'release', '2.25.8')).toMatchObject({ code: 'E_STUDY_STATE' });
    expect(ask(link, 'release', 'ffffffff')).toMatchObject({ code: 'E_HELD_UNKNOWN' });
    expect(ask(link, 'release', '../../etc')).toMatchObject({ code: 'E_USAGE' });
    expect(ask(link, 'release', '2.25.8', { reason: '' })).toMatchObject({ code: 'E_USAGE' });
    expect(released(link)).toEqual([]);
  });
});

describe('a purge', () => {
  it('deletes the bytes and keeps the object out, also over a restart', () => {
    const link = new HostileLink();
    const [, objectId = ''] = link.sendStudy([first, document]);
    expect(ask(link, 'purge', objectId)).toEqual({
      ok: true,
      detail: '1 instance purged: kept out if sent again',
      instances: 1,
      notDeleted: 0,
    });
    const stored = () => link.high.disk.contents('/high/vault').has(`objects/${objectId}`);
    expect([stored(), link.held(), link.standing()]).toEqual([false, [], []]);
    for (const restart of [false, true]) {
      if (restart) link.high.restart('kill');
      link.sendObject(document.bytes);
      expect(stored()).toBe(false);
    }
    expect(link.high.ledger.holds.held(10, 'purged')).toMatchObject([{ objectId, heldBecause: 'E_PURGED' }]);
    expect(ask(link, 'purge', objectId)).toMatchObject({ code: 'E_STUDY_STATE' });
    expect(ask(link, 'release', objectId)).toMatchObject({ code: 'E_STUDY_STATE' });
  });

  it('that wants it again takes it when it comes, and what is missing is named until then', () => {
    const link = new HostileLink();
    const [, objectId = ''] = link.sendStudy([first, document]);
    ask(link, 'purge', objectId);
    expect(ask(link, 'purge', objectId, { again: true })).toMatchObject({ ok: true });
    expect(accountOfMissing(link.high.ledger, 100)).toMatchObject([{ cause: 'instances missing', have: 1 }]);
    link.sendObject(document.bytes);
    expect(held(link)).toEqual(['E_ENCAPSULATED_DOCUMENT']);
    expect(accountOfMissing(link.high.ledger, 100)).toEqual([]);
    expect(link.high.ledger.audit.of(objectId).map(({ action }) => action)).toEqual([
      'quarantine purge',
      'quarantine purge again',
    ]);
  });

  it('of the wrong patient does not let the other one go by itself', () => {
    const link = new HostileLink();
    const [, wrong = ''] = link.sendStudy([first, other]);
    ask(link, 'purge', wrong);
    expect([released(link), held(link)]).toEqual([[], ['E_PATIENT_MISMATCH']]);
    ask(link, 'release', '2.25.1');
    expect(released(link)).toEqual(['2.25.1/2.25.2/2.25.11.dcm']);
  });
});

describe('a partial release', () => {
  it('is refused for two patients', () => {
    const link = new HostileLink();
    link.sendManifest([first, other, second].map((file) => link.entryOf(file)));
    link.sendObject(first.bytes);
    link.sendObject(other.bytes);
    const asked = new Operating(link.high).ask('release-partial', { studyUid: '2.25.1', ...who });
    expect(asked).toMatchObject({ code: 'E_PATIENT_MISMATCH' });
    expect(link.high.ledger.audit.of('2.25.1')).toEqual([]);
  });
});
