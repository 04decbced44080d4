/** Goal: a request for storage commitment, however long, keeps nobody waiting, and is refused beyond a bound. */
import { expect, it } from 'vitest';
import { MessageRoom } from '../../../../sender/intake/message-room.ts';
import { CommitmentRequest } from '../../../../sender/intake/storage-commitment.ts';
import { encodeDataSet, transferSyntaxes } from '../../../harness/dicom-writer.ts';

const syntax = transferSyntaxes.explicitLittleEndian;

function requestOf(references: number, isKept: (sopInstanceUid: string) => boolean): CommitmentRequest {
  const request = new CommitmentRequest({
    isKept,
    transferSyntaxUid: syntax.uid,
    actionTypeId: 1,
    message: new MessageRoom().begin('192.0.2.1'),
  });
  const items = Array.from({ length: references }, (_, number) => [
    { tag: 0x0008_1150, vr: 'UI' as const, value: '1.2.3' },
    { tag: 0x0008_1155, vr: 'UI' as const, value: `1.2.${number}` },
  ]);
  request.take(
    encodeDataSet(
      [
        { tag: 0x0008_1195, vr: 'UI', value: '1.2.9' },
        { tag: 0x0008_1199, vr: 'SQ', value: items },
      ],
      syntax,
    ),
  );
  return request;
}

it('is looked up in turns with everything else, each instance once', async () => {
  let turns = 0;
  let asked = 0;
  let done = false;
  const others = (): void => {
    turns += 1;
    if (!done) setImmediate(others);
  };
  setImmediate(others);
  const outcome = await requestOf(5000, () => {
    asked += 1;
    return true;
  }).finish();
  done = true;
  expect(outcome).toMatchObject({ status: 0, report: { eventTypeId: 1 } });
  expect(asked).toBe(5000);
  expect(turns).toBeGreaterThan(20);
});

it('of more references than the bound is refused as a lack of resources', async () => {
  expect(await requestOf(20_001, () => true).finish()).toMatchObject({ status: 0x0213 });
});
