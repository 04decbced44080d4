import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readAtDescriptor } from '../../../../shared/dicom/byte-window.ts';
import {
  type InstanceHeader,
  readInstanceHeader,
  readInstanceHeaderFromFile,
} from '../../../../shared/dicom/instance-header.ts';
import { DiodeError } from '../../../../shared/errors.ts';
import { type TransferSyntaxName, transferSyntaxes } from '../../../harness/dicom-writer.ts';
import {
  ctImage,
  delimitedSequence,
  type ElementToWrite,
  element,
  encodeElements,
  encodePart10,
  undefinedLength,
} from '../../../harness/unchecked-writer.ts';

function read(bytes: Uint8Array): InstanceHeader | DiodeError {
  return readInstanceHeaderFromFile(
    (offset, length) => bytes.subarray(offset, offset + length),
    bytes.length,
  );
}

function header(bytes: Uint8Array): InstanceHeader {
  const result = read(bytes);
  if (result instanceof DiodeError) throw result;
  return result;
}

const code = (result: unknown) => (result instanceof DiodeError ? result.code : result);
const image = (...more: ElementToWrite[]) => encodePart10({ dataSet: ctImage({ more }) });

describe('what identifies an instance', () => {
  it.each(Object.keys(transferSyntaxes) as TransferSyntaxName[])('is read in %s', (name) => {
    const bytes = encodePart10({ syntax: transferSyntaxes[name], dataSet: ctImage() });
    expect(header(bytes)).toEqual({
      sopClassUid: '1.2.840.10008.5.1.4.1.1.2',
      sopInstanceUid: '2.25.11',
      studyUid: '2.25.1',
      seriesUid: '2.25.2',
      transferSyntaxUid: transferSyntaxes[name].uid,
      modality: 'CT',
      patient: { id: 'TEST-1', name: 'TEST^PATIENT', birthDate: '19700101' },
      dataSetOffsetBytes: expect.any(Number),
      metaSopClassUid: '1.2.840.10008.5.1.4.1.1.2',
      metaSopInstanceUid: '2.25.11',
    });
  });

  it('is read in an unknown transfer syntax as explicit VR little endian, and where none is named', () => {
    expect(header(encodePart10({ transferSyntaxUid: '2.25.99', dataSet: ctImage() })).transferSyntaxUid).toBe(
      '2.25.99',
    );
    const unnamed = header(encodePart10({ transferSyntaxUid: '', dataSet: ctImage() }));
    expect(unnamed.transferSyntaxUid).toBe('1.2.840.10008.1.2.1');
  });

  it.each(['implicitLittleEndian', 'explicitLittleEndian'] as const)(
    'is read in %s under the other name',
    (name) => {
      const other = name === 'implicitLittleEndian' ? 'explicitLittleEndian' : 'implicitLittleEndian';
      const bytes = encodePart10({
        syntax: transferSyntaxes[name],
        transferSyntaxUid: transferSyntaxes[other].uid,
        dataSet: ctImage(),
      });
      expect(header(bytes).studyUid).toBe('2.25.1');
    },
  );

  it('begins where the data set begins', () => {
    const dataSet = encodeElements(ctImage(), transferSyntaxes.explicitLittleEndian);
    const bytes = image();
    expect(bytes.subarray(header(bytes).dataSetOffsetBytes)).toEqual(dataSet);
  });

  it('loses the padding of its values, spaces and NUL', () => {
    const bytes = encodePart10({
      dataSet: ctImage({
        studyUid: '2.25.1\0\0',
        seriesUid: '2.25.2  ',
        patientName: 'A^B   ',
        patientId: '',
      }),
    });
    expect(header(bytes)).toMatchObject({
      studyUid: '2.25.1',
      seriesUid: '2.25.2',
      patient: { name: 'A^B' },
    });
    expect(header(bytes).patient).not.toHaveProperty('id');
  });

  it('takes the SOP class of the file meta information where the data set has none', () => {
    const dataSet = ctImage().filter(({ tag }) => tag !== 0x0008_0016);
    expect(header(encodePart10({ metaSopClassUid: '1.2.3', dataSet })).sopClassUid).toBe('1.2.3');
    expect(code(read(encodePart10({ dataSet })))).toBe('E_NO_UID');
  });

  it('never gives a modality that is no code string', () => {
    expect(header(image(element(0x0008_0060, 'CS', 'CT\x1b[2J'))).modality).toBeUndefined();
    expect(header(image(element(0x0008_0060, 'CS', ' MR '))).modality).toBe('MR');
  });
});

