import dicomParser from 'dicom-parser';
import { expect, it } from 'vitest';
import { readInstanceHeader } from '../../../../shared/dicom/instance-header.ts';
import { part10Header } from '../../../../shared/dicom/part10-meta.ts';
import { implementationClassUid } from '../../../../shared/dicom/upper-layer/implementation.ts';
import { encodeDataSet, transferSyntaxes } from '../../../harness/dicom-writer.ts';

const uids = {
  sopClassUid: '1.2.840.10008.5.1.4.1.1.7',
  sopInstanceUid: '1.2.3.40',
  transferSyntaxUid: transferSyntaxes.explicitLittleEndian.uid,
};

it('makes a Part 10 file of a data set, as another reader sees it', () => {
  const dataSet = encodeDataSet(
    [
      { tag: 0x0008_0016, vr: 'UI', value: uids.sopClassUid },
      { tag: 0x0008_0018, vr: 'UI', value: uids.sopInstanceUid },
      { tag: 0x0020_000d, vr: 'UI', value: '1.2.3' },
      { tag: 0x0020_000e, vr: 'UI', value: '1.2.3.4' },
    ],
    transferSyntaxes.explicitLittleEndian,
  );
  const header = part10Header(uids);
  const file = Buffer.concat([header, dataSet]);
  expect(readInstanceHeader(file, file.length)).toMatchObject({
    sopInstanceUid: uids.sopInstanceUid,
    metaSopInstanceUid: uids.sopInstanceUid,
    metaSopClassUid: uids.sopClassUid,
    transferSyntaxUid: uids.transferSyntaxUid,
    dataSetOffsetBytes: header.length,
  });
  const parsed = dicomParser.parseDicom(file);
  expect(parsed.uint32('x00020000')).toBe(header.length - 144);
  expect(parsed.string('x00020002')).toBe(uids.sopClassUid);
  expect(parsed.string('x00020003')).toBe(uids.sopInstanceUid);
  expect(parsed.string('x00020010')).toBe(uids.transferSyntaxUid);
  expect(parsed.string('x00020012')).toBe(implementationClassUid);
  expect(parsed.string('x00020013')).toBe('DICOM-DIODE');
  expect(file.subarray(0, 128).every((byte) => byte === 0)).toBe(true);
});

it('writes only UIDs', () => {
  expect(() => part10Header({ ...uids, sopInstanceUid: '../x' })).toThrow();
});

// A file taken in twice is known by its hash: another name in it would make it another file.
it('says who wrote it in words that never change', () => {
  expect(implementationClassUid).toMatch(/^2\.25\.\d{30,39}$/);
  expect(part10Header(uids)).toEqual(part10Header(uids));
});
