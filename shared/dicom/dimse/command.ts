/**
 * The command set of a DIMSE message (PS3.7 section 6.3 and annex E): group 0000, always implicit VR little endian.
 */
import { assert, present } from '../../assert.ts';
import { isUid } from '../../wire/limits.ts';
import { associationLimits } from '../upper-layer/limits.ts';
import { invalidParameter } from '../upper-layer/protocol-violation.ts';

/** Command fields of requests (PS3.7 table E.1-1). A response has {@link responseBit} set as well. */
export const commandFields = {
  store: 0x0001,
  echo: 0x0030,
  eventReport: 0x0100,
  get: 0x0110,
  set: 0x0120,
  action: 0x0130,
  create: 0x0140,
  delete: 0x0150,
  cancel: 0x0fff,
} as const;

export const responseBit = 0x8000;

const numberElements = {
  messageId: 0x0110,
  respondedTo: 0x0120,
  priority: 0x0700,
  status: 0x0900,
  errorId: 0x0903,
  eventTypeId: 0x1002,
  actionTypeId: 0x1008,
  moveOriginatorMessageId: 0x1031,
} as const;

const uidElements = {
  affectedSopClassUid: 0x0002,
  requestedSopClassUid: 0x0003,
  affectedSopInstanceUid: 0x1000,
  requestedSopInstanceUid: 0x1001,
} as const;

const textElements = { errorComment: 0x0902, moveOriginatorAe: 0x1030 } as const;

type NumberName = keyof typeof numberElements;
type TextName = keyof typeof uidElements | keyof typeof textElements;

/** A command. UIDs are checked; texts are printable ASCII, and a peer's comment may contain PHI: it is never logged. */
export type Command = {
  /** What is asked or answered. */
  readonly field: number;
  /** Whether a data set follows (PS3.7 table E.1-1, command data set type). */
  readonly hasDataSet: boolean;
} & { readonly [Name in NumberName]?: number } & { readonly [Name in TextName]?: string };

const groupLengthElement = 0x0000;
const fieldElement = 0x0100;
const dataSetTypeElement = 0x0800;
const noDataSet = 0x0101;
const elementHeaderBytes = 8;

const numberNames = names(numberElements);
const uidNames = names(uidElements);
const textNames = names(textElements);

function names<Name extends string>(elements: Readonly<Record<Name, number>>): ReadonlyMap<number, Name> {
  return new Map((Object.keys(elements) as Name[]).map((name) => [elements[name], name]));
}

/** @throws ProtocolViolation for anything but a command set, an invalid UID, a missing field or type */
export function readCommand(bytes: Uint8Array): Command {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const numbers: { [Name in NumberName]?: number } = {};
  const texts: { [Name in TextName]?: string } = {};
  let field: number | undefined;
  let dataSetType: number | undefined;
  let previous = -1;
  let count = 0;
  for (let offset = 0; offset < bytes.length; ) {
    count += 1;
    if (count > associationLimits.commandElementsMax) throw invalidParameter('command has too many elements');
    if (bytes.length - offset < elementHeaderBytes) throw invalidParameter('command is cut off');
    const group = view.getUint16(offset, true);
    const element = view.getUint16(offset + 2, true);
    const length = view.getUint32(offset + 4, true);
    const start = offset + elementHeaderBytes;
    if (length > bytes.length - start) throw invalidParameter('command element is too long');
    if (group !== 0 || element <= previous) throw invalidParameter('command elements are out of order');
    previous = element;
    offset = start + length;

    const numberName = numberNames.get(element);
    const uidName = uidNames.get(element);
    const textName = textNames.get(element);
    if (element === fieldElement) field = readUint16(view, start, length);
    else if (element === dataSetTypeElement) dataSetType = readUint16(view, start, length);
    else if (numberName !== undefined) numbers[numberName] = readUint16(view, start, length);
    else if (uidName !== undefined) texts[uidName] = readUid(bytes.subarray(start, offset));
    else if (textName !== undefined) texts[textName] = readText(bytes.subarray(start, offset));
  }
  if (field === undefined || dataSetType === undefined)
    throw invalidParameter('command lacks its field or type');
  return { field, hasDataSet: dataSetType !== noDataSet, ...numbers, ...texts };
}

function readUint16(view: DataView, start: number, length: number): number {
  if (length !== 2) throw invalidParameter('command element has a wrong length');
  return view.getUint16(start, true);
}

function readUid(value: Uint8Array): string {
  const text = latin1(value).replace(/[\0 ]{1,2}$/, '');
  if (!isUid(text)) throw invalidParameter('UID in a command does not follow PS3.5 section 9.1');
  return text;
}

const textCharactersMax = 64;

function readText(value: Uint8Array): string {
  return latin1(value)
    .slice(0, textCharactersMax)
    .replaceAll(/[^ -~]/g, '?')
    .trim();
}

function latin1(value: Uint8Array): string {
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('latin1');
}

/** The command set with its group length. */
export function writeCommand(command: Command): Uint8Array {
  const values = new Map<number, Uint8Array>();
  values.set(fieldElement, uint16(command.field));
  values.set(dataSetTypeElement, uint16(command.hasDataSet ? 0x0000 : noDataSet));
  for (const [element, name] of numberNames) {
    const value = command[name];
    if (value !== undefined) values.set(element, uint16(value));
  }
  for (const [element, name] of uidNames) {
    const value = command[name];
    if (value !== undefined) values.set(element, padded(value, '\0'));
  }
  for (const [element, name] of textNames) {
    const value = command[name];
    if (value !== undefined) values.set(element, padded(value.slice(0, textCharactersMax), ' '));
  }
  const elements = [...values.keys()].sort((a, b) => a - b);
  const body = Buffer.concat(
    elements.map((element) => writeElement(element, present(values.get(element), 'collected above'))),
  );
  const groupLength = Buffer.alloc(4);
  groupLength.writeUInt32LE(body.length);
  return Buffer.concat([writeElement(groupLengthElement, groupLength), body]);
}

function writeElement(element: number, value: Uint8Array): Uint8Array {
  const header = Buffer.alloc(elementHeaderBytes);
  header.writeUInt16LE(element, 2);
  header.writeUInt32LE(value.length, 4);
  return Buffer.concat([header, value]);
}

function uint16(value: number): Uint8Array {
  assert(Number.isInteger(value) && value >= 0 && value <= 0xffff, 'a number of a command has 16 bits');
  return Uint8Array.of(value & 0xff, value >> 8);
}

function padded(text: string, padding: string): Uint8Array {
  return Buffer.from(text.length % 2 === 0 ? text : text + padding, 'latin1');
}