describe('oddities of vendors before the UIDs', () => {
  /** What follows two zero bytes in place of a short length: a length of 32 bits, and the value. */
  const longForm = Buffer.concat([Buffer.from([8, 0, 0, 0]), Buffer.from('a value.')]);

  it.each<[string, ElementToWrite]>([
    ['a private sequence', delimitedSequence(0x0009_1001, [[element(0x0009_1002, 'LO', 'x')], []])],
    ['a sequence whose inside is broken', element(0x0009_1001, 'SQ', Buffer.from('nothing like items'))],
    ['an unknown representation', element(0x0009_1001, 'XX', 'four')],
    ['an unknown representation of the long form', element(0x0009_1001, 'XX', longForm, 0)],
    ['a representation of two dashes', element(0x0009_1001, '--', 'four')],
    ['a value of 200 KiB', element(0x0009_1001, 'OB', Buffer.alloc(200_000, 1))],
    ['an odd length', element(0x0009_1001, 'OB', Buffer.alloc(7))],
    [
      'an encapsulated private value',
      element(0x0009_1001, 'OB', { fragments: [Buffer.alloc(100)] }, undefinedLength),
    ],
    ['an element of group length', element(0x0008_0000, 'UL', Buffer.alloc(4))],
  ])('%s', (_name, oddity) => {
    expect(header(image(oddity)).studyUid).toBe('2.25.1');
  });

  it('an element without a representation in an explicit data set', () => {
    const odd = encodeElements(
      [element(0x0009_1001, 'LO', 'implicit')],
      transferSyntaxes.implicitLittleEndian,
    );
    const explicit = transferSyntaxes.explicitLittleEndian;
    const before = encodeElements(ctImage().slice(0, 3), explicit);
    const behind = encodeElements(ctImage().slice(3), explicit);
    expect(header(encodePart10({ dataSet: Buffer.concat([before, odd, behind]) })).studyUid).toBe('2.25.1');
  });

  it.each(['implicitLittleEndian', 'explicitLittleEndian'] as const)(
    'a sequence of unknown representation, in %s inside',
    (inside) => {
      const items = [[element(0x0009_1002, 'LO', 'x'), element(0x0009_1003, 'UL', Buffer.alloc(4))]];
      const content = encodeElements(
        [delimitedSequence(0x0009_1001, items)],
        transferSyntaxes[inside],
      ).subarray(inside === 'implicitLittleEndian' ? 8 : 12);
      expect(header(image(element(0x0009_1001, 'UN', content, undefinedLength))).studyUid).toBe('2.25.1');
    },
  );

  it('a sequence of unknown representation in big endian, which is little endian inside', () => {
    const sequence = delimitedSequence(0x0009_1001, [[element(0x0009_1002, 'LO', 'x')]]);
    const content = encodeElements([sequence], transferSyntaxes.implicitLittleEndian).subarray(8);
    const more = [element(0x0009_1001, 'UN', content, undefinedLength)];
    const bytes = encodePart10({ syntax: transferSyntaxes.explicitBigEndian, dataSet: ctImage({ more }) });
    expect(header(bytes).studyUid).toBe('2.25.1');
  });
});

