/**
 * Goal: what senders tell of as open costs neither a start nor the memory nor the studies of others. Method: lists of many
 * thousand entries of which nothing ever comes, beside a study of one instance; calls to the ledger are counted.
 */
import { describe, expect, it } from 'vitest';
import type { ReceiverLedger } from '../../../../receiver/ledger/ledger.ts';
import { accountOfMissing } from '../../../../receiver/studies/missing.ts';
import { Studies } from '../../../../receiver/studies/studies.ts';
import { Alarms } from '../../../../shared/program/alarms.ts';
import { encodeManifest, type Manifest } from '../../../../shared/wire/manifest.ts';
import { High, idOf, instance, manifestOf, senderId } from '../high.ts';

const loud = '00'.repeat(8);
const entriesOfLarge = 20_000;

/** A list of which nothing is here. */
function largeList(number: number, entries = entriesOfLarge): Manifest {
  const studyUid = `2.${number}`;
  const listed = Array.from({ length: entries }, (_, index) => ({
    sopInstanceUid: `2.${number}.${index}`,
    seriesUid: '2.1',
    objectId: (number * 1_000_000 + index).toString(16).padStart(32, '0'),
    bytes: 1,
    sha256: '00'.repeat(32),
  }));
  return { ...manifestOf(1, [], { senderId: loud, studyUid, studyNumber: number }), entries: listed };
}

/** Enters a manifest as the pipeline does, and looks at none of its entries. */
function receive(high: High, manifest: Manifest): void {
  const { ledger, clock } = high;
  const id = idOf(JSON.stringify([manifest.senderId, manifest.studyUid, manifest.revision]));
  ledger.transaction(() => {
    ledger.studies.begin(manifest.senderId, manifest.studyUid, clock.wallMs());
    const revision = ledger.manifests.enter(manifest, id, encodeManifest(manifest), clock.wallMs());
    if (revision !== undefined) high.studies.manifestStored({ ...manifest, revision });
  });
}

/** Counts calls to a ledger and its topics. */
function counting(ledger: ReceiverLedger): {
  ledger: ReceiverLedger;
  calls: () => number;
  callsOf: (name: string) => number;
} {
  let calls = 0;
  const named = new Map<string | symbol, number>();
  const around = <T extends object>(target: T): T =>
    new Proxy(target, {
      get: (object, name) => {
        const member: unknown = Reflect.get(object, name, object);
        if (typeof member === 'object' && member !== null) return around(member);
        if (typeof member !== 'function') return member;
        return (...parameters: unknown[]) => {
          calls += 1;
          named.set(name, (named.get(name) ?? 0) + 1);
          return Reflect.apply(member, object, parameters);
        };
      },
    });
  return { ledger: around(ledger), calls: () => calls, callsOf: (name) => named.get(name) ?? 0 };
}

function studiesOf(
  high: High,
  ledger = high.ledger,
  change: { awaitedMax?: number; groupOf?: (senderId: string) => string } = {},
): Studies {
  const { clock } = high;
  // Of another program.
  const alarms = new Alarms(clock);
  const collecting = () => high.collecting();
  return new Studies({
    ledger,
    clock,
    alarms,
    deadlineMs: 60_000,
    unclaimedMs: 120_000,
    collecting,
    ...change,
  });
}

