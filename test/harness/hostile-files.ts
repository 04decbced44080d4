/**
 * Files made to harm, and files that only look like it, each with what the intake and the gate must say of it.
 * A function makes each, so that a big one costs nothing until it is asked for.
 */
import type { Patient } from '../../shared/dicom/instance-header.ts';
import type { ErrorCode } from '../../shared/errors.ts';
import { transferSyntaxes } from './dicom-writer.ts';
import { hostileStructures } from './hostile-structures.ts';
import { ctImage, element, encodeElements, encodePart10 } from './unchecked-writer.ts';

export interface HostileFile {
  readonly name: string;
  readonly make: () => Uint8Array;
  /** What reading its header says at intake. */
  readonly intake: ErrorCode | 'taken';
  /** What the gate says with its default policy. */
  readonly gate: ErrorCode | 'pass';
  /** What the gate says when its policy holds executable preambles; only where that differs. */
  readonly gateRejectingExecutables?: ErrorCode;
}

const preambles: readonly (readonly [name: string, preamble: string, executable: boolean])[] = [
  ['a Windows program', 'MZ\x90\0\x03\0\0\0', true],
  ['an ELF program', '\x7fELF\x02\x01\x01', true],
  ['a Mach-O program', '\xcf\xfa\xed\xfe\x07\0\0\x01', true],
  ['a Java class', '\xca\xfe\xba\xbe\0\0\0\x34', true],
  ['a shell script', '#!/bin/sh\nexit 0\n', true],
  ['a batch file', '@ECHO OFF\r\n', true],
  ['a ZIP archive', 'PK\x03\x04\x14\0', true],
  ['a PDF behind other bytes', '\0\0\0\0%PDF-1.7\n', true],
  ['a web page', '<!-- --><HTML><script>1</script>', true],
  ['a TIFF that is a web page too', 'II*\0\x08\0\0\0<script>', true],
  ['a TIFF', 'II*\0\x10\0\0\0', false],
  ['vendor bytes', '\x15\x1a\0\0vendor', false],
];

const preambleFiles: readonly HostileFile[] = preambles.map(([name, preamble, executable]) => ({
  name: `preamble: ${name}`,
  make: () => encodePart10({ preamble, dataSet: ctImage() }),
  intake: 'taken',
  gate: 'pass',
  ...(executable && { gateRejectingExecutables: 'E_PREAMBLE' }),
}));

const badUids: readonly (readonly [name: string, uid: string])[] = [
  ['a path upwards', '../../../../etc/cron.d/x'],
  ['only dots', '..'],
  ['an absolute path', '/etc/passwd'],
  ['a path of the other kind', '..\\..\\x'],
  ['two values', '2.25.1\\2.25.2'],
  ['a NUL inside', '2.25.1\0.2'],
  ['a line end', '2.25.1\n'],
  ['letters', '2.25.abc'],
  ['65 characters', `2.25.${'1'.repeat(60)}`],
  ['a leading space', ' 2.25.1'],
];

