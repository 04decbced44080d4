import { describe, expect, it } from 'vitest';
import {
  defaultGatePolicy,
  type ExpectedInstance,
  type GatePolicy,
  inspectInstance,
} from '../../../../receiver/gate/inspect.ts';
import { comparePatients } from '../../../../receiver/gate/patients.ts';
import {
  type PreambleKind,
  type PreamblePolicy,
  preambleAction,
  preambleKind,
} from '../../../../receiver/gate/preamble.ts';
import { DiodeError } from '../../../../shared/errors.ts';
import { ctImage, encodePart10, type InstanceToWrite } from '../../../harness/unchecked-writer.ts';

const ctClass = '1.2.840.10008.5.1.4.1.1.2';
const pdfClass = '1.2.840.10008.5.1.4.1.1.104.1';

function inspect(bytes: Uint8Array, policy: Partial<GatePolicy> = {}, expected?: ExpectedInstance) {
  const readAt = (offset: number, length: number) => bytes.subarray(offset, offset + length);
  return inspectInstance(readAt, bytes.length, { ...defaultGatePolicy, ...policy }, expected);
}

const image = (instance: InstanceToWrite = {}) => encodePart10({ dataSet: ctImage(instance) });

describe('an instance and its manifest', () => {
  const expected = { studyUid: '2.25.1', seriesUid: '2.25.2', sopInstanceUid: '2.25.11' };

  it('agree', () => {
    expect(inspect(image(), {}, expected)).toMatchObject({
      verdict: 'pass',
      reasons: [],
      preamble: 'zero',
      zeroPreamble: false,
    });
  });

  it.each(['studyUid', 'seriesUid', 'sopInstanceUid'] as const)('differ in %s', (uid) => {
    const inspection = inspect(image({ [uid]: '2.25.666' }), {}, expected);
    expect(inspection).toMatchObject({ verdict: 'hold', code: 'E_INSTANCE_MISMATCH' });
    expect(inspection.reasons[0]?.message).toContain(uid);
  });
});

describe('SOP classes', () => {
  const pdf = () => image({ sopClassUid: pdfClass });

  it('pass if no list says otherwise, private ones too', () => {
    expect(inspect(image({ sopClassUid: '1.3.46.670589.2.3' })).verdict).toBe('pass');
  });

  it('are held if denied, or if not among those allowed', () => {
    expect(inspect(image(), { denySopClasses: [ctClass] }).code).toBe('E_SOP_CLASS');
    expect(inspect(image(), { allowSopClasses: [`${ctClass}.1`] }).code).toBe('E_SOP_CLASS');
    expect(inspect(image(), { allowSopClasses: [ctClass] }).verdict).toBe('pass');
    expect(inspect(image(), { allowSopClasses: [ctClass], denySopClasses: [ctClass] }).code).toBe(
      'E_SOP_CLASS',
    );
  });

  it('may be named by their beginning, whole components of it', () => {
    expect(inspect(image(), { allowSopClasses: ['1.2.840.10008.5.1.4.1.1.*'] }).verdict).toBe('pass');
    expect(inspect(image({ sopClassUid: `${ctClass}2` }), { denySopClasses: [`${ctClass}.*`] }).verdict).toBe(
      'pass',
    );
    expect(inspect(image({ sopClassUid: `${ctClass}.2` }), { denySopClasses: [`${ctClass}.*`] }).code).toBe(
      'E_SOP_CLASS',
    );
  });

  it('of documents are held unless the policy lets them pass', () => {
    expect(inspect(pdf()).code).toBe('E_ENCAPSULATED_DOCUMENT');
    expect(inspect(pdf(), { allowSopClasses: [pdfClass] }).code).toBe('E_ENCAPSULATED_DOCUMENT');
    expect(inspect(pdf(), { encapsulatedDocuments: 'pass' }).verdict).toBe('pass');
  });
});

describe('a preamble', () => {
  it.each<[PreambleKind, Record<PreamblePolicy, string>]>([
    ['zero', { zero: 'keep', 'keep-tiff': 'keep', 'reject-executable': 'keep' }],
    ['tiff', { zero: 'zero', 'keep-tiff': 'keep', 'reject-executable': 'keep' }],
    ['executable', { zero: 'zero', 'keep-tiff': 'zero', 'reject-executable': 'hold' }],
    ['other', { zero: 'zero', 'keep-tiff': 'zero', 'reject-executable': 'keep' }],
  ])('that is %s', (kind, actions) => {
    for (const policy of ['zero', 'keep-tiff', 'reject-executable'] as const) {
      expect(preambleAction(kind, policy)).toBe(actions[policy]);
    }
  });

  it('is a TIFF in either byte order, and the big form of it', () => {
    for (const magic of ['II*\0', 'MM\0*', 'II+\0', 'MM\0+']) {
      expect(preambleKind(Buffer.from(magic.padEnd(128, '\0'), 'latin1'))).toBe('tiff');
    }
  });

  it('is zeroed also when a person releases what is held for it', () => {
    const bytes = encodePart10({ preamble: 'MZ', dataSet: ctImage() });
    const held = inspect(bytes, { preamble: 'reject-executable' });
    expect(held).toMatchObject({ code: 'E_PREAMBLE', preamble: 'executable', zeroPreamble: true });
    expect(inspect(bytes)).toMatchObject({ verdict: 'pass', zeroPreamble: true });
  });
});

describe('an instance that is held', () => {
  it('names every reason, the gravest first, and its header', () => {
    const bytes = encodePart10({
      preamble: 'MZ',
      metaSopInstanceUid: '2.25.5',
      dataSet: ctImage({ sopClassUid: pdfClass }),
    });
    const expected = { studyUid: '2.25.9', seriesUid: '2.25.2', sopInstanceUid: '2.25.11' };
    const inspection = inspect(bytes, { preamble: 'reject-executable' }, expected);
    expect(inspection.reasons.map(({ code }) => code)).toEqual([
      'E_INSTANCE_MISMATCH',
      'E_GATE_META',
      'E_ENCAPSULATED_DOCUMENT',
      'E_PREAMBLE',
    ]);
    expect(inspection.header?.studyUid).toBe('2.25.1');
  });

  it('has no header if it can not be read, and still a preamble', () => {
    const broken = encodePart10({ preamble: 'II*', dataSet: Buffer.from('no data set at all') });
    expect(inspect(broken)).toMatchObject({ verdict: 'hold', header: undefined, preamble: 'tiff' });
    const unreadable = inspectInstance(() => {
      throw new DiodeError('E_DISK');
    }, 1000);
    expect(unreadable).toMatchObject({ code: 'E_DISK', header: undefined });
  });
});

describe('two patients', () => {
  it('differ in attributes that are named', () => {
    const first = { id: '1', name: 'A^B', birthDate: '19700101' };
    expect(comparePatients(first, { id: '2', name: 'A^C', birthDate: '19700101' })).toEqual(['id', 'name']);
    expect(comparePatients(first, { birthDate: '19700102' })).toEqual(['birthDate']);
  });

  it('have Patient IDs whose case matters, and names whose case does not', () => {
    expect(comparePatients({ id: 'a', name: 'doe' }, { id: 'A', name: 'DOE' })).toEqual(['id']);
  });
});
