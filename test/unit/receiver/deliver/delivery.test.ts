import { describe, expect, it } from 'vitest';
import { contextFor, planAssociations } from '../../../../receiver/deliver/association-plan.ts';
import {
  type DeliveryLedger,
  DeliveryQueue,
  type WaitingDelivery,
} from '../../../../receiver/deliver/delivery-queue.ts';
import { destinationsOf } from '../../../../receiver/deliver/routing.ts';
import { readStowResponse } from '../../../../receiver/deliver/stow-response.ts';
import type { Turns } from '../../../../receiver/ledger/due-deliveries.ts';

function file(sopClassUid: string, transferSyntaxUid = '1.2.1', sopInstanceUid = '1') {
  return { path: '', fileBytes: 0, dataSetOffset: 0, sopClassUid, sopInstanceUid, transferSyntaxUid };
}

describe('associations', () => {
  it('propose each pair of SOP class and transfer syntax once, alone', () => {
    const files = [file('1.1'), file('1.1', '1.2.2'), file('1.2'), file('1.1')];
    const [planned, ...others] = planAssociations(files);
    expect(others).toEqual([]);
    expect(planned?.files).toEqual(files);
    expect(planned?.contexts).toEqual([
      { id: 1, abstractSyntax: '1.1', transferSyntaxes: ['1.2.1'] },
      { id: 3, abstractSyntax: '1.1', transferSyntaxes: ['1.2.2'] },
      { id: 5, abstractSyntax: '1.2', transferSyntaxes: ['1.2.1'] },
    ]);
  });

  it('take 128 pairs, and the order of the instances stays', () => {
    const files = Array.from({ length: 300 }, (_, index) => file(`1.${index}`));
    const planned = planAssociations(files);
    expect(planned.map(({ contexts }) => contexts.length)).toEqual([128, 128, 44]);
    expect(planned.flatMap((each) => each.files)).toEqual(files);
    expect(planned[0]?.contexts.at(-1)?.id).toBe(255);
    expect(planAssociations(files.slice(0, 3), 1)).toHaveLength(3);
    expect(planAssociations([])).toEqual([]);
  });

  it('send an instance only in its own context', () => {
    const contexts = [{ id: 1, abstractSyntax: '1.1', transferSyntax: '1.2.2' }];
    expect(contextFor(file('1.1', '1.2.2'), contexts)).toBe(contexts[0]);
    expect(contextFor(file('1.1', '1.2.1'), contexts)).toBeUndefined();
  });
});

describe('routes', () => {
  const instance = {
    senderId: '07'.repeat(8),
    modality: 'CT',
    sopClassUid: '1.2.840.10008.5.1.4.1.1.2',
    aeTitles: { calling: 'CT1', called: 'DIODE' },
  };
  it.each([
    ['without a condition', {}, true],
    ['one sender of several', { senders: ['08'.repeat(8), '07'.repeat(8)] }, true],
    ['another sender', { senders: ['08'.repeat(8)] }, false],
    ['another modality', { modalities: ['MR'] }, false],
    ['its SOP class', { sopClasses: ['1.2.840.10008.5.1.4.1.1.2'] }, true],
    ['a longer SOP class', { sopClasses: ['1.2.840.10008.5.1.4.1.1.2.1'] }, false],
    ['all SOP classes below one', { sopClasses: ['1.2.840.10008.5.1.4.1.1.*'] }, true],
    ['all below another', { sopClasses: ['1.2.840.10008.5.1.4.1.1.2.*'] }, false],
    ['one condition met and one not', { modalities: ['CT'], senders: ['08'.repeat(8)] }, false],
    ['an empty list', { modalities: [] }, false],
    ['its scanner', { callingAeTitles: ['MR1', 'CT1'] }, true],
    ['another scanner', { callingAeTitles: ['CT2'] }, false],
    ['a scanner in other letters', { callingAeTitles: ['ct1'] }, false],
    ['the title it was sent to', { calledAeTitles: ['DIODE'] }, true],
    ['a longer title', { calledAeTitles: ['DIODE_STAT'] }, false],
    ['its scanner and another title', { callingAeTitles: ['CT1'], calledAeTitles: ['DIODE_STAT'] }, false],
    ['its title as that of a scanner', { callingAeTitles: ['DIODE'] }, false],
  ])('%s', (_, conditions, met) => {
    expect(destinationsOf(instance, [{ destination: 'PACS', ...conditions }])).toEqual(met ? ['PACS'] : []);
  });

  it('lead to each destination once, and never by what is not known', () => {
    const routes = [
      { destination: 'B' },
      { destination: 'A', modalities: ['CT'] },
      { destination: 'B', modalities: ['CT'] },
      { destination: 'C', sopClasses: ['1.2.*'] },
    ];
    expect(destinationsOf(instance, routes)).toEqual(['B', 'A', 'C']);
    const unread = { ...instance, modality: undefined, sopClassUid: undefined };
    expect(destinationsOf(unread, routes)).toEqual(['B']);
    const byTitle = [
      { destination: 'D', callingAeTitles: ['CT1'] },
      { destination: 'E', calledAeTitles: ['DIODE'] },
    ];
    expect(destinationsOf({ ...instance, aeTitles: undefined }, byTitle)).toEqual([]);
    expect(destinationsOf(instance, byTitle)).toEqual(['D', 'E']);
  });
});

