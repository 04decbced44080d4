/**
 * Goal: an encapsulated document is known by what an instance carries, whatever it says it is. Method: the elements of
 * one in a CT image, at every place and in every encoding that they may have.
 */
import { describe, expect, it } from 'vitest';
import { defaultGatePolicy, type GatePolicy, inspectInstance } from '../../../../receiver/gate/inspect.ts';
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

const pdf = element(0x0042_0011, 'OB', Buffer.from('%PDF-1.7\n%%EOF'));
const mimeType = element(0x0042_0012, 'LO', 'application/pdf');

function inspect(
  more: readonly ElementToWrite[],
  syntax: TransferSyntaxName = 'explicitLittleEndian',
  policy: Partial<GatePolicy> = {},
) {
  const bytes = encodePart10({ syntax: transferSyntaxes[syntax], dataSet: ctImage({ more }) });
  const readAt = (offset: number, length: number) => bytes.subarray(offset, offset + length);
  return inspectInstance(readAt, bytes.length, { ...defaultGatePolicy, ...policy });
}

describe('a document in an instance of another SOP class is held', () => {
  const places: readonly (readonly [string, ElementToWrite])[] = [
    ['at the top', pdf],
    ['in an item', element(0x0040_a730, 'SQ', [[pdf]])],
    [
      'deep in delimited sequences',
      delimitedSequence(0x0040_a730, [[delimitedSequence(0x0040_a730, [[pdf]])]]),
    ],
    ['in fragments', element(0x0042_0011, 'OB', { fragments: [Buffer.from('%PDF')] }, undefinedLength)],
    ['as nothing but its MIME type', mimeType],
  ];
  for (const syntax of Object.keys(transferSyntaxes) as TransferSyntaxName[]) {
    it.each(places.filter(([name]) => name !== 'in fragments' || transferSyntaxes[syntax].explicitVr))(
      `%s, ${syntax}`,
      (_place, one) => {
        expect(inspect([one], syntax)).toMatchObject({ verdict: 'hold', code: 'E_ENCAPSULATED_DOCUMENT' });
        expect(inspect([one], syntax, { encapsulatedDocuments: 'pass' }).verdict).toBe('pass');
      },
    );
  }

  it('in a private element that is a sequence of unknown representation', () => {
    const { implicitLittleEndian } = transferSyntaxes;
    const item = encodeElements([element(0x0029_1010, 'SQ', [[pdf]])], implicitLittleEndian).subarray(8);
    expect(inspect([element(0x0029_1010, 'UN', item)]).code).toBe('E_ENCAPSULATED_DOCUMENT');
  });

  it('also where its class is not let through, so that both are to be decided', () => {
    const { reasons } = inspect([pdf], 'deflated', { denySopClasses: ['1.2.840.10008.5.1.4.1.1.2'] });
    expect(reasons.map(({ code }) => code)).toEqual(['E_SOP_CLASS', 'E_ENCAPSULATED_DOCUMENT']);
  });

  it('but not for elements that are empty', () => {
    const empty = [element(0x0042_0011, 'OB', ''), element(0x0042_0012, 'LO', '')];
    expect(inspect(empty).verdict).toBe('pass');
  });
});
