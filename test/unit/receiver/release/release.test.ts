/**
 * Goal: a study is in the inbox whole and once, wherever the program is stopped. Method: each call to disk and
 * ledger is counted; the one after or before which the power goes is another one in each round.
 */
import { describe, expect, it } from 'vitest';
import type { ReceiverLedger } from '../../../../receiver/ledger/ledger.ts';
import { Releaser } from '../../../../receiver/release/release.ts';
import { Outgoing } from '../../../../receiver/vault/outgoing.ts';
import { Vault } from '../../../../receiver/vault/vault.ts';
import type { Disk } from '../../../../shared/disk.ts';
import { Alarms } from '../../../../shared/program/alarms.ts';
import { Random } from '../../../harness/random.ts';
import { folders, High, instance, manifestOf, placeOf, senderId } from '../high.ts';

const [a, b, c] = [instance('a'), instance('b'), instance('c')];
const twin = instance('twin', { uid: 'a' });

class PowerCut extends Error {}

/** Passes every call on, and cuts the power before or after one of them. */
class Cutter {
  calls = 0;
  armed = false;
  readonly #at: number;
  readonly #after: boolean;

  constructor(at: number, after: boolean) {
    this.#at = at;
    this.#after = after;
  }

  around<T extends object>(target: T): T {
    return new Proxy(target, {
      get: (object, name) => {
        const member: unknown = Reflect.get(object, name, object);
        // A topic of the ledger.
        if (typeof member === 'object' && member !== null) return this.around(member);
        if (typeof member !== 'function') return member;
        return (...parameters: unknown[]) => {
          if (!this.armed) return Reflect.apply(member, object, parameters);
          this.calls += 1;
          const cut = this.calls === this.#at;
          if (cut && !this.#after) throw new PowerCut();
          const result: unknown = Reflect.apply(member, object, parameters);
          if (cut) throw new PowerCut();
          return result;
        };
      },
    });
  }
}

/** Gives a high side a releaser over a disk and a ledger that may be cut. */
function cutting(high: High, cutter: Cutter): void {
  const vault = new Vault(folders.vault, cutter.around<Disk>(high.disk));
  high.releaser = releaserOf(high, cutter.around(high.ledger), vault);
  cutter.armed = true;
}

function releaserOf(high: High, ledger: ReceiverLedger, vault: Vault): Releaser {
  const { clock } = high;
  // Of another program, which is cut.
  const alarms = new Alarms(clock);
  return new Releaser({
    ledger,
    vault,
    outgoing: new Outgoing({ ledger, vault, clock, alarms, onDamaged: () => {}, onCopyDamaged: () => {} }),
    clock,
    inboxFolder: folders.inbox,
    partialFolder: folders.partial,
    onReleased: (release) => high.releases.push(release),
  });
}

/** Plays a release and cuts it at each step in turn. @returns how many steps it had */
function cutEverywhere(options: {
  prepare: (high: High) => void;
  release: (high: High) => void;
  expected: Record<string, string>;
  folder?: string;
}): number {
  const callsMax = 500;
  for (let at = 1; at <= callsMax; at += 1) {
    let finished = false;
    for (const [after, power] of [
      [false, false],
      [true, false],
      [false, true],
      [true, true],
    ] as const) {
      const high = new High();
      options.prepare(high);
      const cutter = new Cutter(at, after);
      cutting(high, cutter);
      try {
        options.release(high);
        finished = cutter.calls < at;
      } catch (error) {
        if (!(error instanceof PowerCut)) throw error;
      }
      if (power) high.disk.crash(new Random(at));
      high.restart();
      high.release();
      const found = high.inbox(options.folder);
      if (options.folder === undefined) expect(found).toEqual(options.expected);
      // What a person asked for is done or was never begun.
      else if (Object.keys(found).length > 0) expect(found).toEqual(options.expected);
      expect(high.ledger.releases.unfinished()).toEqual([]);
      if (options.folder === undefined) expect(high.state()).toBe('released');
      high.restart();
      high.release();
      expect(high.inbox(options.folder)).toEqual(found);
    }
    if (finished) return at - 1;
  }
  throw new Error('a release has fewer steps');
}

describe('a stop at any step', () => {
  it('of a release leaves the study in the inbox, whole and once', () => {
    const steps = cutEverywhere({
      prepare: (high) => {
        high.store(a, b, twin);
        high.manifest(manifestOf(1, [a, b, twin]));
      },
      release: (high) => high.release(),
      expected: { [placeOf(a)]: a.objectId, [placeOf(b)]: b.objectId },
    });
    expect(steps).toBeGreaterThan(25);
  });

  it('of the release of later instances leaves these beside the study', () => {
    const steps = cutEverywhere({
      prepare: (high) => {
        high.store(a);
        high.manifest(manifestOf(1, [a]));
        high.release();
        high.store(b, c);
        high.manifest(manifestOf(2, [a, b, c]));
      },
      release: (high) => high.release(),
      expected: {
        [placeOf(a)]: a.objectId,
        [placeOf(b, '1.2.rev2')]: b.objectId,
        [placeOf(c, '1.2.rev2')]: c.objectId,
      },
    });
    expect(steps).toBeGreaterThan(25);
  });

  it('and a power cut after the next start leave the study in the inbox: what that start found renamed is synced', () => {
    let renamed = 0;
    for (let at = 1; at <= 45; at += 1) {
      for (let seed = 0; seed < 4; seed += 1) {
        const high = new High();
        high.store(a, b);
        high.manifest(manifestOf(1, [a, b]));
        cutting(high, new Cutter(at, true));
        try {
          high.release();
        } catch (error) {
          if (!(error instanceof PowerCut)) throw error;
        }
        const inInbox = Object.keys(high.inbox()).length > 0;
        if (inInbox && high.ledger.releases.unfinished().length > 0) renamed += 1;
        high.restart();
        high.release();
        high.disk.crash(new Random(seed));
        high.restart();
        high.release();
        expect(high.inbox()).toEqual({ [placeOf(a)]: a.objectId, [placeOf(b)]: b.objectId });
      }
    }
    expect(renamed).toBeGreaterThan(10);
  });

  it('of a partial release leaves it there or not, and never a half of it', () => {
    const steps = cutEverywhere({
      prepare: (high) => {
        high.store(a, b);
        high.manifest(manifestOf(1, [a, b, c]));
      },
      release: partially,
      expected: {
        [placeOf(a, '1.2.partial-2-of-3')]: a.objectId,
        [placeOf(b, '1.2.partial-2-of-3')]: b.objectId,
      },
      folder: folders.partial,
    });
    expect(steps).toBeGreaterThan(15);
  });
});

function partially(high: High): void {
  const study = high.ledger.studies.get(senderId, '1.2');
  if (study === undefined) throw new Error('the study is there');
  const instances = high.ledger.instances.ofStudy(senderId, '1.2');
  high.releaser.carryOutPart(high.releaser.beginPart(study, instances, 3));
}

describe('the inbox', () => {
  it('may be emptied by who reads it: nothing comes twice', () => {
    const high = new High();
    high.store(a);
    high.manifest(manifestOf(1, [a]));
    high.release();
    high.disk.removeFolder(`${folders.inbox}/1.2`);
    high.restart();
    high.release();
    expect(high.inbox()).toEqual({});
    high.store(b);
    high.manifest(manifestOf(2, [a, b]));
    high.release();
    expect(Object.keys(high.inbox())).toEqual([placeOf(b, '1.2.rev2')]);
  });

  it('where the name is taken keeps what is there; the study waits with an alarm', () => {
    const high = new High();
    high.disk.makeFolder(`${folders.inbox}/1.2`);
    high.store(a);
    high.manifest(manifestOf(1, [a]));
    high.release();
    expect([high.inbox(), high.standing()]).toEqual([{}, ['E_INBOX_TAKEN 1.2']]);
    high.disk.removeFolder(`${folders.inbox}/1.2`);
    high.studies.retry(senderId, '1.2');
    high.release();
    expect([Object.keys(high.inbox()), high.standing()]).toEqual([[placeOf(a)], []]);
  });

  it('has links: the vault keeps its own name of every file', () => {
    const high = new High();
    high.store(a);
    high.manifest(manifestOf(1, [a]));
    high.release();
    high.disk.removeFolder(`${folders.inbox}/1.2`);
    expect(high.vault.hasObject(a.objectId)).toBe(true);
    expect(high.vault.staging.has(1)).toBe(false);
  });
});

describe('how an instance came to the sender', () => {
  const ct = { calling: 'CT1', called: 'DIODE' };
  const mr = { calling: 'MR1', called: 'DIODE_STAT' };
  const titlesAtMarking = (high: High) => {
    const found: (readonly [string, string | undefined])[] = [];
    high.withoutInbox((_, instances) => {
      found.push(...[...instances].map(({ objectId, aeTitles }) => [objectId, aeTitles?.calling] as const));
    });
    return found;
  };

  it('is what the list says that releases it, and stays so', () => {
    const high = new High();
    const marked = titlesAtMarking(high);
    high.store(a, b);
    expect(high.ledger.instances.get(a.objectId)?.aeTitles).toBeUndefined();
    high.manifest(manifestOf(1, [{ ...a, aeTitles: ct }, b]));
    high.release();
    high.store(c);
    high.manifest(manifestOf(2, [{ ...a, aeTitles: mr }, b, { ...c, aeTitles: mr }]));
    high.release();
    expect(marked).toEqual([
      [a.objectId, 'CT1'],
      [b.objectId, undefined],
      [c.objectId, 'MR1'],
    ]);
    expect(high.ledger.instances.get(a.objectId)?.aeTitles).toEqual(ct);
    expect(high.ledger.instances.get(b.objectId)?.aeTitles).toBeUndefined();
    expect(high.ledger.instances.get(c.objectId)?.aeTitles).toEqual(mr);
  });

  it('is known by whatever object id the list names the content', () => {
    const high = new High();
    const marked = titlesAtMarking(high);
    high.store(a);
    high.ledger.objectAliases.enter(senderId, b.objectId, a.objectId);
    high.manifest(manifestOf(1, [{ ...a, objectId: b.objectId, aeTitles: ct }]));
    high.release();
    expect(marked).toEqual([[a.objectId, 'CT1']]);
  });

  it('is known when a release is finished by the next start', () => {
    const high = new High();
    high.store(a);
    high.manifest(manifestOf(1, [{ ...a, aeTitles: ct }]));
    const cutter = new Cutter(14, true);
    cutting(high, cutter);
    expect(() => high.release()).toThrow(PowerCut);
    expect(high.ledger.releases.unfinished()).toHaveLength(1);
    high.restart();
    expect(high.ledger.instances.get(a.objectId)?.aeTitles).toEqual(ct);
  });
});

describe('a partial release', () => {
  it('is marked n of N, audited, and does not end the study', () => {
    const high = new High();
    high.store(a, b, { ...c, heldBecause: 'E_PREAMBLE' });
    high.manifest(manifestOf(1, [a, b, c, instance('d')]));
    partially(high);
    expect(Object.keys(high.inbox(folders.partial)).sort()).toEqual(
      [placeOf(a, '1.2.partial-2-of-3'), placeOf(b, '1.2.partial-2-of-3')].sort(),
    );
    expect(high.ledger.studies.summaries(1)).toMatchObject([
      { partial: '1.2.partial-2-of-3', state: 'receiving' },
    ]);
    high.store(instance('d'));
    high.release();
    expect(Object.values(high.inbox())).toHaveLength(3);
  });

  it('that can not be done says why and leaves nothing', () => {
    const high = new High();
    high.manifest(manifestOf(1, [a, b, c]));
    expect(() => partially(high)).toThrow(expect.objectContaining({ code: 'E_STUDY_STATE' }));
    high.store(a, b);
    partially(high);
    expect(() => partially(high)).toThrow(expect.objectContaining({ code: 'E_INBOX_TAKEN' }));
    expect(high.disk.list(`${folders.vault}/staging`)).toEqual([]);
    expect(high.ledger.releases.unfinished()).toEqual([]);
    expect(high.ledger.releases.ofStudy(senderId, '1.2')).toHaveLength(1);
  });
});
