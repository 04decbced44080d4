import { describe, expect, it } from 'vitest';
import {
  readAssociateAccept,
  readAssociateRequest,
  writeAssociateAccept,
  writeAssociateRequest,
} from '../../../../shared/dicom/upper-layer/associate-pdu.ts';
import { isAeTitle } from '../../../../shared/wire/limits.ts';
import {
  answeredContext,
  associateBody,
  associationItem,
  ctImageStorage,
  explicitLittle,
  proposedContext,
  type RequestBytes,
  verification,
} from '../../../harness/association-bytes.ts';

const ascii = (text: string): Buffer => Buffer.from(text, 'latin1');

describe('A-ASSOCIATE-RQ', () => {
  it('is read field by field', () => {
    const contexts = [
      { id: 1, abstractSyntax: verification, transferSyntaxes: ['1.2.840.10008.1.2'] },
      { id: 255, abstractSyntax: '2.25.1', transferSyntaxes: [explicitLittle, '1.3.46.670589.33.1.4.1'] },
    ];
    const request = readAssociateRequest(
      associateBody({
        calledAe: ' A B ',
        callingAe: 'SIXTEEN_LETTERS_',
        contexts,
        maximumLength: 0,
        userItems: [associationItem(0x53, Buffer.alloc(4)), associationItem(0x55, ascii('OTHER 1.0'))],
      }),
    );
    expect(request).toMatchObject({
      versionSupported: true,
      calledAe: 'A B',
      callingAe: 'SIXTEEN_LETTERS_',
      applicationContext: '1.2.840.10008.3.1.1.1',
      contexts,
      user: { dataPduBytesMax: 0, implementationClassUid: '1.2.3.4', implementationVersionName: 'OTHER 1.0' },
    });
    expect(request.echoed).toHaveLength(64);
  });

  it('is taken with an application context of its own, none, or padded UIDs', () => {
    const request = readAssociateRequest(
      associateBody({
        applicationContext: 'nonsense',
        contexts: [
          { id: 1, abstractSyntax: `${ctImageStorage}\0`, transferSyntaxes: [`${explicitLittle} `] },
        ],
      }),
    );
    expect(request.applicationContext).toBeUndefined();
    expect(request.contexts[0]).toEqual({
      id: 1,
      abstractSyntax: ctImageStorage,
      transferSyntaxes: [explicitLittle],
    });
  });

  it('gives a context up that names no UID, and keeps the others', () => {
    const contexts = [
      { id: 1, abstractSyntax: '../../etc', transferSyntaxes: [explicitLittle] },
      { id: 3, abstractSyntax: ctImageStorage, transferSyntaxes: ['..', explicitLittle] },
    ];
    const read = readAssociateRequest(associateBody({ contexts })).contexts;
    expect(read).toEqual([
      { id: 1, abstractSyntax: undefined, transferSyntaxes: [explicitLittle] },
      { id: 3, abstractSyntax: ctImageStorage, transferSyntaxes: [explicitLittle] },
    ]);
  });

  it('names another version', () => {
    expect(readAssociateRequest(associateBody({ version: 2 })).versionSupported).toBe(false);
    expect(readAssociateRequest(associateBody({ version: 3 })).versionSupported).toBe(true);
  });

  const one = proposedContext({ id: 1, abstractSyntax: ctImageStorage, transferSyntaxes: [explicitLittle] });
  const many = Array.from({ length: 257 }, () => explicitLittle);
  it.each<[string, Buffer]>([
    ['too short', Buffer.alloc(67)],
    ['no context', associateBody({ contexts: [] })],
    ['a context id twice', associateBody({ contextItems: [one, one] })],
    [
      'an even context id',
      body({ contexts: [{ id: 2, abstractSyntax: verification, transferSyntaxes: [] }] }),
    ],
    ['a context of three bytes', body({ contextItems: [associationItem(0x20, Buffer.alloc(3))] })],
    [
      'too many transfer syntaxes',
      body({ contexts: [{ id: 1, abstractSyntax: '1.2', transferSyntaxes: many }] }),
    ],
    ['an item longer than the PDU', body({ contextItems: [associationItem(0x20, Buffer.alloc(4), 0xffff)] })],
    ['half an item header at the end', Buffer.concat([associateBody(), Buffer.alloc(3)])],
    ['no called AE title', body({ calledAe: ' ' })],
    ['a control character in an AE title', body({ callingAe: 'A\nB' })],
    ['a backslash in an AE title', body({ callingAe: 'A\\B' })],
    ['a maximum length of 64', body({ maximumLength: 64 })],
    ['a maximum length of 2 bytes', body({ userItems: [associationItem(0x51, Buffer.alloc(2))] })],
  ])('is refused: %s', (_, bytes) => {
    expect(() => readAssociateRequest(bytes)).toThrow(expect.objectContaining({ code: 'E_DICOM_PROTOCOL' }));
  });

  it('is written as it is read', () => {
    const contexts = [
      { id: 1, abstractSyntax: ctImageStorage, transferSyntaxes: [explicitLittle, '1.2.840.10008.1.2'] },
      { id: 3, abstractSyntax: verification, transferSyntaxes: ['1.2.840.10008.1.2'] },
    ];
    const written = writeAssociateRequest({
      calledAe: 'PACS',
      callingAe: 'DIODE',
      contexts,
      dataPduBytesMax: 4096,
    });
    expect(written[0]).toBe(1);
    expect(Buffer.from(written).readUInt32BE(2)).toBe(written.length - 6);
    expect(readAssociateRequest(written.subarray(6))).toMatchObject({
      versionSupported: true,
      calledAe: 'PACS',
      callingAe: 'DIODE',
      contexts,
      user: { dataPduBytesMax: 4096, implementationVersionName: 'DICOM-DIODE' },
    });
  });
});

describe('A-ASSOCIATE-AC', () => {
  it('is written and read', () => {
    const echoed = Uint8Array.from({ length: 64 }, (_, index) => index);
    const contexts = [
      { id: 1, result: 0, transferSyntax: explicitLittle },
      { id: 3, result: 3, transferSyntax: undefined },
    ];
    const written = writeAssociateAccept({ echoed, contexts, dataPduBytesMax: 262_144 });
    expect(written[0]).toBe(2);
    expect([...written.subarray(10, 74)]).toEqual([...echoed]);
    expect(readAssociateAccept(written.subarray(6))).toMatchObject({
      contexts,
      user: { dataPduBytesMax: 262_144 },
    });
  });

  it.each([
    ['too short', Buffer.alloc(67)],
    [
      'accepted without a transfer syntax',
      body({ contextItems: [associationItem(0x21, Buffer.from([1, 0, 0, 0]))] }),
    ],
    ['accepted with a transfer syntax that is no UID', body({ contextItems: [answeredContext(1, 0, '..')] })],
    [
      'a context answered twice',
      body({ contextItems: [answeredContext(1, 0, '1.2'), answeredContext(1, 0, '1.2')] }),
    ],
  ])('is refused: %s', (_, bytes) => {
    expect(() => readAssociateAccept(bytes)).toThrow(expect.objectContaining({ code: 'E_DICOM_PROTOCOL' }));
  });
});

it.each([
  ['A', true],
  ['SIXTEEN LETTERS!', true],
  ['SEVENTEEN LETTERS', false],
  ['', false],
  ['  ', false],
  [' A', false],
  ['A ', false],
  ['A B', true],
  ['A\n', false],
  ['A\\B', false],
  ['Ä', false],
])('AE title %j: %s', (title, valid) => {
  expect(isAeTitle(title)).toBe(valid);
});

function body(request: RequestBytes): Buffer {
  return associateBody(request);
}