describe('lists of many thousand entries of which nothing comes', () => {
  it('are not looked at to start', () => {
    const high = new High();
    for (let number = 1; number <= 3; number += 1) receive(high, largeList(number));
    const counted = counting(high.ledger);
    studiesOf(high, counted.ledger);
    expect(counted.calls()).toBeLessThan(10);
  });

  it('let the studies of others be ready at once, and cost little in each step', () => {
    const high = new High();
    for (let number = 1; number <= 5; number += 1) receive(high, largeList(number));
    const row = instance('honest');
    receive(high, manifestOf(1, [row]));
    high.store(row);
    const counted = counting(high.ledger);
    high.studies = studiesOf(high, counted.ledger);
    for (const _step of ['the first', 'a later one']) {
      const before = counted.calls();
      expect(high.studies.enterSome()).toBe(true);
      expect(counted.calls() - before).toBeLessThan(60);
      expect(high.studies.nextReady()).toEqual({ senderId, studyUid: '1.2' });
    }
    expect(high.ledger.openManifests.totals(loud).awaited).toBeLessThan(2000);
  });

  it('are looked at in turn beside any number of short ones of another sender', () => {
    const high = new High();
    const short = Array.from({ length: 200 }, (_, index) => largeList(index + 1, 10));
    for (const list of short) receive(high, list);
    const rows = Array.from({ length: 1500 }, (_, index) => instance(`honest ${index}`));
    receive(high, manifestOf(1, rows));
    high.studies = studiesOf(high);
    let steps = 0;
    while (high.ledger.openManifests.ofStudy(senderId, '1.2')[0]?.entered !== rows.length) {
      expect(high.studies.enterSome()).toBe(true);
      steps += 1;
      receive(high, largeList(1000 + steps, 10));
    }
    expect(steps).toBeLessThan(4);
  });

  it('have one share of the turns when one key speaks as many senders', () => {
    const high = new High();
    const ids = Array.from({ length: 32 }, (_, index) => (index + 1).toString(16).padStart(16, '0'));
    for (const [index, id] of [...ids, ...ids, ...ids, ...ids].entries())
      receive(high, { ...largeList(index + 1, 10), senderId: id });
    const rows = Array.from({ length: 1500 }, (_, index) => instance(`honest ${index}`));
    receive(high, manifestOf(1, rows));
    const groupOf = (id: string) => (ids.includes(id) ? 'key taken over' : id);
    high.studies = studiesOf(high, high.ledger, { groupOf });
    let steps = 0;
    while (high.ledger.openManifests.ofStudy(senderId, '1.2')[0]?.entered !== rows.length) {
      expect(high.studies.enterSome()).toBe(true);
      steps += 1;
    }
    expect(steps).toBeLessThan(4);
    const entered = ids.map((id) => high.ledger.openManifests.totals(id).awaited);
    // Its ids take turns among themselves.
    expect(Math.max(...entered) - Math.min(...entered)).toBeLessThan(11);
  });

  it('of several senders are each gone on with where it was, and read once', () => {
    const high = new High();
    const others = ['01', '02', '03'].map((byte) => byte.repeat(8));
    for (const [index, other] of others.entries())
      receive(high, { ...largeList(index + 1, 5000), senderId: other });
    const documents = counting(high.ledger);
    high.studies = studiesOf(high, documents.ledger);
    let steps = 0;
    while (high.studies.enterSome()) steps += 1;
    expect(steps).toBeGreaterThan(14);
    expect(documents.callsOf('document')).toBe(3);
    for (const [index, other] of others.entries())
      expect(high.ledger.openManifests.ofStudy(other, `2.${index + 1}`)[0]?.missing).toBe(5000);
  });

  it('are gone on with after a stop, where it was', () => {
    const high = new High();
    receive(high, largeList(1));
    high.studies.enterSome();
    const [open] = high.ledger.openManifests.ofStudy(loud, '2.1');
    expect(open).toMatchObject({ entries: entriesOfLarge, entered: 1000, missing: 1000 });
    expect(accountOfMissing(high.ledger, 10)).toMatchObject([
      { cause: 'instances missing', studyUid: '2.1', have: undefined, expected: entriesOfLarge },
    ]);
    high.studies = studiesOf(high);
    let steps = 0;
    while (high.studies.enterSome()) steps += 1;
    expect(steps).toBe(entriesOfLarge / 1000 - 1);
    expect(high.ledger.openManifests.ofStudy(loud, '2.1')[0]?.missing).toBe(entriesOfLarge);
    expect(accountOfMissing(high.ledger, 10)).toMatchObject([{ have: 0, expected: entriesOfLarge }]);
  });

  it('beyond what one sender may have awaited are counted only, and released all the same', () => {
    const high = new High();
    high.studies = studiesOf(high, high.ledger, { awaitedMax: 3 });
    const rows = ['a', 'b', 'c', 'd'].map((name) => instance(name));
    const [a, b, c, d] = rows;
    if (a === undefined || b === undefined || c === undefined || d === undefined)
      throw new Error('four rows');
    high.manifest(manifestOf(1, [a, b]));
    const later = { studyUid: '1.3', studyNumber: 2 };
    const [e, f] = [instance('e', later), instance('f', later)];
    high.manifest(manifestOf(1, [e, f], later));
    expect(high.studies.isListed(senderId, a.objectId)).toBe(true);
    expect(high.studies.isListed(senderId, e.objectId)).toBe(false);
    expect(accountOfMissing(high.ledger, 10)).toMatchObject([
      { studyUid: '1.2', have: 0, expected: 2 },
      { studyUid: '1.3', have: 0, expected: 2 },
    ]);
    high.store(e, f);
    high.release();
    expect(high.state('1.3')).toBe('receiving');
    high.time.advance(60_000);
    high.studies.watchDeadlines();
    high.release();
    expect(high.state('1.3')).toBe('released');
    // When the first is out there is room for names again.
    high.store(a, b);
    high.release();
    high.manifest(manifestOf(2, [a, b, c, d]));
    expect(high.studies.isListed(senderId, c.objectId)).toBe(false);
    high.manifest(manifestOf(3, [a, b, c]));
    expect(high.studies.isListed(senderId, c.objectId)).toBe(true);
  });
});

