import { describe, expect, it } from 'vitest';
import type { SpooledObject } from '../../../../sender/ledger/spooled-objects.ts';
import { Schedule, type ScheduleOptions, type Source } from '../../../../sender/schedule/schedule.ts';
import { objectType } from '../../../../shared/wire/datagram.ts';
import { priority } from '../../../../shared/wire/manifest.ts';
import { spooled } from '../rows.ts';

/** What the ledger answers, from a list; it counts how much it was asked for. */
class ListSource implements Source {
  readonly objects: SpooledObject[];
  limitMax = 0;
  carouselReads = 0;
  resends: string[] = [];

  constructor(objects: readonly SpooledObject[]) {
    this.objects = objects.map((object, index) => ({ ...object, intake: index + 1 }));
  }

  withPasses(passes: number, limit: number): SpooledObject[] {
    this.limitMax = Math.max(this.limitMax, limit);
    return this.objects
      .filter((object) => object.passes === passes)
      .sort((a, b) => b.priority - a.priority || b.type - a.type)
      .slice(0, limit);
  }

  forCarousel(passesMin: number, limit: number, after?: SpooledObject): SpooledObject[] {
    this.carouselReads += 1;
    return this.objects
      .filter((object) => object.passes >= passesMin)
      .filter((object) => after === undefined || carouselOrder(after, object) < 0)
      .sort(carouselOrder)
      .slice(0, limit);
  }

  forResend(limit: number): SpooledObject[] {
    return this.resends
      .flatMap((id) => this.objects.filter(({ objectId }) => objectId === id))
      .slice(0, limit);
  }

  count(objectId: string): void {
    const index = this.objects.findIndex((object) => object.objectId === objectId);
    const object = this.objects[index];
    if (object !== undefined) this.objects[index] = { ...object, passes: object.passes + 1 };
  }
}

/** As the ledger has it. */
function carouselOrder(a: SpooledObject, b: SpooledObject): number {
  return a.passes - b.passes || b.type - a.type || b.intake - a.intake;
}

const defaults: ScheduleOptions = {
  passCount: 2,
  passGapMs: 200,
  carouselShare: 0,
  carouselGapMs: 60_000,
  linkBytesPerMs: 100,
};

const stat = { priority: priority.stat };
const manifest = { type: objectType.manifest };

function schedule(objects: readonly SpooledObject[], options: Partial<ScheduleOptions> = {}) {
  const source = new ListSource(objects);
  const subject = new Schedule(source, { ...defaults, ...options }, ({ bytes }) => bytes);
  const end = (objectId: string, nowMs: number) => {
    source.count(objectId);
    subject.passEnded(objectId, nowMs);
  };
  const next = (nowMs: number) => {
    const order = subject.next(nowMs);
    return order === undefined
      ? undefined
      : `${order.object.objectId} ${order.pass}${order.urgent ? ' urgent' : ''}`;
  };
  return { source, subject, end, next };
}

/** All that is due at a moment. */
function nextUntilNone(next: (nowMs: number) => string | undefined, nowMs: number): string[] {
  const given: string[] = [];
  for (let order = next(nowMs); order !== undefined; order = next(nowMs)) given.push(order);
  return given;
}

