/**
 * Goal: one file that the gate never gets through with is held, and the others go on. Method: the side of the gate's
 * thread that asks, over a thread that is told what to do, and over a real one that never comes back.
 */
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import type { Findings } from '../../../../receiver/gate/findings.ts';
import type { GateAnswers, GateOrder } from '../../../../receiver/pipeline/gate-thread.ts';
import type { InspectionAnswer } from '../../../../receiver/pipeline/inspector.ts';
import { type GateThread, ThreadInspector } from '../../../../receiver/pipeline/thread-inspector.ts';
import { present } from '../../../../shared/assert.ts';
import { stopThread } from '../../../../shared/supervision.ts';
import { VirtualClock } from '../../../simulation/virtual-clock.ts';

const found: Findings = {
  studyUid: '2.25.1',
  seriesUid: '2.25.2',
  sopInstanceUid: '2.25.3',
  sopClassUid: '1.2',
  modality: undefined,
  reasons: [],
  preamble: 'zero',
  zeroPreamble: false,
  patient: {},
};
const answer = { found, milliseconds: 1 };

/** A thread that does what the test says. */
class ToldThread implements GateThread {
  readonly orders: GateOrder[] = [];
  readonly place: Int32Array;
  readonly answer: (answers: GateAnswers) => void;
  isEnded = false;

  constructor(progress: SharedArrayBuffer, onAnswers: (answers: GateAnswers) => void) {
    this.place = new Int32Array(progress);
    this.answer = onAnswers;
  }

  order(order: GateOrder): void {
    this.orders.push(order);
  }

  end(): void {
    this.isEnded = true;
  }
}

function opened() {
  const time = new VirtualClock();
  const threads: ToldThread[] = [];
  const inspector = new ThreadInspector({
    clock: time.host(),
    pathOf: ({ objectId }) => `/incoming/${objectId}`,
    start: (progress, onAnswers) => {
      const thread = new ToldThread(progress, onAnswers);
      threads.push(thread);
      return thread;
    },
  });
  const answered: (readonly (InspectionAnswer | undefined)[])[] = [];
  const ask = (...bytes: readonly number[]) =>
    inspector.inspect(
      bytes.map((one, index) => ({ objectId: `${index}`, keyId: 1, bytes: one })),
      (answers) => answered.push(answers),
    );
  /** The program looks often, whatever happens. */
  const pass = (seconds: number) => {
    for (let step = 0; step < seconds * 10; step += 1) {
      time.advance(100);
      inspector.step();
    }
  };
  const thread = () => present(threads.at(-1), 'a thread runs');
  return { time, inspector, threads, thread, answered, ask, pass };
}