describe('text', () => {
  const named = (characterSet: string, bytes: string) =>
    header(
      image(
        element(0x0008_0005, 'CS', characterSet),
        element(0x0010_0010, 'PN', Buffer.from(bytes, 'latin1')),
      ),
    ).patient.name;

  // The encoded names of PS3.5 annexes H, I and J.
  it.each([
    ['ISO_IR 100', '\xc4neas^R\xfcdiger', 'Äneas^Rüdiger'],
    ['ISO_IR 144', '\xbb\xee\xda', 'Люк'],
    ['ISO_IR 192', 'Wang^XiaoDong=\xe7\x8e\x8b^', 'Wang^XiaoDong=王^'],
    ['GB18030', 'Wang=\xcd\xf5', 'Wang=王'],
    ['ISO_IR 13', '\xd4\xcf\xc0\xde^\xc0\xdb\xb3', 'ﾔﾏﾀﾞ^ﾀﾛｳ'],
    [
      '\\ISO 2022 IR 87',
      'Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B',
      'Yamada^Tarou=山田^太郎=やまだ^たろう',
    ],
    ['\\ISO 2022 IR 149', 'Hong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7', 'Hong=洪^吉洞'],
    ['\\ISO 2022 IR 159', '\x1b$(D\x30\x21\x1b(B', '丂'],
    ['ISO 2022 IR 6\\ISO 2022 IR 144', 'A\x1b-L\xbb^\xe9', 'AЛ^é'],
    ['of our own', 'caf\xe9', 'café'],
  ])('in %s', (characterSet, bytes, text) => {
    expect(named(characterSet, bytes)).toBe(text);
  });
});

describe('reading from a prefix', () => {
  const bytes = image(element(0x0009_1001, 'OB', Buffer.alloc(5000)));

  it('asks for more until the UIDs are there, and then says what the file says', () => {
    let needed = 0;
    while (readInstanceHeader(bytes.subarray(0, needed), bytes.length) === 'needs-more') needed += 1;
    expect(needed).toBeGreaterThan(5000);
    expect(needed).toBeLessThan(bytes.length);
    expect(readInstanceHeader(bytes.subarray(0, needed), bytes.length)).toEqual(read(bytes));
  });

  it('looks no further than the file is long', () => {
    expect(code(readInstanceHeader(bytes, 1000))).toBe('E_FILE_TRUNCATED');
    expect(code(readInstanceHeader(new Uint8Array(0), 0))).toBe('E_FILE_EMPTY');
    expect(readInstanceHeader(new Uint8Array(0), 1000)).toBe('needs-more');
  });
});

describe('reading from a file', () => {
  it('reads an open file, little of it', () => {
    const folder = mkdtempSync(join(tmpdir(), 'header-'));
    const path = join(folder, 'image');
    writeFileSync(path, image(element(0x0029_1010, 'OB', Buffer.alloc(3_000_000))));
    const descriptor = openSync(path, 'r');
    let readBytes = 0;
    const readAt = readAtDescriptor(descriptor);
    const result = readInstanceHeaderFromFile((offset, length) => {
      readBytes += length;
      return readAt(offset, length);
    }, 3_000_000);
    closeSync(descriptor);
    rmSync(folder, { recursive: true });
    expect(result).toMatchObject({ studyUid: '2.25.1' });
    expect(readBytes).toBeLessThan(10_000);
  });

  it('tells a file that can not be read, or that became shorter, from one that is wrong', () => {
    const failing = readInstanceHeaderFromFile(() => {
      throw new Error('EIO');
    }, 1000);
    expect(code(failing)).toBe('E_FILE_READ');
    expect(code(readInstanceHeaderFromFile(() => new Uint8Array(0), 1000))).toBe('E_FILE_READ');
  });

  it('gives up on a header that spreads over more than it may read', () => {
    const one = encodeElements(
      [element(0x0009_1001, 'OB', Buffer.alloc(1100))],
      transferSyntaxes.explicitLittleEndian,
    );
    const start = image().subarray(0, header(image()).dataSetOffsetBytes);
    const total = 2 ** 32;
    let readBytes = 0;
    const result = readInstanceHeaderFromFile((offset, length) => {
      readBytes += length;
      const bytes = Buffer.alloc(length);
      for (let index = 0; index < length; index += 1) {
        const at = offset + index;
        bytes[index] = (at < start.length ? start[at] : one[(at - start.length) % one.length]) ?? 0;
      }
      return bytes;
    }, total);
    expect(code(result)).toBe('E_TOO_LARGE');
    expect(readBytes).toBeLessThanOrEqual(16 * 2 ** 20);
  });
});
