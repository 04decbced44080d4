import { describe, expect, it } from 'vitest';
import { addressTest } from '../../../../sender/intake/dicom-listener.ts';
import { answerContexts, isStorable, judgeRequest } from '../../../../sender/intake/storage-negotiation.ts';
import { readAssociateRequest } from '../../../../shared/dicom/upper-layer/associate-pdu.ts';
import { associateBody, type RequestBytes } from '../../../harness/association-bytes.ts';

const callingTitles = ['SCANNER'];
const entity = { title: 'DIODE', priority: 'routine', quietSeconds: 60, callingTitles } as const;
const stat = { title: 'DIODE_STAT', priority: 'stat', quietSeconds: 5, callingTitles } as const;
const other = { title: 'DIODE_MR', priority: 'routine', quietSeconds: 60, callingTitles: ['MR'] } as const;
const entities = [entity, stat, other].map((each) => ({
  entity: each,
  isAddressAllowed: (address: string) => address === '192.0.2.1',
}));

const judge = (request: RequestBytes, address = '192.0.2.1') =>
  judgeRequest(readAssociateRequest(associateBody(request)), address, entities);

describe('an association', () => {
  it('is for the AE title it calls', () => {
    expect(judge({})).toBe(entity);
    expect(judge({ calledAe: 'DIODE_STAT' })).toBe(stat);
    expect(judge({ calledAe: 'DIODE_MR', callingAe: 'MR' })).toBe(other);
  });

  it.each<[string, RequestBytes, string, { result: number; source: number; reason: number }]>([
    ['another AE title called', { calledAe: 'OTHER' }, '192.0.2.1', { result: 1, source: 1, reason: 7 }],
    ['one that is not for it', { calledAe: 'DIODE_MR' }, '192.0.2.1', { result: 1, source: 1, reason: 7 }],
    ['an unknown caller', { callingAe: 'OTHER' }, '192.0.2.1', { result: 1, source: 1, reason: 3 }],
    ['an unknown address', {}, '192.0.2.2', { result: 1, source: 1, reason: 3 }],
    [
      'another application context',
      { applicationContext: '1.2' },
      '192.0.2.1',
      { result: 1, source: 1, reason: 2 },
    ],
    ['another protocol version', { version: 2 }, '192.0.2.1', { result: 1, source: 2, reason: 2 }],
  ])('is rejected: %s', (_, request, address, rejection) => {
    expect(judge(request, address)).toEqual(rejection);
  });

  it('is for anybody where no list is given', () => {
    const request = readAssociateRequest(associateBody({ callingAe: 'ANY' }));
    const open = { title: 'DIODE', priority: 'routine', quietSeconds: 60 } as const;
    const entitiesOpen = [{ entity: open, isAddressAllowed: () => true }];
    expect(judgeRequest(request, '203.0.113.9', entitiesOpen)).toBe(open);
  });
});

describe('addresses', () => {
  it('are listed one by one or as networks', () => {
    const allowed = addressTest(['192.0.2.7', '198.51.100.0/24', '2001:db8::/32']);
    const asked = [
      '192.0.2.7',
      '192.0.2.8',
      '198.51.100.200',
      '198.51.101.1',
      '2001:db8:1::1',
      '2001:db9::1',
      '',
    ];
    expect(asked.map(allowed)).toEqual([true, false, true, false, true, false, false]);
  });

  it.each(['host', '192.0.2.0/33', '192.0.2.1/8/8', '192.0.2.0/x', ''])('are no addresses: %j', (entry) => {
    expect(() => addressTest([entry])).toThrow(expect.objectContaining({ code: 'E_CONFIG_VALUE' }));
  });
});

describe('presentation contexts', () => {
  const answer = (abstractSyntax: string | undefined, transferSyntaxes = ['1.2.3']) =>
    answerContexts([{ id: 1, abstractSyntax, transferSyntaxes }], { performedProcedureSteps: true })[0];

  it('are accepted in the transfer syntax that the scanner put first, whatever it is', () => {
    expect(answer('1.3.46.670589.11.0.0.12.1', ['1.2.840.113619.5.2', '1.2.840.10008.1.2'])).toEqual({
      id: 1,
      result: 0,
      transferSyntax: '1.2.840.113619.5.2',
    });
  });

  it('are refused without abstract or transfer syntax', () => {
    expect(answer(undefined)).toMatchObject({ result: 3 });
    expect(answer('1.2.3', [])).toMatchObject({ result: 4 });
  });

  it('of performed procedure steps need a transfer syntax that we read, and that they are switched on', () => {
    const step = '1.2.840.10008.3.1.2.3.3';
    expect(answer(step, ['1.2.840.10008.1.2.1.99'])).toMatchObject({ result: 4 });
    expect(answer(step, ['1.2.840.10008.1.2.1.99', '1.2.840.10008.1.2'])).toMatchObject({
      result: 0,
      transferSyntax: '1.2.840.10008.1.2',
    });
    const context = { id: 1, abstractSyntax: step, transferSyntaxes: ['1.2.840.10008.1.2'] };
    expect(answerContexts([context], { performedProcedureSteps: false })).toMatchObject([{ result: 3 }]);
  });

  it.each([
    ['1.2.840.10008.5.1.4.1.1.2', true], // CT Image Storage
    ['1.2.840.10008.5.1.4.1.1.481.3', true], // RT Structure Set Storage
    ['1.2.840.10008.5.1.4.34.7', true], // RT Beams Delivery Instruction Storage
    ['1.2.840.10008.5.1.4.34.10', true], // RT Brachy Application Setup Delivery Instruction Storage
    ['1.2.840.10008.5.1.4.43.1', true], // Generic Implant Template Storage
    ['1.2.840.10008.5.1.1.29', true], // Hardcopy Grayscale Image Storage, retired
    ['1.3.12.2.1107.5.9.1', true], // Siemens CSA Non-Image Storage
    ['2.25.7', true],
    ['1.2.840.10008.1.1', false], // Verification
    ['1.2.840.10008.1.20.1', false], // Storage Commitment Push Model
    ['1.2.840.10008.3.1.2.3.3', false], // Modality Performed Procedure Step
    ['1.2.840.10008.1.3.10', false], // Media Storage Directory
    ['1.2.840.10008.5.1.1.9', false], // Basic Grayscale Print Management
    ['1.2.840.10008.5.1.4.1.2.2.1', false], // Study Root Query/Retrieve FIND
    ['1.2.840.10008.5.1.4.31', false], // Modality Worklist FIND
    ['1.2.840.10008.5.1.4.33', false], // Instance Availability Notification
    ['1.2.840.10008.5.1.4.34.6.1', false], // Unified Procedure Step Push
    ['1.2.840.10008.5.1.4.43.2', false], // Generic Implant Template FIND
  ])('%s may be stored: %s', (uid, storable) => {
    expect(isStorable(uid)).toBe(storable);
  });
});
