import { describe, expect, it } from 'vitest';
import {
  type Command,
  commandFields,
  readCommand,
  writeCommand,
} from '../../../../shared/dicom/dimse/command.ts';
import { MessageReader } from '../../../../shared/dicom/dimse/message-reader.ts';
import { commandPdus, DataSetFraming } from '../../../../shared/dicom/dimse/message-writer.ts';
import { formatStatus, storeStatusKind } from '../../../../shared/dicom/dimse/status.ts';
import { associationLimits } from '../../../../shared/dicom/upper-layer/limits.ts';
import { type DataPart, PduReader } from '../../../../shared/dicom/upper-layer/pdu-reader.ts';
import {
  commandElement,
  commandSet,
  ctImageStorage,
  echoRequest,
  responseCommand,
  storeRequest,
  uidValue,
  uint16,
} from '../../../harness/association-bytes.ts';

const ascii = (text: string): Buffer => Buffer.from(text, 'latin1');
const violation = expect.objectContaining({ code: 'E_DICOM_PROTOCOL' });

describe('a command', () => {
  it('is read field by field', () => {
    expect(readCommand(storeRequest({ messageId: 7, sopInstanceUid: '1.2.3' }))).toEqual({
      field: commandFields.store,
      hasDataSet: true,
      messageId: 7,
      priority: 0,
      affectedSopClassUid: ctImageStorage,
      affectedSopInstanceUid: '1.2.3',
    });
    expect(readCommand(responseCommand(0x8001, 9, 0xa700))).toEqual({
      field: 0x8001,
      hasDataSet: false,
      respondedTo: 9,
      status: 0xa700,
    });
  });

  it('is written as it is read, whatever is in it', () => {
    const command: Command = {
      field: commandFields.set,
      hasDataSet: true,
      messageId: 65_535,
      respondedTo: 1,
      priority: 2,
      status: 0xc000,
      errorId: 3,
      eventTypeId: 4,
      actionTypeId: 5,
      moveOriginatorMessageId: 6,
      affectedSopClassUid: '1.2',
      requestedSopClassUid: '1.2.3',
      affectedSopInstanceUid: '1.2.3.4',
      requestedSopInstanceUid: '1.2.3.45',
      errorComment: 'odd',
      moveOriginatorAe: 'SCANNER',
    };
    const written = writeCommand(command);
    expect(readCommand(written)).toEqual(command);
    expect(written.length % 2).toBe(0);
    expect(Buffer.from(written).readUInt32LE(8)).toBe(written.length - 12);
  });

  it('has texts of 64 printable characters at most', () => {
    const comment = commandElement(0x0902, Buffer.concat([ascii('a\0\n'), Buffer.alloc(99, 0xe4)]));
    const read = readCommand(
      commandSet(commandElement(0x0100, uint16(1)), commandElement(0x0800, uint16(0x0101)), comment),
    );
    expect(read.errorComment).toBe(`a??${'?'.repeat(61)}`);
    const long = writeCommand({ field: 1, hasDataSet: false, errorComment: 'x'.repeat(100) });
    expect(readCommand(long).errorComment).toBe('x'.repeat(64));
  });

  const field = commandElement(0x0100, uint16(1));
  const noDataSet = commandElement(0x0800, uint16(0x0101));
  it.each([
    ['nothing in it', Buffer.alloc(0)],
    ['no field', commandSet(noDataSet)],
    ['no data set type', commandSet(field)],
    ['an element cut off', commandSet(field, noDataSet).subarray(0, -1)],
    ['half a header', Buffer.concat([commandSet(field, noDataSet), Buffer.alloc(7)])],
    ['an element of 4 GiB', commandSet(field, commandElement(0x0110, uint16(1), 0xffff_ffff), noDataSet)],
    ['elements out of order', commandSet(noDataSet, field)],
    ['an element twice', commandSet(field, field, noDataSet)],
    ['a number of four bytes', commandSet(commandElement(0x0100, Buffer.alloc(4)), noDataSet)],
    [
      'an element of another group',
      Buffer.concat([commandSet(field, noDataSet), Buffer.from('0800050000000000', 'hex')]),
    ],
    ['a path for a UID', storeRequest({ sopInstanceUid: '../../../../tmp/x' })],
    ['dots for a UID', storeRequest({ sopInstanceUid: '...' })],
    ['an empty UID', storeRequest({ sopInstanceUid: '' })],
    ['a UID of 65 characters', storeRequest({ sopInstanceUid: '1'.repeat(65) })],
    ['a NUL inside a UID', storeRequest({ sopInstanceUid: '1.2\0.3' })],
    [
      'many elements',
      commandSet(
        ...Array.from({ length: 65 }, (_, index) => commandElement(0x2000 + index, Buffer.alloc(0))),
      ),
    ],
  ])('is refused with %s', (_, bytes) => {
    expect(() => readCommand(bytes)).toThrow(violation);
  });
});

function part(isCommand: boolean, isLast: boolean, bytes: Uint8Array, contextId = 1): DataPart {
  return { type: 0x04, contextId, isCommand, isLast, bytes };
}

