import { describe, expect, it } from 'vitest';
import { associationLimits } from '../../../../shared/dicom/upper-layer/limits.ts';
import { PduReader } from '../../../../shared/dicom/upper-layer/pdu-reader.ts';
import {
  abort,
  associateRequest,
  control,
  dataPdu,
  dataValue,
  pdu,
  releaseRequest,
} from '../../../harness/association-bytes.ts';

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

function readAll(reader: PduReader, ...pieces: readonly Uint8Array[]) {
  const found: NonNullable<ReturnType<PduReader['next']>>[] = [];
  for (const piece of pieces) {
    reader.feed(piece);
    for (let read = reader.next(); read !== undefined; read = reader.next()) found.push(read);
  }
  return found;
}

describe('PDUs in any pieces', () => {
  it('come out one by one, whole', () => {
    const stream = Buffer.concat([releaseRequest, abort]);
    const found = readAll(new PduReader(), ...Array.from(stream, (byte) => bytes(byte)));
    expect(found).toEqual(
      [
        { type: 0x05, body: Buffer.alloc(4) },
        { type: 0x07, body: Buffer.alloc(4) },
      ].map(({ type, body }) => ({ type, body: new Uint8Array(body) })),
    );
  });

  it('pass data on without copying it', () => {
    const input = dataPdu(3, control.lastData, bytes(1, 2, 3, 4));
    const [part] = readAll(new PduReader(), input);
    expect(part).toMatchObject({ type: 0x04, contextId: 3, isCommand: false, isLast: true });
    if (part?.type !== 0x04) throw new Error('no data');
    expect([...part.bytes]).toEqual([1, 2, 3, 4]);
    expect(part.bytes.buffer).toBe(input.buffer);
  });

  it('end a data value only with its last piece', () => {
    const input = dataPdu(1, control.lastCommand, bytes(1, 2, 3, 4));
    const found = readAll(new PduReader(), input.subarray(0, 13), input.subarray(13, 15), input.subarray(15));
    expect(found.map((part) => 'isLast' in part && [[...part.bytes], part.isCommand, part.isLast])).toEqual([
      [[1], true, false],
      [[2, 3], true, false],
      [[4], true, true],
    ]);
  });

  it('have several data values, empty ones too', () => {
    const body = Buffer.concat([
      dataValue(1, control.lastCommand, bytes(9)),
      dataValue(1, control.data, bytes()),
      dataValue(1, control.lastData, bytes(8, 7)),
    ]);
    const found = readAll(new PduReader(), pdu(0x04, body));
    expect(found.map((part) => 'isLast' in part && [part.bytes.length, part.isCommand, part.isLast])).toEqual(
      [
        [1, true, true],
        [0, false, false],
        [2, false, true],
      ],
    );
  });

  it('say whether one is half there', () => {
    const reader = new PduReader();
    expect(reader.insidePdu).toBe(false);
    readAll(reader, releaseRequest.subarray(0, 3));
    expect(reader.insidePdu).toBe(true);
    readAll(reader, releaseRequest.subarray(3));
    expect(reader.insidePdu).toBe(false);
    readAll(reader, dataPdu(1, control.data, bytes(1, 2)).subarray(0, 13));
    expect(reader.insidePdu).toBe(true);
  });
});

describe('what is against PS3.8', () => {
  const most = associationLimits.dataPduBytesMax;
  it.each([
    ['type 0', pdu(0x00, bytes()), 1],
    ['type 8', pdu(0x08, bytes()), 1],
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\n'), 1],
    ['a data PDU longer than announced', pdu(0x04, bytes(), most + 1), 6],
    ['a data PDU of 4 GiB', pdu(0x04, bytes(), 0xffff_ffff), 6],
    ['a data PDU of 5 bytes', pdu(0x04, bytes(0, 0, 0, 2, 1), 5), 6],
    ['a data value of length 0', pdu(0x04, bytes(0, 0, 0, 0, 1, 0)), 6],
    ['a data value of length 1', pdu(0x04, bytes(0, 0, 0, 1, 1, 0)), 6],
    ['a data value longer than its PDU', pdu(0x04, bytes(0, 0, 0, 3, 1, 0)), 6],
    ['a data value of an even context', pdu(0x04, bytes(0, 0, 0, 2, 2, 0)), 6],
    ['a second data value cut off', pdu(0x04, Buffer.concat([dataValue(1, 0, bytes()), bytes(0, 0)])), 6],
    ['a request of 4 GiB', pdu(0x01, bytes(), 0xffff_ffff), 6],
    ['a request beyond the limit', pdu(0x01, bytes(), associationLimits.associatePduBytesMax + 1), 6],
    ['a release of 5 bytes', pdu(0x05, Buffer.alloc(5)), 6],
    ['an abort of 3 bytes', pdu(0x07, Buffer.alloc(3)), 6],
    ['a reject of 0 bytes', pdu(0x03, bytes()), 6],
  ])('is refused: %s', (_, input, reason) => {
    expect(() => readAll(new PduReader(), input)).toThrow(
      expect.objectContaining({ code: 'E_DICOM_PROTOCOL', reason }),
    );
  });

  it('is refused at its first byte, where the type alone is wrong', () => {
    expect(() => readAll(new PduReader(), bytes(0x55))).toThrow(expect.objectContaining({ reason: 1 }));
    const reader = new PduReader({ expects: (type) => type !== 0x04 });
    expect(() => readAll(reader, bytes(0x04))).toThrow(expect.objectContaining({ reason: 2 }));
  });

  it('keeps of a long PDU what came, not what was announced', () => {
    const announced = associationLimits.associatePduBytesMax;
    const before = process.memoryUsage().arrayBuffers;
    const readers = Array.from({ length: 200 }, () => new PduReader());
    for (const reader of readers) readAll(reader, pdu(0x01, bytes(0, 1), announced));
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(announced);
    expect(readers.every((reader) => reader.insidePdu)).toBe(true);
  });
});

it('reads a whole request after it came in two pieces', () => {
  const request = associateRequest();
  const [found] = readAll(new PduReader(), request.subarray(0, 100), request.subarray(100));
  expect(found).toEqual({ type: 0x01, body: new Uint8Array(request.subarray(6)) });
});
