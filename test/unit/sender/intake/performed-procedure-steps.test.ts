import { describe, expect, it } from 'vitest';
import {
  PerformedProcedureSteps,
  type ProcedureStepReport,
  type StepSource,
} from '../../../../sender/intake/performed-procedure-steps.ts';
import { commandFields } from '../../../../shared/dicom/dimse/command.ts';
import { DiodeError } from '../../../../shared/errors.ts';
import { type DataSet, encodeDataSet, transferSyntaxes } from '../../../harness/dicom-writer.ts';

const step = '1.2.3.100';
const stepClass = '1.2.840.10008.3.1.2.3.3';
const syntaxes = [
  transferSyntaxes.implicitLittleEndian,
  transferSyntaxes.explicitLittleEndian,
  transferSyntaxes.explicitBigEndian,
] as const;

const creation: DataSet = [
  { tag: 0x0040_0252, vr: 'CS', value: 'IN PROGRESS' },
  { tag: 0x0010_0010, vr: 'PN', value: 'SYNTHETIC^ONE' },
  { tag: 0x0040_0270, vr: 'SQ', value: [[{ tag: 0x0020_000d, vr: 'UI', value: '1.2.3' }]] },
  { tag: 0x0040_0340, vr: 'SQ', value: [] },
];

function reference(sopInstanceUid: string): DataSet {
  return [
    { tag: 0x0008_1150, vr: 'UI', value: '1.2.840.10008.5.1.4.1.1.2' },
    { tag: 0x0008_1155, vr: 'UI', value: sopInstanceUid },
  ];
}

function ending(status: string, references: readonly DataSet[] = [reference('1.2.3.4.1')]): DataSet {
  const series: DataSet = [
    { tag: 0x0008_1140, vr: 'SQ', value: references },
    { tag: 0x0020_000e, vr: 'UI', value: '1.2.3.4' },
    { tag: 0x0040_0220, vr: 'SQ', value: [reference('1.2.3.4.9')] },
  ];
  return [
    { tag: 0x0040_0252, vr: 'CS', value: status },
    { tag: 0x0040_0340, vr: 'SQ', value: [series] },
  ];
}

function from(transferSyntaxUid: string = syntaxes[0].uid, scanner = '192.0.2.1'): StepSource {
  return { transferSyntaxUid, scanner, callingAe: 'SCANNER' };
}

function scp(ended?: (report: ProcedureStepReport) => void) {
  const reports: ProcedureStepReport[] = [];
  const begun: [string, readonly string[]][] = [];
  const steps = new PerformedProcedureSteps({
    stepBegan: (_scanner, uid, studyUids) => void begun.push([uid, studyUids]),
    stepEnded: ended ?? ((report) => void reports.push(report)),
  });
  const send = async (
    field: number,
    dataSet: DataSet,
    syntax = syntaxes[0] as (typeof syntaxes)[number],
    undefinedLengths = false,
  ) => {
    const uids =
      field === commandFields.create
        ? { affectedSopClassUid: stepClass, affectedSopInstanceUid: step }
        : { requestedSopClassUid: stepClass, requestedSopInstanceUid: step };
    const request = steps.begin({ field, hasDataSet: true, messageId: 1, ...uids }, from(syntax.uid));
    const bytes = encodeDataSet(dataSet, syntax, { undefinedLengths });
    for (let start = 0; start < bytes.length; start += 50) request.take(bytes.subarray(start, start + 50));
    return (await request.finish()).status;
  };
  return {
    reports,
    steps,
    create: (dataSet = creation, syntax = syntaxes[0] as (typeof syntaxes)[number]) =>
      send(commandFields.create, dataSet, syntax),
    set: (dataSet: DataSet, syntax = syntaxes[0] as (typeof syntaxes)[number], undefinedLengths = false) =>
      send(commandFields.set, dataSet, syntax, undefinedLengths),
  };
}