describe('messages', () => {
  it('are a command, in pieces, and a data set that is passed on', () => {
    const reader = new MessageReader();
    const command = storeRequest();
    expect(reader.take(part(true, false, command.subarray(0, 10)))).toBeUndefined();
    expect(reader.take(part(true, false, new Uint8Array(0)))).toBeUndefined();
    expect(reader.take(part(true, true, command.subarray(10)))).toMatchObject({
      kind: 'command',
      contextId: 1,
    });
    const bytes = Uint8Array.of(1, 2);
    expect(reader.take(part(false, false, bytes))).toEqual({ kind: 'data-set', bytes, isLast: false });
    expect(reader.take(part(false, true, bytes))).toEqual({ kind: 'data-set', bytes, isLast: true });
    expect(reader.take(part(true, true, echoRequest(), 3))).toMatchObject({ contextId: 3 });
    expect(reader.take(part(true, true, echoRequest(), 5))).toMatchObject({ contextId: 5 });
  });

  it.each<[string, DataPart[]]>([
    ['a data set without a command', [part(false, true, new Uint8Array(2))]],
    [
      'a data set before the command ended',
      [part(true, false, storeRequest()), part(false, true, new Uint8Array(2))],
    ],
    ['a command inside a data set', [part(true, true, storeRequest()), part(true, true, echoRequest())]],
    [
      'a data set that was not announced',
      [part(true, true, echoRequest()), part(false, true, new Uint8Array(2))],
    ],
    [
      'another context inside a command',
      [part(true, false, storeRequest()), part(true, true, new Uint8Array(2), 3)],
    ],
    [
      'another context for the data set',
      [part(true, true, storeRequest()), part(false, true, new Uint8Array(2), 3)],
    ],
    ['a command without end', Array.from({ length: 9 }, () => part(true, false, new Uint8Array(2000)))],
  ])('are refused: %s', (_, parts) => {
    const reader = new MessageReader();
    expect(() => parts.map((each) => reader.take(each))).toThrow(violation);
  });

  it('keep no more of a command than its limit', () => {
    const reader = new MessageReader();
    const bytes = new Uint8Array(associationLimits.commandBytesMax);
    expect(reader.take(part(true, false, bytes))).toBeUndefined();
    expect(() => reader.take(part(true, false, new Uint8Array(1)))).toThrow(violation);
  });
});

/** What a peer reads of PDUs: the bytes of command or data set, and whether each fragment is allowed. */
function readBack(pdus: Uint8Array, pduBytesMax: number): { bytes: Buffer; parts: DataPart[] } {
  const reader = new PduReader({ dataPduBytesMax: pduBytesMax });
  reader.feed(pdus);
  const parts: DataPart[] = [];
  for (let read = reader.next(); read !== undefined; read = reader.next()) {
    if (read.type === 0x04) parts.push(read);
  }
  return { bytes: Buffer.concat(parts.map((each) => each.bytes)), parts };
}

describe('what is sent', () => {
  it.each([128, 129, 16_384, 131_072])('is a command in PDUs of at most %i bytes', (pduBytesMax) => {
    const command: Command = {
      field: 1,
      hasDataSet: true,
      messageId: 1,
      affectedSopInstanceUid: '1'.repeat(64),
    };
    const { bytes, parts } = readBack(commandPdus(3, command, pduBytesMax), pduBytesMax);
    expect(readCommand(bytes)).toEqual(command);
    expect(parts.every(({ isCommand, contextId }) => isCommand && contextId === 3)).toBe(true);
    expect(parts.map(({ isLast }) => isLast)).toEqual(parts.map((_, index) => index === parts.length - 1));
  });

  it.each([0, 1, 2, 121, 122, 123, 243, 244, 245, 10_000, 10_001])('is a data set of %i bytes', (length) => {
    const pduBytesMax = 128;
    const dataSet = Uint8Array.from({ length }, (_, index) => index + 1);
    const framing = new DataSetFraming(5, length, pduBytesMax);
    const rounds: Uint8Array[] = [];
    let position = 0;
    for (let round = 0; !framing.ended; round += 1) {
      const buffer = new Uint8Array(500).fill(0xff);
      const { places, end } = framing.next(buffer, round === 0 ? 100 : 0);
      for (const place of places) {
        place.set(dataSet.subarray(position, position + place.length));
        position += place.length;
      }
      rounds.push(buffer.subarray(round === 0 ? 100 : 0, end));
    }
    const { bytes, parts } = readBack(Buffer.concat(rounds), pduBytesMax);
    expect(bytes).toEqual(Buffer.concat([dataSet, Buffer.alloc(length % 2)]));
    expect(parts.every((each) => !each.isCommand && each.bytes.length % 2 === 0)).toBe(true);
    expect(parts.filter(({ isLast }) => isLast)).toHaveLength(1);
    expect(parts.at(-1)?.isLast).toBe(true);
  });
});

it.each([
  [0x0000, 'stored'],
  [0xb000, 'warning'],
  [0xb007, 'warning'],
  [0x0107, 'warning'],
  [0x0111, 'warning'],
  [0xa700, 'later'],
  [0xa7ff, 'later'],
  [0xa900, 'refused'],
  [0xc000, 'refused'],
  [0x0122, 'refused'],
  [0xff00, 'refused'],
])('status %i is %s', (status, kind) => {
  expect(storeStatusKind(status)).toBe(kind);
});

it('prints a status as the standard does', () => {
  expect(formatStatus(0x110)).toBe('0x0110');
  expect(uidValue('1.2.3')).toHaveLength(6);
});