describe('a file that the gate does not get through with', () => {
  it('ends its thread, is held, and what stood beside it is asked for again', () => {
    const { inspector, threads, thread, answered, ask, pass } = opened();
    ask(1000, 1000, 1000);
    expect(thread().orders[0]?.files[1]).toEqual({ path: '/incoming/1', bytes: 1000 });
    Atomics.store(thread().place, 0, 1);
    pass(29);
    expect(answered).toEqual([]);
    pass(2);
    expect(threads.map(({ isEnded }) => isEnded)).toEqual([true, false]);
    expect(answered).toHaveLength(1);
    expect(answered[0]?.[0]).toBeUndefined();
    expect(answered[0]?.[1]?.found).toMatchObject({ reasons: ['E_GATE_GAVE_UP'], zeroPreamble: true });
    expect(answered[0]?.[2]).toBeUndefined();
    expect(inspector.isBusy).toBe(false);
  });

  it('has longer when it is large, for the sake of slow disks', () => {
    const { thread, answered, ask, pass } = opened();
    ask(4e9);
    Atomics.store(thread().place, 0, 0);
    pass(400);
    expect(answered).toEqual([]);
    pass(40);
    expect(answered).toHaveLength(1);
  });

  it('is not one for a host that stood still, or a thread that goes on with the next', () => {
    const { time, inspector, thread, answered, ask, pass } = opened();
    ask(1, 1, 1);
    Atomics.store(thread().place, 0, 0);
    inspector.step();
    time.advance(3_600_000);
    inspector.step();
    pass(20);
    Atomics.store(thread().place, 0, 1);
    pass(25);
    Atomics.store(thread().place, 0, 2);
    pass(25);
    Atomics.store(thread().place, 0, 3);
    pass(100);
    expect(answered).toEqual([]);
    thread().answer({ number: 1, answers: [answer, answer] });
    expect(answered).toEqual([
      [
        { found, cost: 1 },
        { found, cost: 1 },
      ],
    ]);
  });

  it('is told of no more by its old thread', () => {
    const { threads, thread, answered, ask, pass } = opened();
    ask(1);
    Atomics.store(thread().place, 0, 0);
    pass(31);
    ask(1);
    threads[0]?.answer({ number: 1, answers: [answer] });
    // It still writes where it is, as it is being ended; the new one has not begun.
    Atomics.store(threads[0]?.place ?? new Int32Array(1), 0, 0);
    pass(100);
    expect([answered.length, threads.length]).toEqual([1, 2]);
    thread().answer({ number: 2, answers: [answer] });
    expect(answered).toHaveLength(2);
  });

  it('is held also where the thread is one that never comes back', { timeout: 60_000 }, async () => {
    const time = new VirtualClock();
    const workers: Worker[] = [];
    const ended: Promise<unknown>[] = [];
    const inspector = new ThreadInspector({
      clock: time.host(),
      pathOf: ({ objectId }) => objectId,
      start: (progress) => {
        const stuck = `
          const { parentPort, workerData } = require('node:worker_threads');
          parentPort.on('message', () => { Atomics.store(new Int32Array(workerData), 0, 0); for (;;); });`;
        const worker = new Worker(stuck, { eval: true, workerData: progress });
        workers.push(worker);
        return { order: (order) => worker.postMessage(order), end: () => ended.push(stopThread(worker)) };
      },
    });
    let answers: readonly (InspectionAnswer | undefined)[] | undefined;
    inspector.inspect([{ objectId: 'x', keyId: 1, bytes: 1 }], (given) => {
      answers = given;
    });
    while (answers === undefined) {
      await new Promise((resolve) => setTimeout(resolve, 2));
      time.advance(1000);
      inspector.step();
    }
    expect(answers[0]?.found).toMatchObject({ reasons: ['E_GATE_GAVE_UP'] });
    expect([workers.length, ended.length]).toEqual([2, 1]);
    await ended[0];
    // What Node says of a thread that is gone.
    expect(workers[0]?.threadId).toBe(-1);
    await inspector.close(0);
  });
});

describe('at a stop', () => {
  it('the gate is waited for, and no longer than told', async () => {
    const { inspector, thread, answered, ask } = opened();
    ask(1);
    const closed = inspector.close(60_000);
    await new Promise((later) => setTimeout(later, 20));
    expect(thread().isEnded).toBe(false);
    thread().answer({ number: 1, answers: [answer] });
    await closed;
    expect(answered).toHaveLength(1);
    expect(thread().isEnded).toBe(true);
  });

  it('a thread that does not answer is ended all the same', async () => {
    const { inspector, thread, ask } = opened();
    ask(1);
    await inspector.close(1);
    expect(thread().isEnded).toBe(true);
  });

  it('a file that can not be opened says nothing of its instance', () => {
    const { thread, answered, ask } = opened();
    ask(1);
    thread().answer({
      number: 1,
      answers: [{ found: { code: 'E_DISK', detail: 'gone' }, milliseconds: 1 }],
    });
    expect(answered[0]?.[0]?.found).toMatchObject({ code: 'E_DISK', message: 'gone' });
  });
});