describe('a performed procedure step', () => {
  it.each(
    syntaxes.flatMap(
      (syntax) =>
        [
          [syntax, false],
          [syntax, true],
        ] as const,
    ),
  )('gives the exact list at its end: %j, undefined lengths %s', async (syntax, undefinedLengths) => {
    const { reports, create, set } = scp();
    expect(await create(creation, syntax)).toBe(0);
    expect(await set(ending('IN PROGRESS'), syntax, undefinedLengths)).toBe(0);
    expect(reports).toEqual([]);
    expect(
      await set(
        ending('COMPLETED', [reference('1.2.3.4.1'), reference('1.2.3.4.2')]),
        syntax,
        undefinedLengths,
      ),
    ).toBe(0);
    const sopClassUid = '1.2.840.10008.5.1.4.1.1.2';
    const instances = ['1.2.3.4.1', '1.2.3.4.2', '1.2.3.4.9'].map((sopInstanceUid) => ({
      sopClassUid,
      sopInstanceUid,
    }));
    expect(reports).toEqual([
      {
        procedureStepUid: step,
        scanner: '192.0.2.1',
        callingAe: 'SCANNER',
        status: 'COMPLETED',
        studyUids: ['1.2.3'],
        series: [{ seriesUid: '1.2.3.4', instances }],
      },
    ]);
  });

  it('keeps the list of an earlier update', async () => {
    const { reports, create, set } = scp();
    await create();
    await set(ending('IN PROGRESS'));
    await set([{ tag: 0x0040_0252, vr: 'CS', value: 'DISCONTINUED' }]);
    expect(reports).toMatchObject([{ status: 'DISCONTINUED', series: [{ seriesUid: '1.2.3.4' }] }]);
  });

  it('is taken when it began before this program did', async () => {
    const { reports, set } = scp();
    expect(await set(ending('COMPLETED'))).toBe(0);
    expect(reports).toMatchObject([{ studyUids: [], series: [{ instances: [{}, {}] }] }]);
  });

  it('is created once and ended once', async () => {
    const { create, set } = scp();
    await create();
    expect(await create()).toBe(0x0111);
    await set(ending('COMPLETED'));
    expect(await set(ending('COMPLETED'))).toBe(0x0110);
  });

  it('is not ended when its end could not be kept', async () => {
    let fails = true;
    const { set } = scp(() => {
      if (fails) throw new DiodeError('E_LEDGER');
    });
    expect(await set(ending('COMPLETED'))).toBe(0x0110);
    fails = false;
    expect(await set(ending('COMPLETED'))).toBe(0);
  });

  it('with one malformed UID is refused as a whole: its list would not be exact', async () => {
    const { reports, set } = scp();
    expect(await set(ending('COMPLETED', [reference('1.2.3'), reference('x')]))).toBe(0x0110);
    expect(reports).toEqual([]);
  });

  it.each([
    ['cut off', Buffer.from('400052020A000000434F', 'hex')],
    ['too long', Buffer.alloc(5 * 2 ** 20)],
    [
      'sequences in sequences without end',
      Buffer.from('40004003ffffffff'.padEnd(16) + 'feff00e0ffffffff40004003ffffffff'.repeat(20), 'hex'),
    ],
  ])('is refused when its data set is %s', async (what, bytes) => {
    const { steps } = scp();
    const command = {
      field: commandFields.set,
      hasDataSet: true,
      messageId: 1,
      requestedSopInstanceUid: step,
    };
    const request = steps.begin(command, from());
    request.take(bytes);
    // What is too long is refused as what is too large: for want of resources (PS3.7 annex C.4.11).
    const status = what === 'too long' ? 0x0213 : 0x0110;
    expect(await request.finish()).toMatchObject({ status });
  });

  it('without its UID is refused', async () => {
    const { steps } = scp();
    for (const field of [commandFields.create, commandFields.set]) {
      const request = steps.begin({ field, hasDataSet: true, messageId: 1 }, from());
      expect(await request.finish()).toEqual({ status: 0x0117 });
    }
  });
});

describe('steps of several scanners', () => {
  const uidOf = (number: number) => `1.2.3.${number}`;
  const listing = (count: number) =>
    encodeDataSet(
      ending(
        'IN PROGRESS',
        Array.from({ length: count }, (_, number) => reference(`1.2.840.10008.1234567890.${number}`)),
      ),
      syntaxes[0],
    );

  async function ask(
    steps: PerformedProcedureSteps,
    scanner: string,
    field: number,
    uid: string,
    bytes: Uint8Array,
  ): Promise<number> {
    const uids = { affectedSopInstanceUid: uid, requestedSopInstanceUid: uid };
    const command = { field, hasDataSet: true, messageId: 1, ...uids };
    const request = steps.begin(command, from(syntaxes[0].uid, scanner));
    request.take(bytes);
    return (await request.finish()).status;
  }

  it('never go for those of another one, however many it sends', async () => {
    const { steps } = scp();
    const begins = encodeDataSet(creation, syntaxes[0]);
    expect(await ask(steps, 'a', commandFields.create, uidOf(1), begins)).toBe(0);
    const large = listing(9000);
    for (let number = 2; number < 40; number += 1)
      expect(await ask(steps, 'b', commandFields.set, uidOf(number), large)).toBe(0);
    for (let number = 40; number < 400; number += 1)
      expect(await ask(steps, 'b', commandFields.create, uidOf(number), begins)).toBe(0);
    expect(await ask(steps, 'a', commandFields.create, uidOf(1), begins)).toBe(0x0111);
    // Its own oldest went for its newest.
    expect(await ask(steps, 'b', commandFields.create, uidOf(2), begins)).toBe(0);
    expect(await ask(steps, 'b', commandFields.create, uidOf(399), begins)).toBe(0x0111);
  });

  it('are changed by nobody but the one that began them', async () => {
    const { steps, reports } = scp();
    await ask(steps, 'a', commandFields.create, uidOf(1), encodeDataSet(creation, syntaxes[0]));
    await ask(steps, 'b', commandFields.set, uidOf(1), encodeDataSet(ending('COMPLETED'), syntaxes[0]));
    expect(reports).toMatchObject([{ scanner: 'b', studyUids: [] }]);
    expect(
      await ask(steps, 'a', commandFields.set, uidOf(1), encodeDataSet(ending('COMPLETED'), syntaxes[0])),
    ).toBe(0);
  });

  it('that list more than any scanner does are refused as a lack of resources', async () => {
    const { steps } = scp();
    expect(await ask(steps, 'a', commandFields.set, uidOf(1), listing(9_990))).toBe(0);
    expect(await ask(steps, 'a', commandFields.set, uidOf(1), listing(10_000))).toBe(0x0213);
  });

  it('take bounded memory, whatever they list', async () => {
    const { steps } = scp();
    const large = listing(9_990);
    for (let scanner = 0; scanner < 3; scanner += 1)
      for (let number = 0; number < 12; number += 1)
        await ask(steps, String(scanner), commandFields.set, uidOf(number), large);
    expect(steps.bytes).toBeLessThanOrEqual(32 * 2 ** 20);
  });
});
