import { describe, expect, it } from 'vitest';
import { objectPlanner } from '../../../../sender/identity.ts';
import { SenderLedger } from '../../../../sender/ledger/ledger.ts';
import { StudyClosing } from '../../../../sender/schedule/study-closing.ts';
import { DiodeError } from '../../../../shared/errors.ts';
import { objectType, protection } from '../../../../shared/wire/datagram.ts';
import { limits } from '../../../../shared/wire/limits.ts';
import { closeReason, decodeManifest, priority } from '../../../../shared/wire/manifest.ts';
import { VirtualClock } from '../../../simulation/virtual-clock.ts';
import { idOf, instanceRow } from '../rows.ts';

const parameters = { datagramBytes: 512, sourceSymbols: 8, repairSymbols: 4, protection: protection.sealed };
const identity = { senderId: new Uint8Array(8).fill(7), keyId: 1, secret: new Uint8Array(32), parameters };
const senderId = '07'.repeat(8);

function low() {
  const time = new VirtualClock();
  const clock = time.host();
  const ledger = new SenderLedger(':memory:');
  const make = () =>
    new StudyClosing({
      ledger,
      clock,
      senderId,
      runningMs: () => clock.monotonicMs(),
      plan: objectPlanner(identity),
    });
  let closing = make();
  return {
    time,
    clock,
    ledger,
    get closing() {
      return closing;
    },
    restart: () => {
      closing = make();
    },
    take: (name: string, change: Parameters<typeof instanceRow>[1] = {}) => {
      const row = instanceRow(name, change);
      ledger.instances.enter(row);
      closing.instanceCame(row.studyUid);
      return row;
    },
    manifest: () => {
      const found = ledger.objects.withPasses(0, 100).filter(({ type }) => type === objectType.manifest);
      return found.map(({ objectId }) =>
        decodeManifest(ledger.objects.documentOf(objectId) ?? new Uint8Array(0)),
      );
    },
  };
}

