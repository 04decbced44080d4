/**
 * Goal: who may write the file of requests may ask, and can neither stop the program nor fill its disk; what is withdrawn
 * is never done. Method: files as other processes would leave them, written with plain SQL.
 */
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'libsql';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openRequests, Requests } from '../../../../shared/program/requests.ts';

let folder = '';
const closing: (() => unknown)[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'requests-'));
});
afterEach(() => {
  for (const close of closing.splice(0)) close();
  rmSync(folder, { recursive: true, force: true });
});

const place = () => join(folder, 'requests.sqlite');
const failure = (code: string) => expect.objectContaining({ code });
const dayMs = 86_400_000;

function opened(): Requests {
  const requests = openRequests(place());
  closing.push(() => requests.close());
  return requests;
}

/** Another process, with every right that the file gives. */
function other(): Database.Database {
  const database = new Database(place());
  closing.push(() => database.close());
  return database;
}

const good = "'0123456789abcdef0123456789abcdef'";

describe('requests', () => {
  it('are taken in their order, and answered once', () => {
    const asking = opened();
    const ids = [1, 2, 3].map((studyNumber) => asking.ask('close', { studyNumber }));
    const answering = opened();
    const taken = answering.take(2);
    expect(taken).toMatchObject([
      { id: ids[0], verb: 'close', fields: { studyNumber: 1 }, lives: 1 },
      { id: ids[1], verb: 'close', fields: { studyNumber: 2 }, lives: 1 },
    ]);
    const [first] = taken;
    if (first === undefined) throw new Error('it was taken');
    expect(asking.answerOf(first.id)).toBeUndefined();
    answering.answer(first, { ok: false, code: 'E_USAGE', detail: 'no' }, 0);
    expect(asking.answerOf(first.id)).toEqual({ ok: false, code: 'E_USAGE', detail: 'no' });
    expect(answering.take(9).map(({ id }) => id)).toEqual(ids.slice(1));
    expect(asking.answerOf('ff')).toBeUndefined();
    expect(statSync(place()).mode & 0o777).toBe(0o600);
  });

  it('are withdrawn or begun, never both', () => {
    const [asking, answering] = [opened(), opened()];
    const withdrawn = asking.ask('close', {});
    expect(asking.withdraw(withdrawn)).toBe(true);
    expect(answering.take(9)).toEqual([]);
    const begun = asking.ask('close', {});
    expect(answering.take(9)).toHaveLength(1);
    expect(asking.withdraw(begun)).toBe(false);
  });

  it('say how many lives of the program have begun them', () => {
    const asking = opened();
    asking.ask('close', {});
    const life = opened();
    expect([life.take(1), life.take(1)]).toMatchObject([[{ lives: 1 }], [{ lives: 1 }]]);
    expect(opened().take(1)).toMatchObject([{ lives: 2 }]);
  });
});

describe('a flood', () => {
  it('of requests that wait is refused beyond a bound', () => {
    const requests = opened();
    const database = other();
    const insert = database.prepare("INSERT INTO requests (id, verb, fields) VALUES (?, 'close', '{}')");
    database.exec('BEGIN');
    for (let number = 0; number < 1000; number += 1) insert.run(number.toString(16).padStart(32, '0'));
    database.exec('COMMIT');
    expect(() => requests.ask('close', {})).toThrow(failure('E_REQUESTS_FULL'));
    expect(() => insert.run('f'.repeat(32))).toThrow(/too many/);
    for (const request of requests.take(1)) requests.answer(request, { ok: true, detail: '' }, 0);
    requests.ask('close', {});
  });

  it('that goes round the bound is cut down to it', () => {
    const requests = opened();
    const database = other();
    database.exec('DROP TRIGGER requests_bounded; BEGIN');
    const insert = database.prepare("INSERT INTO requests (id, verb, fields) VALUES (?, 'close', '{}')");
    for (let number = 0; number < 3000; number += 1) insert.run(String(number));
    database.exec('COMMIT');
    requests.prune(0);
    expect(database.prepare('SELECT count(*) AS count FROM requests').get()).toMatchObject({ count: 1000 });
    expect(requests.take(1)).toMatchObject([{ id: '0' }]);
  });

  it('of answers is kept for a day at most, and so many of them', () => {
    const requests = opened();
    const database = other();
    const insert = database.prepare(
      `INSERT INTO requests (id, verb, fields, answer, answered_at_ms) VALUES (?, 'close', '', '{}', 1000)`,
    );
    database.exec('BEGIN');
    for (let number = 0; number < 2100; number += 1) insert.run(String(number));
    database.exec('COMMIT');
    const count = () => other().prepare('SELECT count(*) AS count FROM requests').get();
    requests.prune(1000);
    expect(count()).toMatchObject({ count: 2000 });
    const waiting = requests.ask('close', {});
    requests.prune(1000 + dayMs);
    expect(count()).toMatchObject({ count: 1 });
    expect(requests.withdraw(waiting)).toBe(true);
  });

  it('of bytes is refused', () => {
    const requests = opened();
    expect(() => requests.ask('close', { a: 'x'.repeat(20_000) })).toThrow(failure('E_USAGE'));
    const insert = other().prepare('INSERT INTO requests (id, verb, fields) VALUES (?, ?, ?)');
    for (const row of [
      ['i'.repeat(65), 'v', 'f'],
      ['i', 'v'.repeat(65), 'f'],
      ['i', 'v', 'f'.repeat(20_000)],
    ])
      expect(() => insert.run(...row)).toThrow(/CHECK/);
  });

  it('of facts in an answer leaves them out', () => {
    const requests = opened();
    const id = requests.ask('close', {});
    const detail = 'long '.repeat(10_000);
    for (const request of requests.take(1))
      requests.answer(request, { ok: true, detail, many: Array(10_000).fill('0123456789') }, 0);
    expect(requests.answerOf(id)).toEqual({ ok: true, detail: detail.slice(0, 4000) });
  });
});