const identityFiles: readonly HostileFile[] = [
  ...badUids.flatMap(([name, uid]): HostileFile[] => [
    {
      name: `Study Instance UID: ${name}`,
      make: () => encodePart10({ dataSet: ctImage({ studyUid: uid }) }),
      intake: 'E_BAD_UID',
      gate: 'E_BAD_UID',
    },
    {
      name: `SOP Instance UID: ${name}`,
      make: () => encodePart10({ dataSet: ctImage({ sopInstanceUid: uid }) }),
      intake: 'E_BAD_UID',
      gate: 'E_BAD_UID',
    },
  ]),
  {
    name: 'Series Instance UID: a path upwards',
    make: () => encodePart10({ dataSet: ctImage({ seriesUid: '../..' }) }),
    intake: 'E_BAD_UID',
    gate: 'E_BAD_UID',
  },
  {
    name: 'SOP Class UID: a path upwards',
    make: () => encodePart10({ dataSet: ctImage({ sopClassUid: '../..' }) }),
    intake: 'E_BAD_UID',
    gate: 'E_BAD_UID',
  },
  {
    name: 'transfer syntax UID: a path upwards',
    make: () => encodePart10({ transferSyntaxUid: '../..', dataSet: ctImage() }),
    intake: 'E_BAD_UID',
    gate: 'E_BAD_UID',
  },
  {
    name: 'Study Instance UID: of padding alone',
    make: () => encodePart10({ dataSet: ctImage({ studyUid: '\0 \0 ' }) }),
    intake: 'E_NO_UID',
    gate: 'E_NO_UID',
  },
  {
    name: 'Study Instance UID: in an element that says it is a sequence',
    make: () =>
      encodePart10({ dataSet: ctImage({ more: [element(0x0020_000d, 'SQ', Buffer.from('2.25.1\0\0'))] }) }),
    intake: 'E_NO_UID',
    gate: 'E_DICOM_SYNTAX',
  },
  {
    name: 'SOP Instance UID: swapped with the Study Instance UID in the file meta information',
    make: () => encodePart10({ metaSopInstanceUid: '2.25.1', dataSet: ctImage() }),
    intake: 'taken',
    gate: 'E_GATE_META',
  },
  {
    name: 'SOP Class UID: another one in the file meta information',
    make: () => encodePart10({ metaSopClassUid: '1.2.840.10008.5.1.4.1.1.4', dataSet: ctImage() }),
    intake: 'taken',
    gate: 'E_GATE_META',
  },
  {
    name: 'Study Instance UID: twice, and not the same',
    make: () => encodePart10({ dataSet: ctImage({ more: [studyUid('2.25.1'), studyUid('2.25.666')] }) }),
    intake: 'taken',
    gate: 'E_DICOM_ORDER',
  },
  {
    name: 'patient: a second one behind the pixels',
    make: () => encodePart10({ dataSet: [...ctImage(), element(0x0010_0010, 'PN', 'OTHER^PATIENT')] }),
    intake: 'taken',
    gate: 'E_DICOM_TRAILING',
  },
  {
    name: 'document: an encapsulated PDF',
    make: () => encodePart10({ dataSet: ctImage({ sopClassUid: '1.2.840.10008.5.1.4.1.1.104.1' }) }),
    intake: 'taken',
    gate: 'E_ENCAPSULATED_DOCUMENT',
  },
  {
    name: 'document: a PDF in a CT image',
    make: () =>
      encodePart10({
        dataSet: ctImage({ more: [element(0x0042_0011, 'OB', Buffer.from('%PDF-1.7\n%%EOF'))] }),
      }),
    intake: 'taken',
    gate: 'E_ENCAPSULATED_DOCUMENT',
  },
];

function studyUid(uid: string) {
  return element(0x0020_000d, 'UI', uid);
}

/** A CT image whose file meta information is ours. */
function withMeta(meta: Uint8Array): Uint8Array {
  const dataSet = encodeElements(ctImage(), transferSyntaxes.explicitLittleEndian);
  return Buffer.concat([Buffer.alloc(128), Buffer.from('DICM'), meta, dataSet]);
}

function metaElements(groupLength: number | undefined, ...more: ReturnType<typeof element>[]): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(groupLength ?? 0);
  const head = groupLength === undefined ? [] : [element(0x0002_0000, 'UL', length)];
  const syntaxUid = element(0x0002_0010, 'UI', transferSyntaxes.explicitLittleEndian.uid);
  return encodeElements([...head, syntaxUid, ...more], transferSyntaxes.explicitLittleEndian);
}

