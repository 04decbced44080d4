/**
 * Goal: beside images, the port for scanners takes performed procedure steps and, where it is switched on, requests for
 * storage commitment. Method: a scanner played by hand against our SCP.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ProcedureStepReport } from '../../sender/intake/performed-procedure-steps.ts';
import type { StorageScp, StorageScpOptions } from '../../sender/intake/storage-scp.ts';
import { NestedDataSet } from '../../shared/dicom/nested-data-set.ts';
import { encodingOf } from '../../shared/dicom/transfer-syntax.ts';
import { DiodeError } from '../../shared/errors.ts';
import {
  associateRequest,
  commandElement,
  commandSet,
  control,
  ctImageStorage,
  dataPdu,
  explicitLittle,
  responseCommand,
  uidValue,
  uint16,
} from '../harness/association-bytes.ts';
import { collectingScp } from '../harness/collecting-scp.ts';
import { encodeDataSet, transferSyntaxes } from '../harness/dicom-writer.ts';
import { RawConnection, splitPdus } from '../harness/raw-connection.ts';

let scps: StorageScp[] = [];

beforeEach(() => {
  scps = [];
});

afterEach(() => Promise.all(scps.map((scp) => scp.close())));

async function start(options: Partial<StorageScpOptions>): Promise<StorageScp> {
  const { scp } = await collectingScp(['DIODE'], options);
  scps.push(scp);
  return scp;
}

it('a performed procedure step gives its list over the same port', async () => {
  const reports: ProcedureStepReport[] = [];
  const scp = await start({
    procedureSteps: { stepBegan: () => {}, stepEnded: (report) => void reports.push(report) },
  });
  const stepClass = '1.2.840.10008.3.1.2.3.3';
  const connection = await RawConnection.to(scp.port);
  connection.send(
    associateRequest({
      contexts: [{ id: 1, abstractSyntax: stepClass, transferSyntaxes: [explicitLittle] }],
    }),
  );
  const command = (field: number, classElement: number, instanceElement: number) =>
    commandSet(
      commandElement(classElement, uidValue(stepClass)),
      commandElement(0x0100, uint16(field)),
      commandElement(0x0110, uint16(1)),
      commandElement(0x0800, uint16(1)),
      commandElement(instanceElement, uidValue('1.2.3.100')),
    );
  const dataSet = (status: string) =>
    encodeDataSet(
      [
        { tag: 0x0040_0252, vr: 'CS', value: status },
        { tag: 0x0040_0270, vr: 'SQ', value: [[{ tag: 0x0020_000d, vr: 'UI', value: '1.2.3' }]] },
      ],
      transferSyntaxes.explicitLittleEndian,
    );
  connection.send(
    dataPdu(1, control.lastCommand, command(0x0140, 0x0002, 0x1000)),
    dataPdu(1, control.lastData, dataSet('IN PROGRESS')),
    dataPdu(1, control.lastCommand, command(0x0120, 0x0003, 0x1001)),
    dataPdu(1, control.lastData, dataSet('COMPLETED')),
  );
  await connection.pdus(3);
  expect(reports).toMatchObject([
    { procedureStepUid: '1.2.3.100', status: 'COMPLETED', studyUids: ['1.2.3'] },
  ]);
  connection.socket.destroy();
});

describe('storage commitment, where it is switched on', () => {
  const commitment = '1.2.840.10008.1.20.1';

  async function ask(scp: StorageScp, uids: readonly string[]) {
    const connection = await RawConnection.to(scp.port);
    connection.send(
      associateRequest({
        contexts: [{ id: 1, abstractSyntax: commitment, transferSyntaxes: [explicitLittle] }],
        maximumLength: 128,
      }),
    );
    await connection.pdus(1);
    const references = uids.map((uid) => [
      { tag: 0x0008_1150, vr: 'UI', value: ctImageStorage } as const,
      { tag: 0x0008_1155, vr: 'UI', value: uid } as const,
    ]);
    const dataSet = encodeDataSet(
      [
        { tag: 0x0008_1195, vr: 'UI', value: '1.2.3.99' },
        { tag: 0x0008_1199, vr: 'SQ', value: references },
      ],
      transferSyntaxes.explicitLittleEndian,
    );
    const command = commandSet(
      commandElement(0x0003, uidValue(commitment)),
      commandElement(0x0100, uint16(0x0130)),
      commandElement(0x0110, uint16(9)),
      commandElement(0x0800, uint16(0)),
      commandElement(0x1001, uidValue('1.2.840.10008.1.20.1.1')),
      commandElement(0x1008, uint16(1)),
    );
    connection.send(dataPdu(1, control.lastCommand, command), dataPdu(1, control.lastData, dataSet));
    return connection;
  }

  /** Command bytes, and bytes of the data set, of all that was answered. */
  function answered(pdus: readonly Buffer[]) {
    const values = pdus.slice(1).map((pdu) => ({ control: pdu[11] ?? 0, bytes: pdu.subarray(12) }));
    const of = (isCommand: number) =>
      Buffer.concat(values.filter((value) => (value.control & 1) === isCommand).map(({ bytes }) => bytes));
    return { commands: of(1), dataSet: of(0), isWhole: values.at(-1)?.control === 2 };
  }

  it.each([
    ['all is kept', ['1.2.3.4.1', '1.2.3.4.2'], 1, ['1.2.3.4.1', '1.2.3.4.2'], []],
    ['one is not', ['1.2.3.4.1', '1.2.3.4.7'], 2, ['1.2.3.4.1'], ['1.2.3.4.7']],
    ['none is', ['1.2.3.4.7'], 2, [], ['1.2.3.4.7']],
  ] as const)('is reported on the same association: %s', async (_, uids, eventType, kept, failed) => {
    const scp = await start({ isKept: (uid) => /^1\.2\.3\.4\.[12]$/.test(uid) });
    const connection = await ask(scp, uids);
    await expect.poll(() => answered(splitPdus(connection.heard)).isWhole, { timeout: 10_000 }).toBe(true);
    const { commands, dataSet } = answered(splitPdus(connection.heard));
    // N-ACTION-RSP with success, then N-EVENT-REPORT-RQ with its type.
    expect(commands.includes(Buffer.from('0000000902000000' + '0000', 'hex'))).toBe(true);
    expect(
      commands.includes(Buffer.from(`0000021002000000${eventType === 1 ? '0100' : '0200'}`, 'hex')),
    ).toBe(true);
    const references = new Set([0x0008_1198, 0x0008_1199]);
    const read = NestedDataSet.read(dataSet, encodingOf(explicitLittle), references, 1000);
    if (read instanceof DiodeError) throw read;
    expect(read.text(0x0008_1195)).toBe('1.2.3.99');
    const named = (tag: number) => read.items(tag).map((item) => item.text(0x0008_1155));
    expect(named(0x0008_1199)).toEqual(kept);
    expect(named(0x0008_1198)).toEqual(failed);

    // Its answer is taken once; a second one is to nothing that was asked.
    const answer = responseCommand(0x8100, 1, 0);
    const before = splitPdus(connection.heard).length;
    connection.send(dataPdu(1, control.lastCommand, answer));
    connection.send(dataPdu(1, control.lastCommand, answer));
    expect(
      splitPdus(await connection.closed)
        .slice(before)
        .map(([type]) => type),
    ).toEqual([7]);
  });

  it('of nothing, or of what is no UID, is refused', async () => {
    const scp = await start({ isKept: () => true });
    for (const uids of [[], ['../x']]) {
      const connection = await ask(scp, uids);
      const [, response] = await connection.pdus(2);
      expect(response?.includes(Buffer.from('00000009020000001001', 'hex'))).toBe(true);
      connection.socket.destroy();
    }
  });
});
