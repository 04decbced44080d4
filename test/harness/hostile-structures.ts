/** Files whose structure lies, each with what must be said of it. See hostile-files.ts. */
import { deflateRawSync } from 'node:zlib';
import { type TransferSyntax, transferSyntaxes } from './dicom-writer.ts';
import type { HostileFile } from './hostile-files.ts';
import {
  ctImage,
  type ElementToWrite,
  element,
  encodeElements,
  encodeHeader,
  encodePart10,
  undefinedLength,
} from './unchecked-writer.ts';

const { explicitLittleEndian, implicitLittleEndian, deflated } = transferSyntaxes;

/** A private element behind the UIDs and before the pixels, which the tests below spoil. */
const privateTag = 0x0029_1010;

const file = (...more: ElementToWrite[]) => encodePart10({ dataSet: ctImage({ more }) });

/** A CT image whose data set is followed by bytes of our own making. */
function followedBy(bytes: Uint8Array, ending = ctImage()): Uint8Array {
  return Buffer.concat([encodePart10({ dataSet: ending }), bytes]);
}

/** The elements of a CT image up to a tag, ours, and the rest. */
function inPlace(tag: number, bytes: Uint8Array, syntax: TransferSyntax = explicitLittleEndian): Uint8Array {
  const elements = ctImage();
  const before = encodeElements(
    elements.filter((one) => one.tag < tag),
    syntax,
  );
  const behind = encodeElements(
    elements.filter((one) => one.tag > tag),
    syntax,
  );
  return encodePart10({
    syntax,
    dataSet: Buffer.concat([before, bytes, behind]),
    metaSopClassUid: '1.2.840.10008.5.1.4.1.1.2',
    metaSopInstanceUid: '2.25.11',
  });
}

/** Sequences in sequences, all of undefined length. */
function nested(depth: number, tag: number): Buffer {
  const open = Buffer.concat([
    encodeHeader(tag, 'SQ', undefinedLength, explicitLittleEndian),
    encodeHeader(0xfffe_e000, '', undefinedLength, explicitLittleEndian),
  ]);
  const close = Buffer.concat([
    encodeHeader(0xfffe_e00d, '', 0, explicitLittleEndian),
    encodeHeader(0xfffe_e0dd, '', 0, explicitLittleEndian),
  ]);
  return Buffer.concat([...new Array<Buffer>(depth).fill(open), ...new Array<Buffer>(depth).fill(close)]);
}

/** The same with lengths, and in implicit VR, where only the item at its beginning shows a sequence. */
function nestedByLength(depth: number, tag: number, syntax: TransferSyntax = explicitLittleEndian): Buffer {
  const headerBytes = syntax.explicitVr ? 12 : 8;
  const layer = headerBytes + 8;
  const parts: Buffer[] = [];
  for (let inner = depth - 1; inner >= 0; inner -= 1) {
    parts.push(
      encodeHeader(tag, 'SQ', inner * layer + 8, syntax),
      encodeHeader(0xfffe_e000, '', inner * layer, syntax),
    );
  }
  return Buffer.concat(parts);
}

/** A CT image with so many empty items in a sequence that a delimiter ends. */
export function deflatedItems(count: number, tag = privateTag): Uint8Array {
  const items = Buffer.alloc(count * 8);
  items.fill(encodeHeader(0xfffe_e000, '', 0, explicitLittleEndian));
  const sequence = Buffer.concat([
    encodeHeader(tag, 'SQ', undefinedLength, explicitLittleEndian),
    items,
    encodeHeader(0xfffe_e0dd, '', 0, explicitLittleEndian),
  ]);
  const elements = ctImage();
  const parts = [
    encodeElements(
      elements.filter((one) => one.tag < tag),
      explicitLittleEndian,
    ),
    sequence,
    encodeElements(
      elements.filter((one) => one.tag > tag),
      explicitLittleEndian,
    ),
  ];
  return encodePart10({
    syntax: deflated,
    dataSet: deflateRawSync(Buffer.concat(parts)),
    metaSopClassUid: '1.2.840.10008.5.1.4.1.1.2',
    metaSopInstanceUid: '2.25.11',
  });
}