describe('the answer of a STOW-RS service', () => {
  const read = (json: unknown) => readStowResponse(Buffer.from(JSON.stringify(json)));
  const uid = (value: string) => ({ '00081155': { vr: 'UI', Value: [value] } });

  it('names what is stored and what is not', () => {
    const answer = read({
      '00081199': {
        vr: 'SQ',
        Value: [uid('1.1'), { ...uid('1.2'), '00081196': { vr: 'US', Value: [0xb000] } }],
      },
      '00081198': {
        vr: 'SQ',
        Value: [{ ...uid('1.3'), '00081197': { vr: 'US', Value: [0xa700] } }, uid('1.4'), {}],
      },
    });
    expect([...(answer?.stored ?? [])]).toEqual([
      ['1.1', 0],
      ['1.2', 0xb000],
    ]);
    expect([...(answer?.failed ?? [])]).toEqual([
      ['1.3', 0xa700],
      ['1.4', 0x0110],
    ]);
    expect(answer?.unnamedFailures).toBe(1);
  });

  it('may have an empty list of failures: only its values count', () => {
    const answer = read([{ '00081199': { vr: 'SQ', Value: [uid('1.1')] }, '00081198': { vr: 'SQ' } }]);
    expect(answer?.stored.size).toBe(1);
    expect(answer?.failed.size).toBe(0);
    expect(answer?.unnamedFailures).toBe(0);
  });

  it.each([
    ['no JSON', '<html>'],
    ['nothing', ''],
    ['another object', '{"a":1}'],
    ['a number', '7'],
    ['an empty list', '[]'],
  ])('is none: %s', (_, text) => {
    expect(readStowResponse(Buffer.from(text))).toBeUndefined();
  });

  it('with values of other kinds says nothing of them', () => {
    const answer = read({
      '00081199': { Value: [7, { '00081155': { Value: [7] } }] },
      '00081198': { Value: 'x' },
    });
    expect(answer).toEqual({ stored: new Map(), failed: new Map(), unnamedFailures: 0 });
  });
});

class MemoryLedger implements DeliveryLedger<WaitingDelivery> {
  rows: WaitingDelivery[] = [];
  readonly log: string[] = [];

  add(...uids: string[]): void {
    for (const sopInstanceUid of uids) {
      const times = { attempts: 0, queuedMs: 0, notBeforeMs: 0 };
      this.rows.push({ destination: 'PACS', senderId: 'a', sopInstanceUid, ...times });
    }
  }

  due(destination: string, nowMs: number, most: number, turns: Turns): WaitingDelivery[] {
    return this.rows
      .filter((row) => row.destination === destination && row.notBeforeMs <= nowMs)
      .slice(0, Math.min(most, turns.most('a')));
  }

  oldestQueuedMs(): number | undefined {
    return this.rows[0]?.queuedMs;
  }

  delivered(row: WaitingDelivery): void {
    this.#remove(row, 'delivered');
  }

  refused(row: WaitingDelivery): void {
    this.#remove(row, 'refused');
  }

  postponed(
    row: WaitingDelivery,
    { attempts, notBeforeMs }: { attempts: number; notBeforeMs: number },
  ): void {
    this.rows = this.rows.map((each) => (each === row ? { ...row, attempts, notBeforeMs } : each));
    this.log.push(`${row.sopInstanceUid} postponed to ${notBeforeMs} after ${attempts}`);
  }