describe('a row', () => {
  it.each([
    ['no JSON', `${good}, 'close', '{'`],
    ['text that is no UTF-8', `${good}, 'close', CAST(x'ff7b' AS TEXT)`],
    ['a verb that is no UTF-8', `${good}, CAST(x'ffff' AS TEXT), '{}'`],
    ['an id that is no UTF-8', `CAST(x'ff' AS TEXT), 'close', '{}'`],
    ['nothing', `'', '', ''`],
  ])('with %s is one without fields, or of another name: it stops nothing', (_what, values) => {
    const requests = opened();
    other().exec(`INSERT INTO requests (id, verb, fields) VALUES (${values})`);
    const after = requests.ask('close', { a: 1 });
    const [broken, whole] = requests.take(9);
    expect(whole).toMatchObject({ id: after, fields: { a: 1 } });
    const { id, verb, fields } = broken ?? {};
    expect([id, verb, fields]).not.toEqual([
      expect.stringMatching(/^[0-9a-f]{32}$/),
      'close',
      expect.anything(),
    ]);
    if (broken === undefined) throw new Error('it was taken');
    requests.answer(broken, { ok: false, code: 'E_USAGE', detail: 'no' }, 0);
    expect(requests.take(9)).toMatchObject([{ id: after }]);
  });

  it('of a table that somebody laid out otherwise stops nothing', () => {
    const requests = opened();
    other().exec(
      `DROP TABLE requests; CREATE TABLE requests (number, id, verb, fields, begun_by, lives, answer, answered_at_ms);
       INSERT INTO requests (number, id, verb, fields, lives) VALUES (x'00', x'ff', 7, 1e9, 'many')`,
    );
    expect(requests.take(9)).toMatchObject([{ verb: '7', lives: 1 }]);
    other().exec('DROP TABLE requests');
    expect(() => requests.take(9)).toThrow(failure('E_LEDGER'));
  });

  it('whose answer is none counts as not answered', () => {
    const requests = opened();
    const id = requests.ask('close', {});
    for (const answer of [`'{'`, `'{"ok":true}'`, `CAST(x'ff' AS TEXT)`]) {
      other().exec(`UPDATE requests SET answer = ${answer}`);
      expect(requests.answerOf(id)).toBeUndefined();
    }
  });
});

describe('a file', () => {
  it('that another process uses delays the program for a moment, and is tried again', () => {
    const requests = opened();
    const id = requests.ask('close', {});
    const user = other();
    user.exec('BEGIN IMMEDIATE');
    const startedMs = performance.now();
    expect(requests.take(9)).toEqual([]);
    expect(performance.now() - startedMs).toBeLessThan(2000);
    user.exec('ROLLBACK');
    const [request] = requests.take(9);
    if (request === undefined) throw new Error('it was taken');
    user.exec('BEGIN IMMEDIATE');
    requests.answer(request, { ok: true, detail: '' }, 0);
    requests.prune(0);
    user.exec('ROLLBACK');
    expect(requests.answerOf(id)).toBeUndefined();
    expect(requests.take(9)).toMatchObject([{ id }]);
  });

  it('that is none, or of another release, is made anew: the program starts', () => {
    writeFileSync(place(), 'no database at all'.repeat(1000));
    expect(() => new Requests(place())).toThrow(failure('E_LEDGER'));
    expect(opened().take(1)).toEqual([]);
    other().exec('PRAGMA user_version = 9');
    expect(opened().take(1)).toEqual([]);
  });
});

it('are begun anew where another process keeps their file for itself', () => {
  other().exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; CREATE TABLE kept (a)');
  const requests = opened();
  const id = requests.ask('close', {});
  expect(opened().take(9)).toMatchObject([{ id }]);
});
