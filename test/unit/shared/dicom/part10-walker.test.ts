import { describe, expect, it } from 'vitest';
import { type Part10WalkOptions, walkPart10 } from '../../../../shared/dicom/part10-walker.ts';
import { DiodeError } from '../../../../shared/errors.ts';
import { type TransferSyntaxName, transferSyntaxes } from '../../../harness/dicom-writer.ts';
import { deflatedItems } from '../../../harness/hostile-structures.ts';
import {
  ctImage,
  delimitedSequence,
  type ElementToWrite,
  element,
  encodeHeader,
  encodePart10,
  undefinedLength,
} from '../../../harness/unchecked-writer.ts';

function walk(bytes: Uint8Array, options?: Part10WalkOptions) {
  return walkPart10((offset, length) => bytes.subarray(offset, offset + length), bytes.length, options);
}

function walked(bytes: Uint8Array, options?: Part10WalkOptions) {
  const report = walk(bytes, options);
  if (report instanceof DiodeError) throw report;
  return report;
}

const code = (result: unknown) => (result instanceof DiodeError ? result.code : 'sound');
const image = (...more: ElementToWrite[]) => encodePart10({ dataSet: ctImage({ more }) });
const inner = [element(0x0008_0100, 'SH', 'code'), element(0x0008_0102, 'SH', 'scheme')];

describe('a sound file', () => {
  it.each(Object.keys(transferSyntaxes) as TransferSyntaxName[])('is walked to its end in %s', (name) => {
    const sequences = [
      element(0x0029_1010, 'SQ', [[...inner, delimitedSequence(0x0029_1011, [inner, []])], []]),
      delimitedSequence(0x0029_1012, [[element(0x0029_1013, 'SQ', [inner])]]),
    ];
    const report = walked(
      encodePart10({ syntax: transferSyntaxes[name], dataSet: ctImage({ more: sequences }) }),
    );
    expect(report.elements).toBe(31);
    expect(report.depth).toBe(2);
    expect(report.trailingBytes).toBe(0);
    expect(report.meta.transferSyntaxUid).toBe(transferSyntaxes[name].uid);
  });

  it('counts elements, items, delimiters and fragments', () => {
    expect(walked(image()).elements).toBe(10);
    expect(walked(image(element(0x0029_1010, 'SQ', [inner]))).elements).toBe(10 + 1 + 1 + 2);
    expect(walked(image(delimitedSequence(0x0029_1010, [inner]))).elements).toBe(10 + 1 + 1 + 2 + 2);
    const fragments = [Buffer.alloc(10), Buffer.alloc(20)];
    const pixels = element(0x7fe0_0010, 'OB', { fragments }, undefinedLength);
    expect(walked(image(pixels)).elements).toBe(10 + 3 + 1);
  });

  it('gives its preamble and the values that are asked for', () => {
    const values = new Map<number, string>();
    const report = walked(encodePart10({ preamble: 'II*', dataSet: ctImage() }), {
      visitor: {
        visit: (tag) => (tag === 0x0020_000d ? 'value' : 'pass'),
        value: (tag, bytes) => values.set(tag, Buffer.from(bytes).toString('latin1')),
      },
    });
    expect(Buffer.from(report.preamble.subarray(0, 4)).toString('latin1')).toBe('II*\0');
    expect([...values]).toEqual([[0x0020_000d, '2.25.1']]);
  });

  it('may end in zeros, a sector of them and no more', () => {
    expect(walked(Buffer.concat([image(), Buffer.alloc(513)])).trailingBytes).toBe(513);
    expect(code(walk(Buffer.concat([image(), Buffer.alloc(70_000)])))).toBe('E_DICOM_TRAILING');
    expect(code(walk(Buffer.concat([image(), Buffer.alloc(512), Buffer.from('x')])))).toBe(
      'E_DICOM_TRAILING',
    );
  });

  it('may have a checksum and a length of gzip behind its deflate stream', () => {
    const bytes = encodePart10({ syntax: transferSyntaxes.deflated, dataSet: ctImage() });
    expect(walked(Buffer.concat([bytes, Buffer.from('12345678')])).trailingBytes).toBe(8);
    expect(code(walk(Buffer.concat([bytes, Buffer.from('123456789')])))).toBe('E_DICOM_TRAILING');
  });
});

describe('a value without representation that begins like a sequence', () => {
  const { implicitLittleEndian: syntax } = transferSyntaxes;
  const item = (length: number) => encodeHeader(0xfffe_e000, '', length, syntax);
  const value = (...parts: Uint8Array[]) =>
    encodePart10({ syntax, dataSet: ctImage({ more: [element(0x0029_1010, 'OB', Buffer.concat(parts))] }) });

  it('is walked as one, so that its depth counts', () => {
    const sequence = element(0x0029_1010, 'SQ', [[element(0x0029_1010, 'SQ', [inner])]]);
    expect(walked(encodePart10({ syntax, dataSet: ctImage({ more: [sequence] }) })).depth).toBe(2);
    const unknown = element(0x0029_1010, 'UN', Buffer.concat([item(0)]));
    expect(walked(image(unknown)).depth).toBe(1);
  });

  it('leaves no trace of its depth if it is none', () => {
    const broken = Buffer.concat([
      item(undefinedLength),
      Buffer.from('\x29\0\x10\x10\xff\xff\xff\xff', 'latin1'),
      item(0),
    ]);
    const more = Array.from({ length: 40 }, (_, index) => element(0x0029_1010 + index, 'OB', broken));
    expect(walked(encodePart10({ syntax, dataSet: ctImage({ more }) })).depth).toBe(2);
  });

  it('is never one if it is pixels', () => {
    const pixels = element(0x7fe0_0010, 'OW', Buffer.concat([item(8), item(0)]));
    expect(walked(encodePart10({ syntax, dataSet: ctImage({ more: [pixels] }) })).depth).toBe(0);
  });

  it('is passed as a value if it is none', () => {
    expect(walked(value(item(1000), Buffer.alloc(4))).elements).toBe(11);
    for (const rest of ['not an element', '\0\0\0\0\0\0\0', '\x08\0\0\x01\xff\xff\xff\x7f']) {
      const bytes = Buffer.from(rest, 'latin1');
      expect(code(walk(value(item(bytes.length), bytes)))).toBe('sound');
      expect(code(walk(value(item(0), bytes)))).toBe('sound');
    }
  });
});

