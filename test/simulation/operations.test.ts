/**
 * Goal: what a person asks is done once, whatever happens in the middle of it, and a study that is out stays what it is on
 * the way. Method: requests at a simulated high side whose power is cut after each durable step of the request in turn.
 */
import { describe, expect, it } from 'vitest';
import type { Answer } from '../../shared/program/answers.ts';
import { ctImage, encodePart10, type InstanceToWrite } from '../harness/unchecked-writer.ts';
import { HostileLink } from './hostile-link.ts';
import { Operating } from './operating.ts';
import { PowerCut } from './power-switch.ts';

const image = (number: number, change: InstanceToWrite = {}) => {
  const sopInstanceUid = `2.25.1${number}`;
  return {
    sopInstanceUid,
    bytes: encodePart10({ preamble: '', dataSet: ctImage({ sopInstanceUid, ...change }) }),
  };
};
const first = image(1);
const second = image(2);
const document = image(4, { sopClassUid: '1.2.840.10008.5.1.4.1.1.104.1' });
const who = { reason: 'asked the ward', byWhom: 'olga' };
const senderId = '07'.repeat(8);

/** A study that is out, but for its document, which is held. */
function withHeldDocument(): { link: HostileLink; objectId: string } {
  const link = new HostileLink();
  const [, objectId = ''] = link.sendStudy([first, document]);
  return { link, objectId };
}

function withHalfAStudy(): { link: HostileLink; objectId: string } {
  const link = new HostileLink();
  link.sendManifest([first, second].map((file) => link.entryOf(file)));
  link.sendObject(first.bytes);
  return { link, objectId: link.entryOf(first).objectId };
}

const files = (link: HostileLink, folder: string) => [...link.high.disk.contents(folder).keys()].sort();
const vault = (link: HostileLink, objectId: string) =>
  link.high.disk.contents('/high/vault').has(`objects/${objectId}`);

interface Asked {
  readonly what: string;
  readonly site: () => { link: HostileLink; objectId: string };
  readonly verb: string;
  readonly fields: (objectId: string) => Readonly<Record<string, unknown>>;
  /** What is so afterwards, however it came about. */
  readonly state: (link: HostileLink, objectId: string) => unknown;
}

const cases: readonly Asked[] = [
  {
    what: 'a release from quarantine',
    site: withHeldDocument,
    verb: 'quarantine-release',
    fields: (id) => ({ id, ...who }),
    state: (link) => [
      files(link, '/high/inbox'),
      link.held(),
      link.high.ledger.studies.get(senderId, '2.25.1'),
      link.standing(),
    ],
  },
  {
    what: 'a purge',
    site: withHeldDocument,
    verb: 'quarantine-purge',
    fields: (id) => ({ id, ...who }),
    state: (link, objectId) => [
      files(link, '/high/inbox'),
      link.held(),
      vault(link, objectId),
      link.high.ledger.removableObjects.due(0, 10).filter(() => vault(link, objectId)),
    ],
  },
  {
    what: 'a partial release',
    site: withHalfAStudy,
    verb: 'release-partial',
    fields: () => ({ studyUid: '2.25.1', ...who }),
    state: (link) => [files(link, '/high/inbox'), files(link, '/high/partial')],
  },
  {
    what: 'collecting again',
    site: withHeldDocument,
    verb: 'collect-again',
    fields: (objectId) => ({ objectIds: [objectId], ...who }),
    state: (link, objectId) => [link.high.ledger.files.stateOf(objectId), files(link, '/high/inbox')],
  },
];

/** Asks, with the power cut after so many durable steps. @returns undefined where it came through */
function askAndCut(asked: Asked, steps: number) {
  const { link, objectId } = asked.site();
  const { high } = link;
  const operating = new Operating(high);
  const id = operating.put(asked.verb, asked.fields(objectId));
  high.power.cutAfter(steps);
  let isCut = false;
  try {
    operating.step();
  } catch (error) {
    if (!(error instanceof PowerCut)) throw error;
    isCut = true;
  }
  high.restart('power cut');
  for (let second = 0; second < 5; second += 1) {
    link.time.advance(1000);
    high.step();
    operating.step();
  }
  const answer: Answer | undefined = operating.answerOf(id);
  const subject = asked.verb === 'release-partial' ? '2.25.1' : objectId;
  const audited = high.ledger.audit.of(subject).length;
  // Alarms are looked at each second.
  link.pass(1000);
  return { isCut, ok: answer?.ok, audited, state: asked.state(link, objectId) };
}

describe('a power cut in the middle of', () => {
  it.each(cases)('$what leaves it undone or done, and then done once', (asked) => {
    const whole = askAndCut(asked, Number.POSITIVE_INFINITY);
    expect(whole).toMatchObject({ isCut: false, ok: true, audited: 1 });
    let steps = 0;
    for (; ; steps += 1) {
      const { isCut, ...outcome } = askAndCut(asked, steps);
      expect(outcome, `cut after ${steps} steps`).toEqual({ ok: true, audited: 1, state: whole.state });
      if (!isCut) break;
    }
    expect(steps).toBeGreaterThan(3);
  });
});

describe('a study that is out stays released, at every moment, while', () => {
  const watched = (act: (link: HostileLink, objectId: string) => void): Set<string> => {
    const { link, objectId } = withHeldDocument();
    const seen = new Set<string>();
    // Asked before each commit: what another process then sees is this.
    link.high.ledgerRefuses = () => {
      const [study] = link.high.ledger.studies.summaries(1);
      seen.add(`${study?.state} ${study?.releasedRevision} of ${study?.newestRevision}`);
      return false;
    };
    act(link, objectId);
    return seen;
  };
  const ask = (link: HostileLink, verb: string, fields: object) => {
    expect(new Operating(link.high).ask(verb, { ...fields, ...who })).toMatchObject({ ok: true });
    link.time.advance(1000);
    link.high.step();
  };

  it.each([
    ['something of it is let through', 'quarantine-release', {}],
    ['something of it is purged', 'quarantine-purge', {}],
    ['something of it is purged, to come again', 'quarantine-purge', { again: true }],
  ])('%s', (_what, verb, fields) => {
    const seen = watched((link, id) => {
      ask(link, verb, { id, ...fields });
      link.sendObject(document.bytes);
    });
    expect(seen).toEqual(new Set(['released 1 of 1']));
  });

  it('a file of it is collected again', () => {
    const seen = watched((link) => {
      const { objectId } = link.entryOf(first);
      ask(link, 'collect-again', { objectIds: [objectId] });
      link.sendObject(first.bytes);
      expect(link.high.ledger.files.stateOf(objectId)).toBe('there');
    });
    expect(seen).toEqual(new Set(['released 1 of 1']));
  });
});
