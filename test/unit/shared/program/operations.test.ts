/**
 * Goal: what is asked is checked, audited and done in one transaction, once, whatever ends the program in between.
 * Method: operations made for it over a ledger in memory; a life of the program is a runner, and its end an exception.
 */
import { expect, it } from 'vitest';
import { z } from 'zod';
import { DiodeError } from '../../../../shared/errors.ts';
import { LedgerDatabase } from '../../../../shared/ledger-database.ts';
import { DoneRequests, doneRequestsSchema } from '../../../../shared/program/answers.ts';
import { Audit, auditSchema } from '../../../../shared/program/audit.ts';
import { Events, eventsSchema } from '../../../../shared/program/events.ts';
import {
  type Acted,
  auditedForm,
  type Operation,
  Operations,
  operation,
  plainForm,
  whoFields,
} from '../../../../shared/program/operations.ts';
import { Requests } from '../../../../shared/program/requests.ts';
import { clock } from './asking.ts';

const renameForm = auditedForm('rename', z.strictObject({ ...whoFields, to: z.string() }));
const askForm = plainForm('ask', z.strictObject({ what: z.string().optional() }));
const who = { byWhom: 'olga', reason: 'asked for' };

/** A ledger that has one name in it, and what was renamed. */
class Site {
  beforeCommit: () => void = () => {};
  readonly requests = new Requests(':memory:');
  readonly database = new LedgerDatabase(
    ':memory:',
    [
      `CREATE TABLE names (name TEXT); INSERT INTO names VALUES ('first'); ${auditSchema} ${doneRequestsSchema} ${eventsSchema}`,
    ],
    () => this.beforeCommit(),
  );
  readonly #ledger = {
    transaction: <T>(act: () => T): T => this.database.transaction(act),
    audit: new Audit(this.database),
    doneRequests: new DoneRequests(this.database),
    events: new Events(this.database),
  };

  get names() {
    return this.database.all('SELECT name FROM names').map(({ name }) => name);
  }

  get audit() {
    return this.database
      .all('SELECT * FROM audit ORDER BY id')
      .map((row) => `${row['at_ms']} ${row['action']} ${row['subject']} ${row['by_whom']}: ${row['reason']}`);
  }

  /** Another life of the program. */
  life(...operations: readonly Operation[]): Operations {
    return new Operations({ operations, requests: this.requests, ledger: this.#ledger, clock });
  }

  ask(verb: string, fields: Readonly<Record<string, unknown>>, ...operations: readonly Operation[]) {
    const id = this.requests.ask(verb, fields);
    this.life(...operations).step();
    return this.requests.answerOf(id);
  }

  rename(afterwards?: Acted['afterwards']): Operation {
    return operation(renameForm, ({ to }) => {
      this.database.run('UPDATE names SET name = name || ?', ` ${to}`);
      const told = { detail: `renamed to ${to}`, facts: { to } };
      return {
        audit: { action: 'rename', subjects: ['name'] },
        told,
        ...(afterwards !== undefined && { afterwards }),
      };
    });
  }
}

it('is done, audited with who and why, and answered with its facts', () => {
  const site = new Site();
  expect(site.ask('rename', { ...who, to: 'second' }, site.rename())).toEqual({
    ok: true,
    detail: 'renamed to second',
    to: 'second',
  });
  expect([site.names, site.audit]).toEqual([['first second'], ['1000 rename name olga: asked for']]);
});

it.each([
  ['an unknown verb', 'paint', { ...who, to: 'x' }, 'the running program does not know this request'],
  ['nothing', 'rename', {}, 'the request is malformed: byWhom, reason, to'],
  ['no reason', 'rename', { byWhom: 'olga', to: 'x' }, 'the request is malformed: reason'],
  ['an empty reason', 'rename', { ...who, reason: '', to: 'x' }, 'the request is malformed: reason'],
  [
    'a reason without end',
    'rename',
    { ...who, reason: 'x'.repeat(1001), to: 'x' },
    'the request is malformed: reason',
  ],
  ['nobody', 'rename', { ...who, byWhom: '', to: 'x' }, 'the request is malformed: byWhom'],
  [
    'one more field',
    'rename',
    { ...who, to: 'x', patient: 'Doe' },
    'the request is malformed: an unknown field',
  ],
  ['a field of another kind', 'rename', { ...who, to: 7 }, 'the request is malformed: to'],
])('with %s is refused, and changes nothing', (_what, verb, fields, detail) => {
  const site = new Site();
  expect(site.ask(verb, fields, site.rename())).toEqual({ ok: false, code: 'E_USAGE', detail });
  expect([site.names, site.audit]).toEqual([['first'], []]);
});

it('that finds in the middle that it can not be done leaves nothing of it', () => {
  const site = new Site();
  const refusing = operation(renameForm, ({ to }) => {
    site.database.run('UPDATE names SET name = ?', to);
    throw new DiodeError('E_STUDY_STATE', 'not now');
  });
  expect(site.ask('rename', { ...who, to: 'x' }, refusing)).toEqual({
    ok: false,
    code: 'E_STUDY_STATE',
    detail: 'not now',
  });
  expect([site.names, site.audit]).toEqual([['first'], []]);
});

it('that the ledger refuses is not done, not audited and said so; the next one is', () => {
  const site = new Site();
  site.beforeCommit = () => {
    throw new DiodeError('E_DISK_FULL');
  };
  expect(site.ask('rename', { ...who, to: 'x' }, site.rename())).toMatchObject({ code: 'E_DISK_FULL' });
  site.beforeCommit = () => {};
  expect([site.names, site.audit]).toEqual([['first'], []]);
  expect(site.ask('rename', { ...who, to: 'y' }, site.rename())).toMatchObject({ ok: true });
});

it('is done once when the program ends between the transaction and the answer', () => {
  const site = new Site();
  const end = () => {
    throw new TypeError('the end');
  };
  const id = site.requests.ask('rename', { ...who, to: 'x' });
  expect(() => site.life(site.rename(end)).step()).toThrow('the end');
  expect([site.names, site.requests.answerOf(id)]).toEqual([['first x'], undefined]);
  site.life(site.rename(end)).step();
  expect(site.requests.answerOf(id)).toEqual({
    ok: true,
    detail: 'renamed to x; the program ended before it could say more: see status',
    to: 'x',
    isInterrupted: true,
  });
  expect([site.names, site.audit]).toEqual([['first x'], ['1000 rename name olga: asked for']]);
});

it('is done once when what is behind the transaction was done, and the answer lost', () => {
  const site = new Site();
  let moved = 0;
  const move = () => {
    moved += 1;
    return { detail: `moved ${moved}` };
  };
  const id = site.requests.ask('rename', { ...who, to: 'x' });
  const answering = site.requests.answer.bind(site.requests);
  site.requests.answer = () => {
    throw new DiodeError('E_LEDGER');
  };
  for (let step = 0; step < 3; step += 1)
    expect(() => site.life(site.rename(move)).step()).toThrow(expect.objectContaining({ code: 'E_LEDGER' }));
  site.requests.answer = answering;
  site.life(site.rename(move)).step();
  expect(site.requests.answerOf(id)).toEqual({ ok: true, detail: 'moved 1' });
  expect([site.names, moved, site.audit.length]).toEqual([['first x'], 1, 1]);
});

it('tells what became of what is behind the transaction, also where that is a failure', () => {
  const site = new Site();
  const refuse = () => {
    throw new DiodeError('E_INBOX_TAKEN', 'the name is taken');
  };
  expect(site.ask('rename', { ...who, to: 'x' }, site.rename(refuse))).toEqual({
    ok: false,
    code: 'E_INBOX_TAKEN',
    detail: 'the name is taken',
  });
});

it('that ends the program each time is left undone after some lives', () => {
  const site = new Site();
  const fatal = operation(askForm, () => {
    throw new TypeError('a fault');
  });
  const id = site.requests.ask('ask', {});
  // Lives are told apart by the file that is opened: here by what it says.
  for (let life = 1; life <= 3; life += 1) {
    expect(() => site.life(fatal).step()).toThrow('a fault');
    const taken = site.requests.take.bind(site.requests);
    site.requests.take = (limit) => taken(limit).map((request) => ({ ...request, lives: life + 1 }));
  }
  site.life(fatal).step();
  expect(site.requests.answerOf(id)).toMatchObject({ ok: false, code: 'E_INTERNAL' });
});

it('of another one goes on, and each has its answer', () => {
  const site = new Site();
  const plain = operation(askForm, ({ what = 'nothing' }) => ({ told: { detail: what } }));
  const ids = ['a', 'b'].map((what) => site.requests.ask('ask', { what }));
  const wrong = site.requests.ask('ask', { who: 'x' });
  const last = site.requests.ask('ask', {});
  site.life(plain).step();
  expect([...ids, wrong, last].map((id) => site.requests.answerOf(id))).toMatchObject([
    { detail: 'a' },
    { detail: 'b' },
    { code: 'E_USAGE' },
    { detail: 'nothing' },
  ]);
  expect(site.audit).toEqual([]);
});

it('without an id is refused', () => {
  const site = new Site();
  const plain = operation(askForm, () => ({ told: { detail: 'done' } }));
  site.requests.take = () => [{ number: 1, id: '', verb: 'ask', fields: {}, lives: 1 }];
  const answers: unknown[] = [];
  site.requests.answer = (_request, answer) => void answers.push(answer);
  site.life(plain).step();
  expect(answers).toMatchObject([{ ok: false, code: 'E_USAGE' }]);
});

it('is remembered as done for as long as it could be found again, and no longer', () => {
  const site = new Site();
  const done = new DoneRequests(site.database);
  site.database.transaction(() => {
    for (let number = 0; number < 1500; number += 1)
      done.enter(String(number), { answer: { ok: true, detail: '' }, isFinal: true });
  });
  expect([done.get('499'), done.get('500'), done.get('1499')]).toEqual([
    undefined,
    { answer: { ok: true, detail: '' }, isFinal: true },
    { answer: { ok: true, detail: '' }, isFinal: true },
  ]);
});
