/**
 * Goal: what waits for the malware scanner or for its copy is lost by nothing and takes no memory, and one sender's files,
 * or one bad file, delay nobody else. Method: a ledger, rows of several senders, and a scanner that answers by rule.
 */
import { describe, expect, it } from 'vitest';
import { Clearance, type MalwareScanner } from '../../../../receiver/clearance/clearance.ts';
import { ScanQueue, scansMax } from '../../../../receiver/clearance/scan-queue.ts';
import type { InstanceRecord } from '../../../../receiver/ledger/instance-records.ts';
import { DiodeError } from '../../../../shared/errors.ts';
import { Alarms } from '../../../../shared/program/alarms.ts';
import { High, instance } from '../high.ts';

const [many, few] = ['0a'.repeat(8), '0b'.repeat(8)];

type Answer = 'clean' | 'infected' | 'E_SCANNER' | 'E_SCAN_REFUSED' | 'silent';

class RuledScanner implements MalwareScanner {
  readonly asked: string[] = [];
  rule: (objectId: string) => Answer = () => 'clean';

  scan(path: string): Promise<'clean' | 'infected'> {
    const objectId = path.split('/').at(-1) ?? '';
    this.asked.push(objectId);
    const answer = this.rule(objectId);
    if (answer === 'silent') return new Promise(() => {});
    return answer === 'clean' || answer === 'infected'
      ? Promise.resolve(answer)
      : Promise.reject(new DiodeError(answer));
  }
}

class Waiting {
  readonly high = new High();
  readonly scanner = new RuledScanner();
  clearance: Clearance;
  readonly cleared = new Set<string>();

  constructor(isScanned = true) {
    this.clearance = this.start(isScanned);
  }

  start(isScanned = true): Clearance {
    const { high, scanner } = this;
    high.alarms = new Alarms(high.clock);
    this.clearance = new Clearance({ ...high, ...(isScanned && { scanner }) });
    return this.clearance;
  }

  /** Instances become durable, all of them in the ledger before anybody is told. */
  rows(count: number, senderId: string, change: Partial<InstanceRecord> = {}): InstanceRecord[] {
    const rows = Array.from({ length: count }, (_, number) =>
      instance(`${senderId} ${number}`, { senderId, heldBecause: 'E_SCAN_WAITING', ...change }),
    );
    this.high.ledger.transaction(() => {
      for (const row of rows) this.high.ledger.instances.enter(row, this.high.clock.wallMs());
    });
    this.clearance.add(rows);
    return rows;
  }

  /** Steps of so many ms each; what a scanner says arrives between two of them. */
  async go(steps: number, ms = 200): Promise<void> {
    for (let step = 0; step < steps; step += 1) {
      this.clearance.step();
      for (const { objectId } of this.clearance.takeCleared()) this.cleared.add(objectId);
      this.high.time.advance(ms);
      await new Promise((settled) => setImmediate(settled));
    }
  }

  has(rows: readonly InstanceRecord[]): number {
    return rows.filter(({ objectId }) => this.cleared.has(objectId)).length;
  }
}

