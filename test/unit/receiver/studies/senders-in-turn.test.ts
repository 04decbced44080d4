/** Goal: a share of the turns is a key's, and not a sender id's. */
import { expect, it } from 'vitest';
import { SenderTurns } from '../../../../receiver/studies/senders-in-turn.ts';
import { Studies } from '../../../../receiver/studies/studies.ts';
import { Alarms } from '../../../../shared/program/alarms.ts';
import { High, instance, manifestOf, senderId } from '../high.ts';

const ids = Array.from({ length: 32 }, (_, index) => (index + 1).toString(16).padStart(16, '0'));
const groupOf = (id: string) => (ids.includes(id) ? 'key taken over' : id);

it('gives a key with many sender ids one share of the turns, and each of its ids an equal part of it', () => {
  const turns = new SenderTurns(groupOf);
  const taken = new Map<string, number>();
  for (let turn = 0; turn < 128; turn += 1) {
    const [next = ''] = turns.order([...ids, 'a', 'b', 'c']);
    turns.took(next);
    taken.set(next, (taken.get(next) ?? 0) + 1);
  }
  expect([taken.get('a'), taken.get('b'), taken.get('c')]).toEqual([32, 32, 32]);
  expect(ids.map((id) => taken.get(id))).toEqual(ids.map(() => 1));
});

it('gives each sender id its own turns where nothing says which are one', () => {
  const turns = new SenderTurns();
  const served = ['a', 'b', 'c', 'a'].map(() => {
    const [next = ''] = turns.order(['a', 'b', 'c']);
    turns.took(next);
    return next;
  });
  expect(served).toEqual(['a', 'b', 'c', 'a']);
});

it('releases of a sender with many ids under one key no more than of any other sender', () => {
  const high = new High();
  const { ledger, clock } = high;
  const alarms = new Alarms(clock);
  const collecting = () => high.collecting();
  const limits = { deadlineMs: 60_000, unclaimedMs: 120_000 };
  high.studies = new Studies({ ledger, clock, alarms, collecting, groupOf, ...limits });
  for (const [index, id] of [...ids, senderId].entries()) {
    const studyUid = `2.${index + 1}`;
    const row = instance(`of ${id}`, { senderId: id, studyUid });
    high.store(row);
    high.manifest(manifestOf(1, [row], { senderId: id, studyUid, studyNumber: 1 }));
  }
  const ready = Array.from({ length: 20 }, () => high.studies.nextReady()?.senderId);
  expect(ready.filter((id) => id === senderId)).toHaveLength(10);
});
