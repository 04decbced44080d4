/**
 * Asks the running program for something, and waits for its answer. Whoever is told that it was not done also
 * knows whether it will be: a program that is not running is not asked, and a request not begun in time is withdrawn.
 */
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../clock.ts';
import { DiodeError, isErrorCode } from '../errors.ts';
import type { Answer, Done } from '../program/answers.ts';
import { Requests } from '../program/requests.ts';
import { isFresh, readSnapshot } from './command-line.ts';

/** Where a program is asked. */
export interface AskedProgram {
  readonly name: string;
  readonly requestsPath: string;
  readonly snapshotPath: string;
  readonly clock: Clock;
  /** Left out: 10 s. */
  readonly answerWaitMs?: number;
}

const answerWaitMsDefault = 10_000;
const answerPollMs = 50;

/**
 * @returns what it did
 * @throws DiodeError what it refused; E_NOT_RUNNING, E_STATUS_VERSION, E_REQUEST_TIMEOUT, E_REQUESTS_FULL
 */
export async function ask(
  program: AskedProgram,
  verb: string,
  fields: Readonly<Record<string, unknown>>,
): Promise<Done> {
  const { snapshotPath, clock } = program;
  if (
    !isFresh(readSnapshot(snapshotPath, clock.wallMs()), clock.wallMs()) ||
    !existsSync(program.requestsPath)
  )
    throw new DiodeError('E_NOT_RUNNING', `${program.name} is not running: nothing was asked of it`);
  const requests = new Requests(program.requestsPath);
  try {
    const id = requests.ask(verb, fields);
    const waitMs = program.answerWaitMs ?? answerWaitMsDefault;
    for (let waitedMs = 0; waitedMs < waitMs; waitedMs += answerPollMs) {
      const answer = requests.answerOf(id);
      if (answer !== undefined) return doneOf(answer);
      await sleep(answerPollMs);
    }
    return giveUp(program, requests, id);
  } finally {
    requests.close();
  }
}

/**
 * Leaves a request without waiting: the program does it when it comes to it, or when it starts.
 * @throws DiodeError E_REQUESTS_FULL
 */
export function leaveRequest(
  program: AskedProgram,
  verb: string,
  fields: Readonly<Record<string, unknown>>,
): void {
  const requests = new Requests(program.requestsPath);
  try {
    requests.ask(verb, fields);
  } finally {
    requests.close();
  }
}

/** Whether a program runs, of whatever version. */
export function isRunning({ snapshotPath, clock }: Pick<AskedProgram, 'snapshotPath' | 'clock'>): boolean {
  const nowMs = clock.wallMs();
  try {
    return isFresh(readSnapshot(snapshotPath, nowMs), nowMs);
  } catch (error) {
    if (error instanceof DiodeError && error.code === 'E_STATUS_VERSION') return true;
    throw error;
  }
}

/** Nobody waits any longer: a request that was not begun is withdrawn. */
function giveUp(program: AskedProgram, requests: Requests, id: string): Done {
  const isWithdrawn = requests.withdraw(id);
  // The answer may have come at the last moment.
  const answer = requests.answerOf(id);
  if (answer !== undefined) return doneOf(answer);
  const { name } = program;
  if (isWithdrawn && !isRunning(program))
    throw new DiodeError('E_NOT_RUNNING', `${name} stopped before it began the request: nothing was done`);
  if (isWithdrawn)
    throw new DiodeError(
      'E_REQUEST_TIMEOUT',
      `${name} did not begin the request in time: it was withdrawn, and nothing was done`,
    );
  const rest = isRunning(program) ? '' : ', when it starts again';
  throw new DiodeError(
    'E_REQUEST_TIMEOUT',
    `${name} began the request but did not answer in time: it goes on with it${rest}`,
  );
}

function doneOf(answer: Answer): Done {
  if (answer.ok) return answer;
  throw new DiodeError(isErrorCode(answer.code) ? answer.code : 'E_INTERNAL', answer.detail);
}