describe('the malware scanner', () => {
  it('looks at the files of senders in turn: many of one are not before the only one of another', async () => {
    const waiting = new Waiting();
    waiting.rows(1000, many);
    const [last] = waiting.rows(1, few);
    await waiting.go(4);
    expect(waiting.scanner.asked.indexOf(last?.objectId ?? '')).toBeLessThan(scansMax * 2);
    expect(waiting.scanner.asked.indexOf(last?.objectId ?? '')).toBeGreaterThanOrEqual(0);
  });

  it('keeps a place free of a sender whose files take for ever', async () => {
    const waiting = new Waiting();
    const slow = new Set(waiting.rows(100, many).map(({ objectId }) => objectId));
    waiting.scanner.rule = (objectId) => (slow.has(objectId) ? 'silent' : 'clean');
    await waiting.go(5);
    const others = waiting.rows(50, few);
    await waiting.go(100);
    expect(waiting.has(others)).toBe(50);
  });

  it('passes all the others while one file fails each time, and asks for that one less and less', async () => {
    const waiting = new Waiting();
    const [bad, ...good] = waiting.rows(2000, many);
    waiting.scanner.rule = (objectId) => (objectId === bad?.objectId ? 'E_SCANNER' : 'clean');
    await waiting.go(3000);
    expect(waiting.has(good)).toBe(good.length);
    const asked = waiting.scanner.asked.filter((objectId) => objectId === bad?.objectId).length;
    expect(asked).toBeGreaterThan(3);
    expect(asked).toBeLessThan(70);
  });

  it('is not asked in a loop for what it does not take, however much that is, and takes the rest', async () => {
    const waiting = new Waiting();
    const large = new Set(waiting.rows(500, many).map(({ objectId }) => objectId));
    const [ownLast] = waiting.rows(1, many, { ...instance('the last one'), heldBecause: 'E_SCAN_WAITING' });
    const others = waiting.rows(20, few);
    waiting.scanner.rule = (objectId) => (large.has(objectId) ? 'E_SCAN_REFUSED' : 'clean');
    await waiting.go(300);
    expect(waiting.has(others)).toBe(20);
    expect(waiting.cleared.has(ownLast?.objectId ?? '')).toBe(true);
    const before = waiting.scanner.asked.length;
    await waiting.go(3000);
    // Ten minutes: each of them a few times.
    expect(waiting.scanner.asked.length - before).toBeLessThan(large.size * 5);
    waiting.scanner.rule = () => 'clean';
    await waiting.go(4000, 2000);
    expect(waiting.cleared.size).toBe(521);
  });

  it('has all that waited when it is back, whether or not the program started again', async () => {
    const waiting = new Waiting();
    waiting.scanner.rule = () => 'E_SCANNER';
    const rows = waiting.rows(700, many);
    await waiting.go(1000);
    expect(waiting.scanner.asked.length).toBeLessThan(100);
    waiting.start();
    await waiting.go(10);
    waiting.scanner.rule = () => 'clean';
    await waiting.go(500);
    expect(waiting.has(rows)).toBe(700);
    expect(waiting.high.standing()).toEqual([]);
  });

  it('says how many wait and since when', async () => {
    const waiting = new Waiting();
    waiting.scanner.rule = () => 'E_SCANNER';
    waiting.rows(700, many);
    await waiting.go(10);
    const [alarm] = waiting.high.alarms.standing();
    expect(alarm).toMatchObject({ code: 'E_SCANNER', severity: 'critical' });
    expect(alarm?.detail).toMatch(/700 instances waiting, the oldest since 2026-11-24T00:00:00/);
  });

  it.each(['clean', 'infected'] as const)(
    'whose verdict (%s) the ledger refuses costs a step each time, asks nobody again, and loses nothing',
    async (verdict) => {
      const waiting = new Waiting();
      const rows = [...waiting.rows(20, many), ...waiting.rows(20, few)];
      waiting.scanner.rule = () => verdict;
      waiting.high.beforeStore = () => {
        throw new DiodeError('E_DISK_FULL');
      };
      waiting.clearance.step();
      const refused = { code: 'E_DISK_FULL' };
      for (let step = 0; step < 10; step += 1) await expect(waiting.go(2)).rejects.toMatchObject(refused);
      expect(waiting.cleared.size).toBe(0);
      expect(waiting.scanner.asked.length).toBeLessThanOrEqual(scansMax);
      waiting.high.beforeStore = () => {};
      await waiting.go(40);
      expect(waiting.has(rows)).toBe(40);
      expect(new Set(waiting.scanner.asked).size).toBe(40);
      expect(waiting.scanner.asked).toHaveLength(40);
      const held = verdict === 'clean' ? undefined : 'E_MALWARE';
      for (const { objectId } of rows)
        expect(waiting.high.ledger.instances.get(objectId)?.heldBecause).toBe(held);
    },
  );

  it('that is no longer configured is waited for by nothing', () => {
    const waiting = new Waiting();
    const [row] = waiting.rows(300, many);
    waiting.start(false);
    expect(waiting.high.ledger.instances.get(row?.objectId ?? '')?.heldBecause).toBeUndefined();
    expect(waiting.high.ledger.instances.held(10)).toEqual([]);
  });

  it('leaves what waits in the ledger: a page of it is in memory, whatever its number', () => {
    const waiting = new Waiting();
    const pages: number[] = [];
    const queue = new ScanQueue({
      sendersToScan: (limit) => waiting.high.ledger.clearances.sendersToScan(limit),
      toScan: (senderId, after, limit) => {
        const page = waiting.high.ledger.clearances.toScan(senderId, after, limit);
        pages.push(page.length);
        return page;
      },
    });
    waiting.rows(5000, many);
    queue.arrived(many);
    const asked = new Set<string>();
    for (let count = 0; count < 5000; count += 1) {
      const row = queue.next(0);
      if (row === undefined) break;
      asked.add(row.objectId);
      waiting.high.ledger.holds.lift(row.objectId);
      queue.ended(row, 'verdict', 0);
    }
    expect(asked.size).toBe(5000);
    expect(Math.max(...pages)).toBeLessThanOrEqual(64);
  });
});
