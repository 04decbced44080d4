import { describe, expect, it } from 'vitest';
import { DataSetWriter } from '../../../../shared/dicom/data-set-writer.ts';
import { encodingOf } from '../../../../shared/dicom/transfer-syntax.ts';
import { encodeDataSet, transferSyntaxes } from '../../../harness/dicom-writer.ts';

/** Compared with the tests' own writer, which shares no code with it. */
describe.each([
  transferSyntaxes.implicitLittleEndian,
  transferSyntaxes.explicitLittleEndian,
  transferSyntaxes.explicitBigEndian,
])('in $uid', (syntax) => {
  it('a data set has the bytes it has to have', () => {
    const writer = new DataSetWriter(encodingOf(syntax.uid));
    writer.uid(0x0008_1195, '1.2.3');
    writer.sequence(0x0008_1198, ['1.2.3.4', '1.2.3.45'], (uid) => {
      writer.uid(0x0008_1155, uid);
      writer.unsignedShort(0x0008_1197, 0x0112);
    });
    writer.sequence(0x0008_1199, [], () => {});
    const item = (value: string) =>
      [
        { tag: 0x0008_1155, vr: 'UI', value },
        { tag: 0x0008_1197, vr: 'US', value: 0x0112 },
      ] as const;
    const expected = encodeDataSet(
      [
        { tag: 0x0008_1195, vr: 'UI', value: '1.2.3' },
        { tag: 0x0008_1198, vr: 'SQ', value: [item('1.2.3.4'), item('1.2.3.45')] },
        { tag: 0x0008_1199, vr: 'SQ', value: [] },
      ],
      syntax,
      { undefinedLengths: true },
    );
    expect(Buffer.from(writer.bytes()).toString('hex')).toBe(Buffer.from(expected).toString('hex'));
  });
});
