import { inflateRawSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import {
  type DataSet,
  encodeDataSet,
  encodeFile,
  type TransferSyntaxName,
  transferSyntaxes,
} from '../../harness/dicom-writer.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** Written by hand after PS3.5 section 7.1: spaces are for the reader. */
const compact = (text: string): string => text.replaceAll(/\s/g, '');

const everyKind: DataSet = [
  { tag: 0x7fe00010, vr: 'OW', value: Uint16Array.of(0x0102, 0xff00) },
  { tag: 0x00100010, vr: 'PN', value: 'A^B' },
  { tag: 0x00080018, vr: 'UI', value: '1.2.3' },
  { tag: 0x00280009, vr: 'AT', value: 0x00181063 },
  { tag: 0x00280010, vr: 'US', value: 512 },
  { tag: 0x00290010, vr: 'UN', value: Uint8Array.of(1, 2, 3) },
  { tag: 0x00189220, vr: 'FD', value: [1.5] },
];

describe('encodeDataSet', () => {
  it.each<[TransferSyntaxName, string]>([
    [
      'explicitLittleEndian',
      `0800 1800 5549 0600 312e322e3300
       1000 1000 504e 0400 415e4220
       1800 2092 4644 0800 000000000000f83f
       2800 0900 4154 0400 18006310
       2800 1000 5553 0200 0002
       2900 1000 554e 0000 04000000 01020300
       e07f 1000 4f57 0000 04000000 020100ff`,
    ],
    [
      'implicitLittleEndian',
      `0800 1800 06000000 312e322e3300
       1000 1000 04000000 415e4220
       1800 2092 08000000 000000000000f83f
       2800 0900 04000000 18006310
       2800 1000 02000000 0002
       2900 1000 04000000 01020300
       e07f 1000 04000000 020100ff`,
    ],
    [
      'explicitBigEndian',
      `0008 0018 5549 0006 312e322e3300
       0010 0010 504e 0004 415e4220
       0018 9220 4644 0008 3ff8000000000000
       0028 0009 4154 0004 00181063
       0028 0010 5553 0002 0200
       0029 0010 554e 0000 00000004 01020300
       7fe0 0010 4f57 0000 00000004 0102ff00`,
    ],
  ])('writes every kind of value in %s', (name, expected) => {
    expect(hex(encodeDataSet(everyKind, transferSyntaxes[name]))).toBe(compact(expected));
  });

  const nested: DataSet = [
    {
      tag: 0x00082112,
      vr: 'SQ',
      value: [[{ tag: 0x00080060, vr: 'CS', value: 'CT' }], []],
    },
  ];

  it('gives sequences their length', () => {
    expect(hex(encodeDataSet(nested, transferSyntaxes.implicitLittleEndian))).toBe(
      compact(`0800 1221 1a000000
        feff 00e0 0a000000  0800 6000 02000000 4354
        feff 00e0 00000000`),
    );
  });

  it('or ends them with delimiters', () => {
    const options = { undefinedLengths: true };
    expect(hex(encodeDataSet(nested, transferSyntaxes.explicitLittleEndian, options))).toBe(
      compact(`0800 1221 5351 0000 ffffffff
        feff 00e0 ffffffff  0800 6000 4353 0200 4354  feff 0de0 00000000
        feff 00e0 ffffffff  feff 0de0 00000000
        feff dde0 00000000`),
    );
  });

  it('frames fragments with an offset table', () => {
    const value = { offsets: [0, 10], fragments: [Uint8Array.of(1), Uint8Array.of(2, 3)] };
    const dataSet: DataSet = [{ tag: 0x7fe00010, vr: 'OB', value }];
    expect(hex(encodeDataSet(dataSet, transferSyntaxes.jpegBaseline))).toBe(
      compact(`e07f 1000 4f42 0000 ffffffff
        feff 00e0 08000000 00000000 0a000000
        feff 00e0 02000000 0100
        feff 00e0 02000000 0203
        feff dde0 00000000`),
    );
    expect(() => encodeDataSet(dataSet, transferSyntaxes.explicitBigEndian)).toThrow();
  });

  it('grows from any start', () => {
    const dataSet: DataSet = [{ tag: 0x00420011, vr: 'OB', value: new Uint8Array(100_000).fill(7) }];
    const encode = (expectedBytes: number) =>
      hex(encodeDataSet(dataSet, transferSyntaxes.explicitLittleEndian, { expectedBytes }));
    expect(encode(1)).toBe(encode(200_000));
  });

  it('refuses a tag twice and a value that is too long', () => {
    const twice: DataSet = [
      { tag: 0x00080060, vr: 'CS', value: 'CT' },
      { tag: 0x00080060, vr: 'CS', value: 'MR' },
    ];
    const syntax = transferSyntaxes.explicitLittleEndian;
    expect(() => encodeDataSet(twice, syntax)).toThrow();
    expect(() => encodeDataSet([{ tag: 0x00080060, vr: 'CS', value: 'A'.repeat(17) }], syntax)).toThrow();
    const parts = 'A'.repeat(16);
    expect(() =>
      encodeDataSet([{ tag: 0x00080008, vr: 'CS', value: `${parts}\\${parts}` }], syntax),
    ).not.toThrow();
    expect(() => encodeDataSet([{ tag: 0x00104000, vr: 'LT', value: 'A'.repeat(0xffff) }], syntax)).toThrow();
  });
});

describe('encodeFile', () => {
  const dataSet: DataSet = [
    { tag: 0x00080016, vr: 'UI', value: '1.2.840.10008.5.1.4.1.1.7' },
    { tag: 0x00080018, vr: 'UI', value: '1.2.3' },
    { tag: 0x00104000, vr: 'LT', value: 'nobody' },
  ];

  it('starts with preamble, prefix and a group length that is right', () => {
    const file = Buffer.from(encodeFile(dataSet, transferSyntaxes.explicitBigEndian));
    expect(file.subarray(0, 128).every((byte) => byte === 0)).toBe(true);
    expect(file.toString('latin1', 128, 132)).toBe('DICM');
    expect(hex(file.subarray(132, 140))).toBe('02000000554c0400');
    const body = file.subarray(144 + file.readUInt32LE(140));
    expect(hex(body)).toBe(hex(encodeDataSet(dataSet, transferSyntaxes.explicitBigEndian)));
  });

  it('deflates the data set to an even length', () => {
    for (const name of ['A', 'AB', 'ABC', 'ABCD', 'ABCDE']) {
      const named: DataSet = [...dataSet, { tag: 0x00100010, vr: 'PN', value: name }];
      const file = Buffer.from(encodeFile(named, transferSyntaxes.deflated));
      expect(file.byteLength % 2).toBe(0);
      const body = inflateRawSync(file.subarray(144 + file.readUInt32LE(140)));
      expect(hex(body)).toBe(hex(encodeDataSet(named, transferSyntaxes.explicitLittleEndian)));
    }
  });

  it('needs a SOP class and a SOP instance', () => {
    expect(() => encodeFile([], transferSyntaxes.explicitLittleEndian)).toThrow();
  });
});