const metaFiles: readonly HostileFile[] = [
  {
    name: 'meta: without a group length',
    make: () => withMeta(metaElements(undefined)),
    intake: 'taken',
    gate: 'pass',
  },
  {
    name: 'meta: a group length that ends elsewhere',
    make: () => withMeta(metaElements(10)),
    intake: 'taken',
    gate: 'E_DICOM_META',
  },
  {
    name: 'meta: two transfer syntaxes',
    make: () => withMeta(metaElements(undefined, element(0x0002_0010, 'UI', transferSyntaxes.deflated.uid))),
    intake: 'taken',
    gate: 'E_DICOM_META',
  },
  {
    name: 'meta: a sequence, which old readers take for a value and new ones walk',
    make: () => withMeta(metaElements(undefined, element(0x0002_0100, 'SQ', Buffer.alloc(8)))),
    intake: 'taken',
    gate: 'E_DICOM_META',
  },
  {
    name: 'meta: a representation that old readers do not know',
    make: () => withMeta(metaElements(undefined, element(0x0002_0100, 'OV', Buffer.alloc(8)))),
    intake: 'taken',
    gate: 'E_DICOM_META',
  },
  {
    name: 'meta: larger than its limit',
    make: () => withMeta(metaElements(undefined, element(0x0002_0102, 'OB', Buffer.alloc(70_000)))),
    intake: 'taken',
    gate: 'E_DICOM_META',
  },
  {
    name: 'meta: without a transfer syntax',
    make: () =>
      withMeta(
        encodeElements(
          [element(0x0002_0001, 'OB', Uint8Array.of(0, 1))],
          transferSyntaxes.explicitLittleEndian,
        ),
      ),
    intake: 'taken',
    gate: 'E_DICOM_META',
  },
  {
    name: 'meta: a DICOMDIR',
    make: () => encodePart10({ metaSopClassUid: '1.2.840.10008.1.3.10', dataSet: ctImage() }),
    intake: 'E_DICOMDIR',
    gate: 'E_DICOMDIR',
  },
  { name: 'file: empty', make: () => new Uint8Array(0), intake: 'E_FILE_EMPTY', gate: 'E_FILE_EMPTY' },
  { name: 'file: one byte', make: () => Uint8Array.of(1), intake: 'E_NOT_DICOM', gate: 'E_NOT_DICOM' },
  {
    name: 'file: a program without DICM',
    make: () => Buffer.from(`MZ${'\0'.repeat(4000)}`),
    intake: 'E_NOT_DICOM',
    gate: 'E_NOT_DICOM',
    gateRejectingExecutables: 'E_NOT_DICOM',
  },
  {
    name: 'file: ends in its file meta information',
    make: () => encodePart10({ dataSet: ctImage() }).subarray(0, 180),
    intake: 'E_FILE_TRUNCATED',
    gate: 'E_FILE_TRUNCATED',
  },
  {
    name: 'file: ends before its UIDs',
    make: () => encodePart10({ dataSet: ctImage() }).subarray(0, 325),
    intake: 'E_FILE_TRUNCATED',
    gate: 'E_DICOM_LENGTH',
  },
  {
    name: 'file: ends in its pixels',
    make: () => encodePart10({ dataSet: ctImage() }).subarray(0, -1),
    intake: 'taken',
    gate: 'E_DICOM_LENGTH',
  },
];

/** Every hostile file. */
export const hostileFiles: readonly HostileFile[] = [
  ...preambleFiles,
  ...identityFiles,
  ...metaFiles,
  ...hostileStructures,
];

export interface HostileStudy {
  readonly name: string;
  readonly released: readonly Patient[];
  readonly arriving: readonly Patient[];
  /** What is held, or that it passes. */
  readonly verdict: 'pass' | 'study' | 'revision';
}

const doe: Patient = { id: '1', name: 'DOE^JOHN', birthDate: '19700101' };

/** Studies in which instances disagree on the patient, and some in which they only seem to. */
export const hostileStudies: readonly HostileStudy[] = [
  { name: 'one patient', released: [], arriving: [doe, { ...doe }], verdict: 'pass' },
  { name: 'another Patient ID', released: [], arriving: [doe, { ...doe, id: '2' }], verdict: 'study' },
  { name: 'another name', released: [], arriving: [doe, { ...doe, name: 'DOE^JANE' }], verdict: 'study' },
  {
    name: 'another birth date',
    released: [],
    arriving: [doe, { ...doe, birthDate: '19700102' }],
    verdict: 'study',
  },
  { name: 'absent values', released: [], arriving: [doe, {}, { id: '1' }], verdict: 'pass' },
  {
    name: 'another one behind one without values',
    released: [],
    arriving: [{}, { id: '1' }, {}, { id: '2' }],
    verdict: 'study',
  },
  {
    name: 'another one in a later revision',
    released: [doe],
    arriving: [{ ...doe, id: '2' }],
    verdict: 'revision',
  },
  {
    name: 'two in a later revision',
    released: [{}],
    arriving: [doe, { ...doe, id: '2' }],
    verdict: 'revision',
  },
  {
    name: 'a name written in other ways',
    released: [{ ...doe, name: 'Doe^John^^^' }],
    arriving: [
      { ...doe, name: ' DOE ^JOHN=山田^太郎 ' },
      { ...doe, name: 'ＤＯＥ^John==やまだ' },
    ],
    verdict: 'pass',
  },
  {
    name: 'another ideographic name',
    released: [],
    arriving: [{ name: 'YAMADA^TARO=山田^太郎' }, { name: 'YAMADA^TARO=山本^太郎' }],
    verdict: 'study',
  },
  {
    name: 'values written in other ways',
    released: [],
    arriving: [doe, { id: ' 1 ', birthDate: '1970.01.01' }, { id: '1\0', name: '  ', birthDate: ' ' }],
    verdict: 'pass',
  },
];