describe('of one study', () => {
  it('so many lists are open, and no more, whatever its sender sends', () => {
    const high = new High();
    const rows = Array.from({ length: 40 }, (_, index) => instance(`row ${index}`));
    for (let revision = 1; revision <= 40; revision += 1)
      high.manifest(manifestOf(revision, rows.slice(0, revision)));
    expect(high.ledger.openManifests.ofStudy(senderId, '1.2')).toHaveLength(16);
    high.store(...rows);
    high.release();
    expect(high.releases).toMatchObject([{ revision: 40, instances: 40 }]);
    for (let seconds = 0; seconds < 30; seconds += 1) high.studies.watchDeadlines();
    expect(high.ledger.openManifests.totals(senderId)).toEqual({ manifests: 0, bytes: 0, awaited: 0 });
    expect(high.ledger.openManifests.isSweepDue()).toBe(false);
  });
});

describe('an object that is awaited', () => {
  it('is not any more when its content is here under another id, whichever comes first', () => {
    for (const order of ['content first', 'list first']) {
      const high = new High();
      const [a, b] = [instance('a'), instance('b')];
      const alias = { ...a, objectId: idOf('the same content') };
      if (order === 'content first') high.store(a);
      high.manifest(manifestOf(1, [alias, b]));
      if (order === 'list first') {
        high.store(a);
        expect(high.studies.isListed(senderId, alias.objectId)).toBe(true);
        high.ledger.objectAliases.enter(senderId, alias.objectId, a.objectId);
      }
      expect(high.studies.isListed(senderId, alias.objectId)).toBe(false);
      high.store(b);
      high.release();
      expect(high.releases).toMatchObject([{ instances: 2 }]);
    }
  });

  it('is awaited again when its instance is gone', () => {
    const high = new High();
    const [a, b] = [instance('a'), instance('b')];
    high.manifest(manifestOf(1, [a, b]));
    high.store(a);
    high.ledger.files.markLost(a.objectId);
    high.studies.instanceLost(senderId, '1.2');
    while (high.studies.enterSome());
    expect(high.studies.isListed(senderId, a.objectId)).toBe(true);
    high.store(b);
    high.release();
    expect(high.releases).toEqual([]);
    high.store(a);
    high.release();
    expect(high.releases).toMatchObject([{ instances: 2 }]);
  });
});
