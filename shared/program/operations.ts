/**
 * What a person or a script asks of the running program: one table of operations, and one way through it. Each request
 * is checked, entered in the audit and done in one transaction of the ledger, with a record that it was done, so that
 * it is done exactly once, no matter when the program ends.
 */
import { z } from 'zod';
import { assert } from '../assert.ts';
import type { Clock } from '../clock.ts';
import { DiodeError } from '../errors.ts';
import type { Answer, Done, DoneRequests, Facts } from './answers.ts';
import type { Audit } from './audit.ts';
import { fieldText } from './event-catalogue.ts';
import type { Events } from './events.ts';
import type { Request, Requests } from './requests.ts';

/** Every audited operation says who asks, and why. */
export const whoFields = {
  byWhom: z.string().min(1).max(200),
  reason: z.string().min(1).max(1000),
};
export type Who = z.infer<z.ZodObject<typeof whoFields>>;
const whoSchema = z.object(whoFields);

/** A verb and the fields that go with it: what the command line and the running program agree on. */
export interface RequestForm<Asked> {
  readonly verb: string;
  /** A strict object: a field that it does not know is refused. */
  readonly schema: z.ZodType<Asked>;
  readonly isAudited: boolean;
}

/** What is said about something that was done. */
export interface Told {
  readonly detail: string;
  readonly facts?: Facts;
}

/** What an operation did, within the transaction. */
export interface Acted {
  /** For an audited operation: what the audit keeps, once for each subject. */
  readonly audit?: { readonly action: string; readonly subjects: readonly string[] };
  /** What is true as soon as the transaction is committed, even if the program ends right then. */
  readonly told: Told;
  /**
   * What can't be a part of the transaction: moving and deleting files, telling others. It runs after the commit, and
   * what it returns is the answer. If the program ends before that, the ledger says what remains to be done.
   */
  readonly afterwards?: () => Told;
}

/** An entry of the table. */
export interface Operation extends RequestForm<unknown> {
  /** Checks the fields and acts. @throws DiodeError why it refuses: then none of it is done */
  readonly act: (fields: unknown) => Acted;
}

/** A form whose use is recorded in the audit, with who and why. */
export function auditedForm<Asked extends Who>(verb: string, schema: z.ZodType<Asked>): RequestForm<Asked> {
  return { verb, schema, isAudited: true };
}

/** A form that changes nothing worth recording. */
export function plainForm<Asked>(verb: string, schema: z.ZodType<Asked>): RequestForm<Asked> {
  return { verb, schema, isAudited: false };
}

export function operation<Asked>(form: RequestForm<Asked>, act: (asked: Asked) => Acted): Operation {
  return { ...form, act: (fields) => act(checkedFields(form, fields)) };
}

/** @throws DiodeError E_USAGE, with the names of the fields that are wrong */
export function checkedFields<Asked>({ schema }: RequestForm<Asked>, fields: unknown): Asked {
  const parsed = schema.safeParse(fields);
  if (parsed.success) return parsed.data;
  const wrong = parsed.error.issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys' ? 'an unknown field' : issue.path.slice(0, 1).map(String),
  );
  const which = wrong.length === 0 ? '' : `: ${[...new Set(wrong)].join(', ')}`;
  throw new DiodeError('E_USAGE', `the request is malformed${which}`);
}

/** The part of a ledger that the runner needs. */
export interface OperationsLedger {
  transaction<T>(act: () => T): T;
  readonly audit: Audit;
  readonly events: Events;
  readonly doneRequests: DoneRequests;
}

export interface OperationsOptions {
  readonly operations: readonly Operation[];
  readonly requests: Requests;
  readonly ledger: OperationsLedger;
  readonly clock: Clock;
}

/** Requests of one step. */
const stepRequests = 16;
/** A request that this many runs of the program began and none finished is taken for what ends them. */
const livesMax = 3;
const pruneIntervalMs = 60_000;
const requestId = /^[0-9a-f]{32}$/;

export class Operations {
  readonly #options: OperationsOptions;
  readonly #byVerb: ReadonlyMap<string, Operation>;
  #prunedAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: OperationsOptions) {
    this.#options = options;
    this.#byVerb = new Map(options.operations.map((each) => [each.verb, each]));
    assert(this.#byVerb.size === options.operations.length, 'a verb stands for one operation');
  }

  /** Does some of the waiting requests. Call it often. @throws DiodeError a storage code: unanswered requests are tried again */
  step(): void {
    const { requests, clock } = this.#options;
    const now = clock.monotonicMs();
    if (now - this.#prunedAtMs >= pruneIntervalMs) {
      this.#prunedAtMs = now;
      requests.prune(clock.wallMs());
    }
    for (const request of requests.take(stepRequests))
      requests.answer(request, this.#answerTo(request), clock.wallMs());
  }

  #answerTo(request: Request): Answer {
    if (!requestId.test(request.id)) return refused(new DiodeError('E_USAGE', 'the request has no id'));
    const done = this.#options.ledger.doneRequests.get(request.id);
    if (done !== undefined) return done.isFinal ? done.answer : interrupted(done.answer);
    if (request.lives > livesMax)
      return refused(
        new DiodeError(
          'E_INTERNAL',
          `the program ended ${livesMax} times while doing this: it is not tried again`,
        ),
      );
    try {
      return this.#do(request);
    } catch (error) {
      if (!(error instanceof DiodeError)) throw error;
      return refused(error);
    }
  }

  #do(request: Request): Answer {
    const { ledger, clock } = this.#options;
    const found = this.#byVerb.get(request.verb);
    if (found === undefined)
      throw new DiodeError('E_USAGE', 'the running program does not know this request');
    const { told, afterwards } = ledger.transaction(() => {
      const acted = found.act(request.fields);
      if (found.isAudited) {
        assert(acted.audit !== undefined, 'what is audited says what it did');
        const { action, subjects } = acted.audit;
        const who = whoSchema.parse(request.fields);
        for (const subject of subjects) ledger.audit.enter({ action, subject, ...who }, clock.wallMs());
        const [subject] = subjects;
        const about = subject === undefined ? {} : { subject: fieldText(subject) };
        const { verb } = request;
        ledger.events.enter(
          { kind: 'operation-done', verb, ...about, byWhom: fieldText(who.byWhom) },
          clock.wallMs(),
        );
      }
      ledger.doneRequests.enter(request.id, {
        answer: doneWith(acted.told),
        isFinal: acted.afterwards === undefined,
      });
      return acted;
    });
    if (afterwards === undefined) return doneWith(told);
    return this.#end(request, afterwards);
  }

  #end({ id }: Request, afterwards: () => Told): Answer {
    let answer: Answer;
    try {
      answer = doneWith(afterwards());
    } catch (error) {
      if (!(error instanceof DiodeError)) throw error;
      answer = refused(error);
    }
    try {
      this.#options.ledger.doneRequests.end(id, answer);
    } catch (error) {
      // It is done, and the caller is told now; only if the program ended first would the answer say less.
      if (!(error instanceof DiodeError)) throw error;
    }
    return answer;
  }
}

function doneWith({ detail, facts }: Told): Done {
  return { ...facts, ok: true, detail };
}

function refused({ code, message }: DiodeError): Answer {
  return { ok: false, code, detail: message };
}

/** The program ended between the transaction and the rest of it. */
function interrupted(answer: Answer): Answer {
  if (!answer.ok) return answer;
  const detail = `${answer.detail}; the program ended before it could say more: see status`;
  return { ...answer, detail, isInterrupted: true };
}