describe('the order of the link', () => {
  it('is STAT, manifests, first passes, second passes, and each waits for its gap', () => {
    const { next, end } = schedule([
      spooled('second', { passes: 1 }),
      spooled('first'),
      spooled('list', manifest),
      spooled('urgent', stat),
      spooled('urgent list', { ...stat, ...manifest }),
      spooled('second list', { ...manifest, passes: 1 }),
    ]);
    expect([1, 2, 3, 4, 5, 6].map(() => next(0))).toEqual([
      'urgent list 0 urgent',
      'urgent 0 urgent',
      'list 0 urgent',
      'second list 1 urgent',
      'first 0',
      'second 1',
    ]);
    expect(next(0)).toBeUndefined();
    end('first', 1000);
    expect(next(1199)).toBeUndefined();
    expect(next(1200)).toBe('first 1');
  });

  it('lets a STAT object in as soon as it is there', () => {
    const { next, source, subject } = schedule(Array.from({ length: 200 }, (_, i) => spooled(`old ${i}`)));
    expect(next(0)).toBe('old 0 0');
    source.objects.push(spooled('urgent', stat));
    subject.objectsEntered();
    expect(next(0)).toBe('urgent 0 urgent');
    expect(next(0)).toBe('old 1 0');
  });

  it('lets the second pass of a STAT object go ahead of everything routine that waits', () => {
    const waiting = Array.from({ length: 100 }, (_, i) => spooled(`seen ${i}`, { passes: 1 }));
    const { next, end } = schedule([...waiting, spooled('first'), spooled('urgent', stat)]);
    expect([next(0), next(0)]).toEqual(['urgent 0 urgent', 'first 0']);
    expect(next(0)).toBe('seen 0 1');
    end('urgent', 10);
    expect(next(10)).toBe('seen 1 1');
    expect(next(210)).toBe('urgent 1 urgent');
  });

  it('gives nothing twice while it is on its way', () => {
    const names = Array.from({ length: 300 }, (_, i) => `object ${i}`);
    const { next, subject, source } = schedule(names.map((name) => spooled(name)));
    const given: (string | undefined)[] = [];
    for (let count = 0; count < 400; count += 1) {
      if (count % 50 === 0) subject.objectsEntered();
      given.push(next(0));
    }
    expect(given.filter((name) => name !== undefined)).toEqual(names.map((name) => `${name} 0`));
    expect(subject.inFlight).toBe(300);
    // Of the ledger it is read as much as is on its way, and one window.
    expect(source.limitMax).toBeLessThanOrEqual(300 + 64);
  });

  it('begins again behind a restart with what the ledger says', () => {
    const { next } = schedule([
      spooled('new'),
      spooled('sent once', { passes: 1 }),
      spooled('done', { passes: 2 }),
    ]);
    expect([next(0), next(0), next(0)]).toEqual(['new 0', 'sent once 1', undefined]);
  });

  it('ends only what was begun', () => {
    expect(() => schedule([]).subject.passEnded('none', 0)).toThrow('only what was handed out ends');
    expect(() => schedule([], { passCount: 17 })).toThrow('one to sixteen');
  });
});

describe('the carousel', () => {
  it('repeats when nothing else is due: fewest passes first, then the newest', () => {
    const objects = [
      spooled('often', { passes: 5 }),
      spooled('old', { passes: 2 }),
      spooled('new', { passes: 2 }),
    ];
    const { next, end } = schedule(objects, { carouselShare: 1 });
    expect(next(1000)).toBe('new 2');
    end('new', 1000);
    expect(next(1000)).toBe('old 2');
    expect(next(1000)).toBe('often 5');
    end('old', 1100);
    end('often', 1200);
    // All have just gone out.
    expect(next(1200)).toBeUndefined();
    expect(next(70_000)).toBe('new 3');
  });

  it('has many small objects on their way, and not without bound', () => {
    const objects = Array.from({ length: 500 }, (_, i) => spooled(`object ${i}`, { passes: 2, bytes: 10 }));
    const { source, subject, next, end } = schedule(objects, { carouselShare: 1 });
    const given = nextUntilNone(next, 1000);
    expect(given).toHaveLength(256);
    expect(new Set(given).size).toBe(256);
    expect(subject.inFlight).toBe(256);
    // Each object is read once and not the whole ledger for each of them.
    expect(source.carouselReads).toBeLessThanOrEqual(256 / 64 + 1);
    end('object 499', 1010);
    expect(next(1010)).toBe('object 243 2');
  });

  it('repeats what is behind those that were sent just now, however many', () => {
    const recent = Array.from({ length: 300 }, (_, i) => spooled(`recent ${i}`, { passes: 1 }));
    const { next, end } = schedule([...recent, spooled('old', { passes: 9 })], { carouselShare: 1 });
    for (const name of nextUntilNone(next, 0)) if (name !== 'old 9') end(name.replace(/ 1$/, ''), 0);
    // What one look costs is bounded: it goes on with the next.
    expect([1000, 1020, 1040].flatMap((nowMs) => nextUntilNone(next, nowMs))).toEqual(['old 9']);
  });

  it('waits while what is planned fills the link, and not while only a little of it is on its way', () => {
    const done = spooled('done', { passes: 2 });
    const { next, end } = schedule([done, spooled('large', { bytes: 100_000 }), spooled('small')], {
      carouselShare: 1,
    });
    expect([next(0), next(0)]).toEqual(['large 0', 'small 0']);
    expect(next(5000)).toBeUndefined();
    end('large', 5000);
    expect(next(5000)).toBe('done 2');
  });

  it('keeps to its share of the link', () => {
    const objects = Array.from({ length: 10 }, (_, i) =>
      spooled(`object ${i}`, { passes: 2, bytes: 10_000 }),
    );
    const { next, end } = schedule(objects, { carouselShare: 0.25 });
    let sent = 0;
    // 10 000 bytes at 100 bytes a millisecond take 100 ms; at a quarter one may begin every 400 ms.
    for (let now = 0; now < 2000; now += 10) {
      const order = next(now);
      if (order === undefined) continue;
      sent += 1;
      end(order.split(' ').slice(0, 2).join(' '), now);
    }
    expect(sent).toBe(5);
  });

  it('is off at a share of 0, and makes room for what comes', () => {
    const done = spooled('done', { passes: 2 });
    expect(schedule([done]).next(0)).toBeUndefined();
    const { next, source, subject } = schedule([done], { carouselShare: 1 });
    source.objects.push(spooled('new'));
    subject.objectsEntered();
    expect(next(0)).toBe('new 0');
  });
});