  #remove(row: WaitingDelivery, what: string): void {
    this.rows = this.rows.filter((each) => each !== row);
    this.log.push(`${row.sopInstanceUid} ${what}`);
  }
}

describe('the delivery queue', () => {
  const policy = { retryMsMin: 10, retryMsMax: 100, batchMax: 2, attemptsMax: 3, alarmAfterMs: 1000 };
  const setUp = () => {
    const ledger = new MemoryLedger();
    const queue = new DeliveryQueue(ledger, ['PACS', 'OTHER'], policy);
    const round = (
      nowMs: number,
      answer: (uid: string) => 'delivered' | 'refused' | 'failed' | 'untried',
    ) => {
      const rows = queue.nextRound('PACS', nowMs);
      for (const row of rows) {
        const outcome = answer(row.sopInstanceUid);
        // A failure that is answered: it takes no time.
        queue.answered(row, { outcome, ...(outcome === 'failed' && { status: 0xa700 }) });
      }
      queue.roundEnded('PACS', nowMs);
      return rows.map(({ sopInstanceUid }) => sopInstanceUid);
    };
    return { ledger, queue, round };
  };

  it('delivers in rounds', () => {
    const { ledger, round } = setUp();
    ledger.add('1', '2', '3');
    expect(round(0, () => 'delivered')).toEqual(['1', '2']);
    expect(round(0, () => 'delivered')).toEqual(['3']);
    expect(round(0, () => 'delivered')).toEqual([]);
  });

  it('leaves a destination alone that does not answer, for longer and longer, and blames no instance', () => {
    const { ledger, queue, round } = setUp();
    ledger.add('1');
    const triedMs: number[] = [];
    for (let nowMs = 0; nowMs < 500; nowMs += 5)
      if (round(nowMs, () => 'untried').length > 0) triedMs.push(nowMs);
    expect(triedMs).toEqual([0, 10, 30, 70, 150, 250, 350, 450]);
    expect(ledger.rows[0]?.attempts).toBe(0);
    expect(round(550, () => 'delivered')).toEqual(['1']);
    expect(queue.notBeforeMs('PACS')).toBe(0);
  });

  it('postpones an instance that fails while others arrive, and gives it up in the end', () => {
    const { ledger, round } = setUp();
    ledger.add('bad');
    for (const uid of ['1', '2', '3']) {
      ledger.add(uid);
      round(uid === '1' ? 0 : Number(uid) * 1000, (each) => (each === 'bad' ? 'failed' : 'delivered'));
    }
    expect(ledger.log).toEqual([
      '1 delivered',
      'bad postponed to 10 after 1',
      '2 delivered',
      'bad postponed to 2020 after 2',
      '3 delivered',
      'bad refused',
    ]);
  });

  it('never gives an instance up while nothing arrives: a day without a PACS costs nothing but time', () => {
    const { ledger, round } = setUp();
    ledger.add('1');
    for (let nowMs = 0; nowMs < 86_400; nowMs += 100) round(nowMs, () => 'failed');
    expect(ledger.rows).toMatchObject([{ attempts: 0 }]);
  });

  it('lets one that waits not keep the others waiting', () => {
    const { ledger, round } = setUp();
    ledger.add('bad', '1', '2', '3');
    round(0, (uid) => (uid === 'bad' ? 'failed' : 'delivered'));
    expect(round(0, () => 'delivered')).toEqual(['2', '3']);
  });

  it('is hurried by a person, also where it is left alone', () => {
    const { ledger, queue, round } = setUp();
    ledger.add('1');
    round(0, () => 'untried');
    expect(round(5, () => 'delivered')).toEqual([]);
    queue.hurry('PACS');
    expect(round(5, () => 'delivered')).toEqual(['1']);
  });

  it('says when the oldest waits too long', () => {
    const { ledger, queue } = setUp();
    expect(queue.oldest('PACS', 5000)).toEqual({ waitingMs: 0, isTooLong: false });
    ledger.add('1');
    expect(queue.oldest('PACS', 1000)).toEqual({ waitingMs: 1000, isTooLong: false });
    expect(queue.oldest('PACS', 1001)).toEqual({ waitingMs: 1001, isTooLong: true });
  });
});