export const hostileStructures: readonly HostileFile[] = [
  {
    name: 'length: a value longer than the file',
    make: () => file(element(privateTag, 'OB', 'x', 0x7fff_ffff)),
    intake: 'taken',
    gate: 'E_DICOM_LENGTH',
  },
  {
    name: 'length: a value longer than the file, before the UIDs',
    make: () => file(element(0x0009_1010, 'OB', 'x', 0x7fff_ffff)),
    intake: 'E_FILE_TRUNCATED',
    gate: 'E_DICOM_LENGTH',
  },
  {
    name: 'length: an item longer than its sequence',
    make: () =>
      inPlace(
        privateTag,
        Buffer.concat([
          encodeHeader(privateTag, 'SQ', 16, explicitLittleEndian),
          encodeHeader(0xfffe_e000, '', 40, explicitLittleEndian),
          Buffer.alloc(8),
        ]),
      ),
    intake: 'taken',
    gate: 'E_DICOM_LENGTH',
  },
  {
    name: 'length: an element longer than its item',
    make: () => file(element(privateTag, 'SQ', [[element(0x0008_0100, 'SH', 'x', 60)]])),
    intake: 'taken',
    gate: 'E_DICOM_LENGTH',
  },
  {
    name: 'length: a fragment longer than the file',
    make: () =>
      followedBy(
        Buffer.concat([
          encodeHeader(0x7fe0_0010, 'OB', undefinedLength, explicitLittleEndian),
          encodeHeader(0xfffe_e000, '', 0xffff_fff0, explicitLittleEndian),
        ]),
        ctImage().filter(({ tag }) => tag < 0x7fe0_0010),
      ),
    intake: 'taken',
    gate: 'E_DICOM_LENGTH',
  },
  {
    name: 'length: a sequence that is never ended',
    make: () => inPlace(privateTag, nested(1, privateTag).subarray(0, 20)),
    intake: 'taken',
    gate: 'E_DICOM_LENGTH',
  },
  {
    name: 'syntax: a delimiter that ends nothing',
    make: () => inPlace(privateTag, encodeHeader(0xfffe_e0dd, '', 0, explicitLittleEndian)),
    intake: 'taken',
    gate: 'E_DICOM_SYNTAX',
  },
  {
    name: 'syntax: a delimiter with a length, which some readers pass over',
    make: () => {
      const sequence = nested(1, privateTag);
      sequence.writeUInt32LE(0x1000, sequence.length - 4);
      return inPlace(privateTag, sequence);
    },
    intake: 'taken',
    gate: 'E_DICOM_SYNTAX',
  },
  {
    name: 'syntax: a fragment without a length',
    make: () =>
      followedBy(
        Buffer.concat([
          encodeHeader(0x7fe0_0010, 'OB', undefinedLength, explicitLittleEndian),
          encodeHeader(0xfffe_e000, '', undefinedLength, explicitLittleEndian),
        ]),
        ctImage().filter(({ tag }) => tag < 0x7fe0_0010),
      ),
    intake: 'taken',
    gate: 'E_DICOM_SYNTAX',
  },
  {
    name: 'syntax: a representation that readers take for different lengths',
    make: () => file(element(privateTag, 'ZZ', 'four')),
    intake: 'taken',
    gate: 'E_DICOM_SYNTAX',
  },
  {
    name: 'syntax: a sequence of unknown representation with explicit VR inside',
    make: () => {
      const content = nested(1, privateTag).subarray(12);
      const inside = encodeElements([element(0x0008_0100, 'SH', 'x')], explicitLittleEndian);
      const value = Buffer.concat([content.subarray(0, 8), inside, content.subarray(8)]);
      return file(element(privateTag, 'UN', value, undefinedLength));
    },
    intake: 'taken',
    gate: 'E_DICOM_SYNTAX',
  },
  {
    name: 'syntax: implicit VR under an explicit transfer syntax',
    make: () =>
      encodePart10({
        syntax: implicitLittleEndian,
        transferSyntaxUid: explicitLittleEndian.uid,
        dataSet: ctImage(),
      }),
    intake: 'taken',
    gate: 'E_DICOM_SYNTAX',
  },
  {
    name: 'nesting: 10,000 sequences of undefined length',
    make: () => inPlace(privateTag, nested(10_000, privateTag)),
    intake: 'taken',
    gate: 'E_DICOM_NESTING',
  },
  {
    name: 'nesting: 10,000 sequences before the UIDs',
    make: () => inPlace(0x0009_1010, nested(10_000, 0x0009_1010)),
    intake: 'E_DICOM_NESTING',
    gate: 'E_DICOM_NESTING',
  },
  {
    name: 'nesting: 10,000 sequences with lengths',
    make: () => inPlace(privateTag, nestedByLength(10_000, privateTag)),
    intake: 'taken',
    gate: 'E_DICOM_NESTING',
  },
  {
    name: 'nesting: 10,000 sequences with lengths in implicit VR, before the UIDs',
    make: () =>
      inPlace(0x0009_1010, nestedByLength(10_000, 0x0009_1010, implicitLittleEndian), implicitLittleEndian),
    intake: 'taken',
    gate: 'E_DICOM_NESTING',
  },
  {
    name: 'elements: five million empty items',
    make: () => {
      const items = Buffer.alloc(5_000_000 * 8);
      items.fill(encodeHeader(0xfffe_e000, '', 0, explicitLittleEndian));
      return inPlace(
        privateTag,
        Buffer.concat([encodeHeader(privateTag, 'SQ', items.length, explicitLittleEndian), items]),
      );
    },
    intake: 'taken',
    gate: 'E_DICOM_ELEMENTS',
  },
  {
    name: 'elements: 400,000 empty items, deflated to 4 KB',
    make: () => deflatedItems(400_000),
    intake: 'taken',
    gate: 'E_DICOM_ELEMENTS',
  },
  {
    name: 'elements: four million empty items, deflated to 46 KB',
    make: () => deflatedItems(4_000_000 - 20),
    intake: 'taken',
    gate: 'E_DICOM_DEFLATE',
  },
  {
    name: 'elements: 400,000 empty ones before the UIDs, deflated',
    make: () => deflatedItems(400_000, 0x0009_1010),
    intake: 'E_DICOM_ELEMENTS',
    gate: 'E_DICOM_ELEMENTS',
  },
  {
    name: 'trailing: a ZIP archive behind the pixels',
    make: () => followedBy(Buffer.from('PK\x05\x06'.padEnd(22, '\0'), 'latin1')),
    intake: 'taken',
    gate: 'E_DICOM_TRAILING',
  },
  {
    name: 'trailing: a few bytes',
    make: () => followedBy(Buffer.from('abc')),
    intake: 'taken',
    gate: 'E_DICOM_TRAILING',
  },
  {
    name: 'trailing: zeros to the end of the sector, as some writers leave them',
    make: () => followedBy(Buffer.alloc(512)),
    intake: 'taken',
    gate: 'pass',
  },
  {
    name: 'trailing: a file behind the deflate stream',
    make: () =>
      Buffer.concat([
        encodePart10({ syntax: deflated, dataSet: ctImage() }),
        Buffer.from('PK\x03\x04hidden...'),
      ]),
    intake: 'taken',
    gate: 'E_DICOM_TRAILING',
  },
  {
    name: 'deflate: a bomb behind the UIDs',
    make: () =>
      encodePart10({
        syntax: deflated,
        dataSet: ctImage({ more: [element(0x7fe0_0010, 'OW', Buffer.alloc(80 * 2 ** 20))] }),
      }),
    intake: 'taken',
    gate: 'E_DICOM_DEFLATE',
  },
  {
    name: 'deflate: a bomb before the UIDs',
    make: () =>
      encodePart10({
        syntax: deflated,
        dataSet: ctImage({ more: [element(0x0009_1010, 'OB', Buffer.alloc(80 * 2 ** 20))] }),
      }),
    intake: 'E_DICOM_DEFLATE',
    gate: 'E_DICOM_DEFLATE',
  },
  {
    name: 'deflate: a stream that breaks off',
    make: () => encodePart10({ syntax: deflated, dataSet: ctImage() }).subarray(0, -8),
    intake: 'taken',
    gate: 'E_DICOM_DEFLATE',
  },
  {
    name: 'deflate: no stream at all',
    make: () => encodePart10({ syntax: deflated, dataSet: Buffer.alloc(64, 0xff) }),
    intake: 'E_DICOM_DEFLATE',
    gate: 'E_DICOM_DEFLATE',
  },
];
