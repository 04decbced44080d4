/**
 * Goal: two patients never pass for one. Method: names and ids as bytes of a file, read as the gate reads them, and
 * compared in clear and by their keyed hashes.
 */
import { describe, expect, it } from 'vitest';
import { inspectInstance } from '../../../../receiver/gate/inspect.ts';
import {
  comparePatients,
  hashPatient,
  judgePatients,
  normalPatient,
} from '../../../../receiver/gate/patients.ts';
import { present } from '../../../../shared/assert.ts';
import type { Patient } from '../../../../shared/dicom/instance-header.ts';
import { ctImage, element, encodePart10 } from '../../../harness/unchecked-writer.ts';

const key = new Uint8Array(32).fill(9);
const japanese = '\\ISO 2022 IR 87\\ISO 2022 IR 159';

function inspected(characterSet: string, name: string, id = 'TEST-1') {
  const more = [
    element(0x0008_0005, 'CS', characterSet),
    element(0x0010_0010, 'PN', Buffer.from(name, 'latin1')),
    element(0x0010_0020, 'LO', Buffer.from(id, 'latin1')),
  ];
  const bytes = encodePart10({ dataSet: ctImage({ more }) });
  return inspectInstance((offset, length) => bytes.subarray(offset, offset + length), bytes.length);
}

function named(characterSet: string, name: string, id?: string): Patient {
  return present(inspected(characterSet, name, id).header, 'a sound file').patient;
}

function verdictOf(...arriving: readonly Patient[]) {
  const verdicts = [normalPatient, (patient: Patient) => hashPatient(patient, key)].map(
    (make) => judgePatients([], arriving.map(make)).verdict,
  );
  expect(new Set(verdicts).size).toBe(1);
  return verdicts[0];
}

describe('two names of other bytes differ, also where they are not text', () => {
  it.each([
    ['bytes that UTF-8 does not know', 'ISO_IR 192', 'DOE^\xe9', 'DOE^\xe8'],
    ['a character of UTF-8 that is cut off', 'ISO_IR 192', 'DOE^\xe5\xb1', 'DOE^\xe5\xb2'],
    ['bytes that GB18030 does not know', 'GB18030', 'DOE^\xff', 'DOE^\x80'],
    ['half a character of JIS X 0212 at the end', japanese, 'A=\x1b$(D"/"', 'A=\x1b$(D"/'],
    ['half another character of JIS X 0212', japanese, 'A=\x1b$(D"/"', 'A=\x1b$(D"/!'],
    ['half a character of JIS X 0208', japanese, 'A=\x1b$B;', 'A=\x1b$B:'],
    ['upper bytes in a set of lower ones', japanese, 'A=\x1b$B;3', 'A=\x1b$B\xbb\xb3'],
    ['bytes that are none in Thai', 'ISO_IR 166', 'A^\xdb', 'A^\xdc'],
    ['a fourth group', 'ISO_IR 192', 'A=B=C=D', 'A=B=C=E'],
  ])('%s', (_what, characterSet, first, second) => {
    expect(comparePatients(named(characterSet, first), named(characterSet, second))).toEqual(['name']);
    expect(verdictOf(named(characterSet, first), named(characterSet, second))).toBe('hold');
    expect(verdictOf(named(characterSet, first), named(characterSet, `${first}  `))).toBe('pass');
  });

  it('and so do two ids', () => {
    const patients = ['\xe9', '\xe8'].map((id) => named('ISO_IR 192', 'A', id)) as [Patient, Patient];
    expect(comparePatients(...patients)).toEqual(['id']);
  });

  it('and one that is text from one that looks like it', () => {
    expect(comparePatients(named('ISO_IR 192', 'A^\xff'), named('ISO_IR 192', 'A^\xef\xbf\xbd'))).toEqual([
      'name',
    ]);
    expect(comparePatients(named('nonsense', 'Ren\xe9'), named('ISO_IR 100', 'Ren\xe9'))).toEqual(['name']);
    expect(comparePatients(named('nonsense', 'Rene'), named('ISO_IR 100', 'Rene'))).toEqual([]);
  });

  it('and one that is longer than what is read of it is held by itself', () => {
    const long = (end: string) => inspected('ISO_IR 192', 'A'.repeat(4096) + end);
    expect(long('B')).toMatchObject({ verdict: 'hold', code: 'E_DICOM_LENGTH' });
    expect(inspected('ISO_IR 192', 'A'.repeat(4000)).verdict).toBe('pass');
  });

  it('and a sequence in the place of an id is held by itself, not taken for no id', () => {
    const bytes = encodePart10({ dataSet: ctImage({ more: [element(0x0010_0020, 'SQ', [])] }) });
    const readAt = (offset: number, length: number) => bytes.subarray(offset, offset + length);
    expect(inspectInstance(readAt, bytes.length)).toMatchObject({ code: 'E_DICOM_LENGTH' });
  });
});

describe('instances that name a patient hang together', () => {
  it('or are held: one with only an id and one with only a name have nothing in common', () => {
    expect(verdictOf({ id: '1' }, { name: 'DOE' })).toBe('hold');
    expect(verdictOf({ id: '1' }, { name: 'DOE' }, {}, { id: '1' })).toBe('hold');
    expect(comparePatients({ id: '1' }, { name: 'DOE' })).toEqual(['id', 'name']);
    expect(verdictOf({ name: 'YAMADA' }, { name: '=山田' })).toBe('hold');
  });

  it('where another one has both, whichever comes first', () => {
    const both = { id: '1', name: 'DOE' };
    expect(verdictOf({ id: '1' }, { name: 'DOE' }, both)).toBe('pass');
    expect(verdictOf(both, { id: '1' }, { name: 'DOE' })).toBe('pass');
    expect(verdictOf({ id: '1' }, { birthDate: '19700101', name: 'DOE' }, { id: '1', name: 'DOE' })).toBe(
      'pass',
    );
    expect(verdictOf({ id: '1', name: 'DOE' }, { birthDate: '19700101' })).toBe('hold');
  });

  it('while one that names nobody belongs to any', () => {
    expect(verdictOf({}, {})).toBe('pass');
    expect(verdictOf({}, { id: '1' }, {})).toBe('pass');
  });

  it('with what is out, and whoever a person let in counts as one', () => {
    const judge = (released: readonly Patient[], arriving: readonly Patient[]) =>
      judgePatients(released.map(normalPatient), arriving.map(normalPatient));
    expect(judge([{ id: '1' }], [{ name: 'DOE' }])).toMatchObject({ verdict: 'hold', scope: 'revision' });
    expect(judge([{ id: '1' }, { name: 'DOE' }], [{ name: 'DOE' }]).verdict).toBe('pass');
    expect(judge([{ id: '1' }, { id: '2', name: 'DOE' }], [{ name: 'DOE', birthDate: '1970' }]).verdict).toBe(
      'pass',
    );
    expect(judge([{}], [{ id: '1' }]).verdict).toBe('pass');
  });

  it('for any number of them, in linear time', () => {
    const many = Array.from({ length: 200_000 }, (_, index) =>
      index % 2 === 0 ? { id: '1' } : { alphabeticName: 'DOE' },
    );
    const judged = judgePatients([], many);
    expect(judged.verdict).toBe('hold');
    expect(judged.verdict === 'hold' && judged.reason.message).toMatch(/id or name/);
  });
});