describe('what a ticket asks for', () => {
  it('goes ahead of everything but STAT, in its order, with a pass that was not sent before', () => {
    const { source, subject, next, end } = schedule([
      spooled('first'),
      spooled('list', manifest),
      spooled('urgent', stat),
      spooled('asked', { passes: 5 }),
      spooled('asked list', { ...manifest, passes: 3 }),
    ]);
    expect(next(0)).toBe('urgent 0 urgent');
    source.resends = ['asked list', 'asked'];
    subject.resendsEntered();
    expect(next(0)).toBe('asked list 3 urgent');
    expect(next(0)).toBe('asked 5');
    expect(subject.isResend('asked')).toBe(true);
    expect(next(0)).toBe('list 0 urgent');
    expect(subject.isResend('list')).toBe(false);
    source.resends = [];
    end('asked', 0);
    expect(subject.isResend('asked')).toBe(false);
  });

  it('waits while it is under way for another reason, and comes then', () => {
    const { source, subject, next, end } = schedule([spooled('asked')], { passCount: 1 });
    expect(next(0)).toBe('asked 0');
    source.resends = ['asked'];
    subject.resendsEntered();
    expect(next(0)).toBeUndefined();
    end('asked', 0);
    expect(next(0)).toBe('asked 1');
  });

  it('takes the place of a planned pass of the same object, and not of the one after', () => {
    const { source, subject, next, end } = schedule([spooled('asked')]);
    source.resends = ['asked'];
    subject.resendsEntered();
    expect(next(0)).toBe('asked 0');
    expect(next(0)).toBeUndefined();
    source.resends = [];
    end('asked', 0);
    expect(next(199)).toBeUndefined();
    expect(next(200)).toBe('asked 1');
  });

  it('comes again when the link lost it', () => {
    const { source, subject, next } = schedule([spooled('asked', { passes: 4 })]);
    source.resends = ['asked'];
    subject.resendsEntered();
    expect(next(0)).toBe('asked 4');
    subject.passLost('asked');
    expect(next(0)).toBe('asked 4');
  });

  it('waits when the encoder has enough', () => {
    const { source, subject } = schedule([spooled('asked', { passes: 4 })]);
    source.resends = ['asked'];
    subject.resendsEntered();
    expect(subject.next(0, true)).toBeUndefined();
    expect(subject.next(0)?.object.objectId).toBe('asked');
  });
});
