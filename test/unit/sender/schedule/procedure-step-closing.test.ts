/** Goal: what a modality says of a study closes it at once when it is exactly what is there, and never otherwise. */
import { expect, it, vi } from 'vitest';
import type { ProcedureStepReport } from '../../../../sender/intake/performed-procedure-steps.ts';
import { SenderLedger } from '../../../../sender/ledger/ledger.ts';
import { ProcedureStepClosing } from '../../../../sender/schedule/procedure-step-closing.ts';
import { instanceRow } from '../rows.ts';

const studyUid = '1.2';

function report(
  scanner: string,
  procedureStepUid: string,
  named: readonly string[],
  studyUids: readonly string[],
): ProcedureStepReport {
  const instances = named.map((sopInstanceUid) => ({ sopClassUid: '1.2.3', sopInstanceUid }));
  const series = [{ seriesUid: '1.2.1', instances }];
  return { scanner, procedureStepUid, callingAe: 'SCANNER', status: 'COMPLETED', studyUids, series };
}

function low() {
  const ledger = new SenderLedger(':memory:');
  const closed: string[] = [];
  const steps = new ProcedureStepClosing(ledger, (uid) => void closed.push(uid));
  return {
    ledger,
    closed,
    begin: (step: string) => steps.stepBegan('ct', step, [studyUid]),
    beginOther: (step: string, studyUids: string[]) => steps.stepBegan('other', step, studyUids),
    take: (...uids: string[]) => {
      const rows = uids.map((uid) => instanceRow(uid, { studyUid, sopInstanceUid: uid }));
      for (const row of rows) ledger.instances.enter(row);
      steps.instancesEntered(rows);
    },
    endOther: (step: string, named: string[]) => steps.stepEnded(report('other', step, named, [])),
    end: (step: string, named: string[], more: { known?: boolean; status?: 'DISCONTINUED' } = {}) =>
      steps.stepEnded({
        ...report('ct', step, named, more.known === false ? [] : [studyUid]),
        ...(more.status !== undefined && { status: more.status }),
      }),
  };
}

it('closes a study whose instances are all there when its step is completed', () => {
  const { closed, begin, take, end } = low();
  begin('9.1');
  take('1', '2');
  expect(closed).toEqual([]);
  end('9.1', ['1', '2']);
  expect(closed).toEqual([studyUid]);
});

it.each([true, false])(
  'closes it with the last instance when the step was completed before; study named: %s',
  (known) => {
    const { closed, take, end } = low();
    end('9.1', ['1', '2', '3'], { known });
    take('1');
    take('2');
    expect(closed).toEqual([]);
    take('3');
    expect(closed).toEqual([studyUid]);
  },
);

it('leaves a study to quiet time that has an instance nobody named', () => {
  const { closed, take, end } = low();
  take('1', '2', '7');
  end('9.1', ['1', '2']);
  expect(closed).toEqual([]);
});

it('leaves it to quiet time when not all that was named comes, when nothing was named, and when it was discontinued', () => {
  for (const [named, more] of [
    [['1', '2', '3'], {}],
    [[], {}],
    [['1', '2'], { status: 'DISCONTINUED' }],
  ] as const) {
    const { closed, begin, take, end } = low();
    begin('9.1');
    take('1', '2');
    end('9.1', [...named], more);
    expect(closed).toEqual([]);
  }
});

it('waits for all steps of a study', () => {
  const { closed, begin, take, end } = low();
  begin('9.1');
  begin('9.2');
  take('1', '2', '3');
  end('9.1', ['1', '2']);
  expect(closed).toEqual([]);
  end('9.2', ['3']);
  expect(closed).toEqual([studyUid]);
});

it.each(['go on', 'are completed'])(
  'forgets no step of a scanner, completed or not, for those of another one that %s',
  (how) => {
    const { closed, begin, beginOther, endOther, take, end } = low();
    begin('9.1');
    end('9.2', ['1', '2']);
    for (let number = 0; number < 250; number += 1) {
      const uids = Array.from({ length: 500 }, (_, one) => `8.${number}.${one}`);
      if (how === 'go on') beginOther(`8.${number}`, uids);
      else endOther(`8.${number}`, uids);
    }
    take('1', '2');
    // The first step goes on.
    expect(closed).toEqual([]);
    end('9.1', ['1']);
    expect(closed).toEqual([studyUid]);
  },
);

it('forgets the oldest completed step of a scanner for its own newest, and keeps the newest', () => {
  const { closed, take, end } = low();
  end('9.1', ['1']);
  end('9.2', ['2']);
  for (let number = 0; number < 250; number += 1)
    end(
      `8.${number}`,
      Array.from({ length: 500 }, (_, one) => `8.${number}.${one}`),
      { known: false },
    );
  end('9.3', ['1', '2']);
  take('1', '2');
  expect(closed).toEqual([studyUid]);
});

it('judges a step that ends again by its newer list, beside another that waits for the same instance', () => {
  const { closed, take, end } = low();
  end('9.1', ['1', '2']);
  end('9.2', ['2']);
  end('9.1', ['1']);
  take('1');
  // The second step is of the same study.
  expect(closed).toEqual([]);
  take('2');
  expect(closed).toEqual([studyUid]);
});

it('keeps nothing of a step at whose end the ledger refuses, and all that was known before', () => {
  const { ledger, closed, begin, take, end } = low();
  begin('9.1');
  end('9.2', ['1', '2']);
  const studiesOf = vi.spyOn(ledger.instances, 'studiesOf').mockImplementation((uid) => {
    if (uid === 'last') throw new Error('the ledger refuses');
    return [];
  });
  const named = Array.from({ length: 20_000 }, (_, one) => `8.${one}`);
  for (let number = 0; number < 20; number += 1)
    expect(() => end(number < 10 ? '9.1' : `8.${number}`, ['3', ...named, 'last'])).toThrow('refuses');
  studiesOf.mockRestore();
  const looked = vi.spyOn(ledger.studies, 'get');
  take('3');
  // Nobody waits for it.
  expect(looked).not.toHaveBeenCalled();
  take('1', '2');
  // The first step still goes on.
  expect(closed).toEqual([]);
  end('9.1', ['3']);
  expect(closed).toEqual([studyUid]);
});
