/** Goal: what a modality says of a study closes it at once when it is exactly what is there, and never otherwise. */
import { expect, it } from 'vitest';
import { SenderLedger } from '../../../../sender/ledger/ledger.ts';
import { ProcedureStepClosing } from '../../../../sender/schedule/procedure-step-closing.ts';
import { instanceRow } from '../rows.ts';

const studyUid = '1.2';

function low() {
  const ledger = new SenderLedger(':memory:');
  const closed: string[] = [];
  const steps = new ProcedureStepClosing(ledger, (uid) => void closed.push(uid));
  return {
    closed,
    begin: (step: string) => steps.stepBegan('ct', step, [studyUid]),
    beginOther: (step: string, studyUids: string[]) => steps.stepBegan('other', step, studyUids),
    take: (...uids: string[]) => {
      const rows = uids.map((uid) => instanceRow(uid, { studyUid, sopInstanceUid: uid }));
      for (const row of rows) ledger.instances.enter(row);
      steps.instancesEntered(rows);
    },
    end: (step: string, named: string[], more: { known?: boolean; status?: 'DISCONTINUED' } = {}) =>
      steps.stepEnded({
        scanner: 'ct',
        procedureStepUid: step,
        callingAe: 'SCANNER',
        status: more.status ?? 'COMPLETED',
        studyUids: more.known === false ? [] : [studyUid],
        series: [
          {
            seriesUid: '1.2.1',
            instances: named.map((sopInstanceUid) => ({ sopClassUid: '1.2.3', sopInstanceUid })),
          },
        ],
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

it('leaves a study to quiet time that holds an instance nobody named', () => {
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

it('forgets no step of a scanner for those of another one', () => {
  const { closed, begin, beginOther, take, end } = low();
  begin('9.1');
  end('9.2', ['1', '2']);
  for (let number = 0; number < 1000; number += 1)
    beginOther(
      `8.${number}`,
      Array.from({ length: 500 }, (_, study) => `8.${number}.${study}`),
    );
  take('1', '2');
  // The first step goes on.
  expect(closed).toEqual([]);
  end('9.1', ['1']);
  expect(closed).toEqual([studyUid]);
});