describe('limits', () => {
  const deep = (depth: number): ElementToWrite[] =>
    depth === 0 ? [] : [delimitedSequence(0x0029_1010, [deep(depth - 1)])];

  it('holds nesting at its limit and not before', () => {
    expect(walked(image(...deep(32))).depth).toBe(32);
    expect(code(walk(image(...deep(33))))).toBe('E_DICOM_NESTING');
    expect(code(walk(image(...deep(3)), { limits: { depthMax: 2 } }))).toBe('E_DICOM_NESTING');
  });

  it('holds elements at its limit and not before', () => {
    expect(code(walk(image(), { limits: { elementsMax: 10 } }))).toBe('sound');
    expect(code(walk(image(), { limits: { elementsMax: 9 } }))).toBe('E_DICOM_ELEMENTS');
  });

  it('lets few bytes have few elements, and many have what real objects have', () => {
    const limits = { elementsFree: 4, elementsPerByteMax: 0.01 };
    expect(code(walk(image(), { limits: { ...limits, elementsFree: 10 } }))).toBe('sound');
    expect(code(walk(image(), { limits }))).toBe('E_DICOM_ELEMENTS');
    expect(code(walk(image(element(0x0029_1010, 'OB', Buffer.alloc(1000))), { limits }))).toBe('sound');
    expect(code(walk(deflatedItems(19_000)))).toBe('sound');
    expect(code(walk(deflatedItems(60_000)))).toBe('E_DICOM_ELEMENTS');
    // A functional group of each of 5000 frames, deflated to a byte for four elements.
    const frame = (index: number) => [
      delimitedSequence(0x0020_9113, [[element(0x0020_0032, 'DS', `-120.5\\-130.25\\${index / 2}`)]]),
      delimitedSequence(0x0028_9110, [[element(0x0018_0050, 'DS', '3'), element(0x0028_0030, 'DS', '1\\1')]]),
    ];
    const more = [
      delimitedSequence(
        0x5200_9230,
        Array.from({ length: 5000 }, (_, index) => frame(index)),
      ),
    ];
    const report = walked(encodePart10({ syntax: transferSyntaxes.deflated, dataSet: ctImage({ more }) }));
    expect(report.elements).toBeGreaterThan(60_000);
  });

  it('holds what inflates too far, by ratio and in all', () => {
    const bytes = encodePart10({
      syntax: transferSyntaxes.deflated,
      dataSet: ctImage({ more: [element(0x7fe0_0010, 'OW', Buffer.alloc(1_000_000))] }),
    });
    expect(code(walk(bytes))).toBe('sound');
    expect(code(walk(bytes, { limits: { inflatedBytesMax: 1_000_000 } }))).toBe('E_DICOM_DEFLATE');
    expect(code(walk(bytes, { limits: { deflatedBytesMax: 1_000 } }))).toBe('E_DICOM_DEFLATE');
    expect(code(walk(bytes, { limits: { inflatedBytesFree: 1_000, deflateRatioMax: 10 } }))).toBe(
      'E_DICOM_DEFLATE',
    );
    expect(code(walk(bytes, { limits: { inflatedBytesFree: 1_000, deflateRatioMax: 1100 } }))).toBe('sound');
  });

  it('reads a few KiB for four gigabytes of pixels', () => {
    const syntax = transferSyntaxes.explicitLittleEndian;
    const start = Buffer.concat([
      encodePart10({ dataSet: ctImage().filter(({ tag }) => tag < 0x7fe0_0010) }),
      encodeHeader(0x7fe0_0010, 'OW', 0xffff_fff0, syntax),
    ]);
    const fileBytes = start.length + 0xffff_fff0;
    let readBytes = 0;
    const report = walkPart10((offset, length) => {
      readBytes += length;
      const bytes = Buffer.alloc(length);
      start.copy(bytes, 0, offset);
      return bytes;
    }, fileBytes);
    expect(report).toMatchObject({ elements: 10, trailingBytes: 0 });
    expect(readBytes).toBeLessThan(10_000);
  });

  it('says E_FILE_READ when the file can not be read or became shorter', () => {
    const bytes = image();
    expect(code(walkPart10(() => new Uint8Array(0), bytes.length))).toBe('E_FILE_READ');
    const fails = (offset: number, length: number) => {
      if (offset > 0) throw new Error('EIO');
      return bytes.subarray(offset, offset + Math.min(length, 200));
    };
    expect(code(walkPart10(fails, bytes.length + 100_000))).toBe('E_FILE_READ');
  });
});