describe('a study', () => {
  it('is closed when it has been quiet, and every instance begins its quiet time anew', () => {
    const { closing, time, take, manifest } = low();
    const one = take('one');
    time.advance(59_999);
    expect(closing.closeQuiet()).toEqual([]);
    const two = take('two');
    time.advance(59_999);
    expect(closing.closeQuiet()).toEqual([]);
    time.advance(1);
    expect(closing.closeQuiet()).toEqual([{ studyUid: '1.2', studyNumber: 1, revision: 1, instances: 2 }]);
    expect(closing.closeQuiet()).toEqual([]);
    expect(manifest()).toMatchObject([{ senderId, studyUid: '1.2', closedBecause: closeReason.quiet }]);
    expect(manifest()[0]?.entries).toEqual(
      [one, two].map(({ sopInstanceUid, seriesUid, objectId, bytes, sha256 }) => ({
        sopInstanceUid,
        seriesUid,
        objectId,
        bytes,
        sha256,
      })),
    );
  });

  it('of many pages of the ledger is listed whole, in order, and never in memory whole', () => {
    const { closing, take, ledger, manifest } = low();
    const rows = Array.from({ length: 1201 }, (_, index) => take(`instance ${index}`));
    const reading = ledger.studies.manifestEntries('1.2');
    reading.next();
    // What comes while the list is read is in it: it is read as it is needed.
    rows.push(take('late'));
    expect([...reading]).toHaveLength(rows.length - 1);
    expect(closing.close('1.2', closeReason.forced)).toMatchObject([{ instances: rows.length }]);
    const [listed] = manifest();
    expect(listed?.entries.map(({ objectId }) => objectId)).toEqual(rows.map(({ objectId }) => objectId));
  });

  it('is not closed while an association is open that it comes over', () => {
    const { closing, time, take } = low();
    take('a');
    take('b', { studyUid: '1.9' });
    closing.studySeen('1.2', 1);
    closing.studySeen('1.2', 2);
    time.advance(3_600_000);
    expect(closing.closeQuiet()).toMatchObject([{ studyUid: '1.9' }]);
    closing.associationClosed(1);
    expect(closing.closeQuiet()).toEqual([]);
    closing.associationClosed(2);
    expect(closing.closeQuiet()).toMatchObject([{ studyUid: '1.2' }]);
  });

  it('of many that one association names is closed by quiet time: it keeps a thousand open', () => {
    const { closing, time, take } = low();
    take('a');
    take('b', { studyUid: '1.9' });
    closing.studySeen('1.2', 1);
    for (let number = 0; number < 999; number += 1) closing.studySeen(`1.3.${number}`, 1);
    closing.studySeen('1.9', 1);
    time.advance(60_000);
    expect(closing.closeQuiet()).toMatchObject([{ studyUid: '1.2' }]);
    closing.associationClosed(1);
    expect(closing.closeQuiet()).toMatchObject([{ studyUid: '1.9' }]);
  });

  it('is not looked up before it may be due: thousands may be open', () => {
    const { closing, time, take, ledger } = low();
    for (let number = 0; number < 50; number += 1) take(`${number}`, { studyUid: `1.2.${number}` });
    const get = ledger.studies.get.bind(ledger.studies);
    let asked = 0;
    ledger.studies.get = (studyUid) => {
      asked += 1;
      return get(studyUid);
    };
    for (let step = 0; step < 100; step += 1, time.advance(20)) closing.closeQuiet();
    expect(asked).toBe(50);
    // One that comes with a shorter quiet time is due by that.
    take('stat', { studyUid: '1.2.7', quietSeconds: 10 });
    time.advance(10_000);
    expect(closing.closeQuiet()).toMatchObject([{ studyUid: '1.2.7' }]);
    time.advance(60_000);
    let closed = 0;
    for (let step = 0; step < 4; step += 1) closed += closing.closeQuiet().length;
    expect(closed).toBe(49);
  });

  it('of thousands that are due at once is closed in its turn, few in a call, and an urgent one at once', () => {
    const { closing, time, take, ledger } = low();
    const count = 1300;
    ledger.transaction(() => {
      for (let number = 0; number < count; number += 1) {
        take(`${number}`, { studyUid: `1.2.${number}` });
        time.advance(1);
      }
    });
    // The first one is the last to be quiet.
    take('late', { studyUid: '1.2.0' });
    time.advance(30_000);
    for (let step = 0; step < 3; step += 1) expect(closing.closeQuiet()).toEqual([]);
    time.advance(30_000);
    expect(closing.closeQuiet()).toHaveLength(16);
    take('stat', { studyUid: '1.3', priority: priority.stat, quietSeconds: 10 });
    time.advance(10_000);
    const get = ledger.studies.get.bind(ledger.studies);
    let asked = 0;
    ledger.studies.get = (studyUid) => {
      asked += 1;
      return get(studyUid);
    };
    const order: string[] = [];
    for (let step = 0; step < count; step += 1) {
      asked = 0;
      const closed = closing.closeQuiet();
      expect(closed.length).toBeLessThanOrEqual(16);
      expect(asked).toBeLessThanOrEqual(520);
      order.push(...closed.map(({ studyUid }) => studyUid));
    }
    expect(order[0]).toBe('1.3');
    expect(order).toHaveLength(count - 16 + 1);
    expect(order.slice(1).map((uid) => Number(uid.slice(4)))).toEqual([
      ...Array.from({ length: count - 17 }, (_, index) => index + 17),
      0,
    ]);
  });

  it('with a long list is closed alone in its call', () => {
    const { closing, time, take, ledger } = low();
    ledger.transaction(() => {
      for (let number = 0; number < 2000; number += 1) take(`${number}`);
    });
    take('short', { studyUid: '1.9' });
    time.advance(60_000);
    expect(closing.closeQuiet()).toMatchObject([{ studyUid: '1.2' }]);
    expect(closing.closeQuiet()).toMatchObject([{ studyUid: '1.9' }]);
  });

  it('that the ledger refuses to close keeps no other one open, and is closed when it can be', () => {
    const { closing, time, take, ledger } = low();
    take('a', { studyUid: '1.1' });
    time.advance(1);
    take('b', { studyUid: '1.2' });
    time.advance(61_000);
    const close = ledger.studies.close.bind(ledger.studies);
    ledger.studies.close = (row) => {
      if (row.studyUid === '1.1') throw new DiodeError('E_LEDGER');
      return close(row);
    };
    for (let step = 0; step < 2; step += 1, time.advance(20))
      expect(() => closing.closeQuiet()).toThrow(expect.objectContaining({ code: 'E_LEDGER' }));
    expect(ledger.studies.open().map(({ studyUid }) => studyUid)).toEqual(['1.1']);
    ledger.studies.close = close;
    expect(closing.closeQuiet()).toMatchObject([{ studyUid: '1.1' }]);
  });

  it('that is urgent has the shorter quiet time and an urgent manifest', () => {
    const { closing, time, take, manifest } = low();
    take('routine');
    take('stat', { priority: priority.stat, quietSeconds: 10 });
    time.advance(10_000);
    expect(closing.closeQuiet()).toHaveLength(1);
    expect(manifest()[0]?.priority).toBe(priority.stat);
  });

  it('gets a number when it is first closed, dense, and keeps it through its revisions', () => {
    const { closing, time, take, manifest, ledger } = low();
    take('a', { studyUid: '1.1', quietSeconds: 20 });
    take('b', { studyUid: '1.2', quietSeconds: 10 });
    time.advance(10_000);
    expect(closing.closeQuiet()).toMatchObject([{ studyUid: '1.2', studyNumber: 1 }]);
    time.advance(10_000);
    expect(closing.closeQuiet()).toMatchObject([{ studyUid: '1.1', studyNumber: 2 }]);
    take('late', { studyUid: '1.2', quietSeconds: 10 });
    time.advance(10_000);
    expect(closing.closeQuiet()).toEqual([{ studyUid: '1.2', studyNumber: 1, revision: 2, instances: 2 }]);
    // Only the newest list of a study is sent.
    expect(
      manifest()
        .map(({ studyUid, revision }) => `${studyUid} ${revision}`)
        .sort(),
    ).toEqual(['1.1 1', '1.2 2']);
    expect(ledger.studies.highestNumber()).toBe(2);
  });

  it('is closed at once when somebody says so, or all are', () => {
    const { closing, take, manifest } = low();
    take('a', { studyUid: '1.1' });
    take('b', { studyUid: '1.2' });
    take('c', { studyUid: '1.3' });
    expect(closing.close('1.2', closeReason.forced)).toMatchObject([{ studyUid: '1.2', studyNumber: 1 }]);
    expect(() => closing.close('1.2', closeReason.forced)).toThrow(
      expect.objectContaining({ code: 'E_STUDY_STATE' }),
    );
    expect(() => closing.close('9', closeReason.forced)).toThrow(
      expect.objectContaining({ code: 'E_STUDY_UNKNOWN' }),
    );
    expect(closing.close(undefined, closeReason.forced)).toHaveLength(2);
    expect(closing.close(undefined, closeReason.forced)).toEqual([]);
    expect(manifest().every(({ closedBecause }) => closedBecause === closeReason.forced)).toBe(true);
    expect(closing.closeQuiet()).toEqual([]);
  });

  it('that could not be closed after all, since the transaction of who asked was taken back, is closed when it is quiet', () => {
    const { closing, take, time, ledger } = low();
    take('one');
    const asked = () =>
      ledger.transaction(() => {
        expect(closing.closeWithin('1.2', closeReason.forced)).toHaveLength(1);
        throw new DiodeError('E_DISK_FULL');
      });
    expect(asked).toThrow(expect.objectContaining({ code: 'E_DISK_FULL' }));
    time.advance(60_000);
    expect(closing.closeQuiet()).toEqual([{ studyUid: '1.2', studyNumber: 1, revision: 1, instances: 1 }]);
  });

  it('is never closed early by a restart: its quiet time begins anew', () => {
    const world = low();
    world.take('one');
    world.time.advance(59_000);
    world.restart();
    world.time.advance(59_999);
    expect(world.closing.closeQuiet()).toEqual([]);
    world.time.advance(1);
    expect(world.closing.closeQuiet()).toHaveLength(1);
  });

  it('of more series than a list can name lists the first ones, and counts the others', () => {
    const { closing, ledger, manifest } = low();
    ledger.transaction(() => {
      for (let number = 1; number <= limits.manifestSeriesMax + 3; number += 1)
        ledger.instances.enter(instanceRow(String(number), { seriesUid: `1.2.${number}` }));
    });
    closing.instanceCame('1.2');
    expect(closing.close('1.2', closeReason.forced)).toMatchObject([{ instances: limits.manifestSeriesMax }]);
    const [{ entries } = { entries: [] }] = manifest();
    expect(entries).toHaveLength(limits.manifestSeriesMax);
    expect(entries.at(-1)?.objectId).toBe(idOf(String(limits.manifestSeriesMax)));
    expect(ledger.counters.all()).toEqual([{ code: 'E_STUDY_FULL', count: 3 }]);
  });

  it('does not mind a wall clock that jumps by years', () => {
    const { closing, time, clock, take } = low();
    take('one');
    clock.jumpWall(5 * 365 * 86_400_000);
    expect(closing.closeQuiet()).toEqual([]);
    clock.jumpWall(-50 * 365 * 86_400_000);
    time.advance(60_000);
    expect(closing.closeQuiet()).toHaveLength(1);
  });
});
