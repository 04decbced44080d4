import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { inspectInstance } from '../../receiver/gate/inspect.ts';
import { judgePatients, normalPatient } from '../../receiver/gate/patients.ts';
import { type Patient, readInstanceHeaderFromFile } from '../../shared/dicom/instance-header.ts';
import { DiodeError } from '../../shared/errors.ts';

/** 950 real files of many vendors; where they are not, there is nothing to read. */
const corpus = resolve('../shared/corpus');

function* files(folder: string): Generator<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* files(path);
    else if (path !== join(corpus, 'README.md')) yield path;
  }
}

describe.skipIf(!existsSync(corpus))('real files of the corpus', () => {
  it('are taken in or refused by code', () => {
    const counts = new Map<string, number>();
    for (const path of files(corpus)) {
      const bytes = readFileSync(path);
      const readAt = (offset: number, length: number) => bytes.subarray(offset, offset + length);
      const header = readInstanceHeaderFromFile(readAt, bytes.length);
      const outcome = header instanceof DiodeError ? header.code : 'taken';
      counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
    }
    expect(Object.fromEntries(counts)).toEqual({ taken: 901, E_DICOMDIR: 20, E_NO_UID: 12, E_NOT_DICOM: 17 });
  });

  it('pass the gate, but for those that a policy names', () => {
    const held = new Map<string, string[]>();
    const patients = new Map<string, Patient[]>();
    let passed = 0;
    for (const path of files(corpus)) {
      const bytes = readFileSync(path);
      const readAt = (offset: number, length: number) => bytes.subarray(offset, offset + length);
      const header = readInstanceHeaderFromFile(readAt, bytes.length);
      if (header instanceof DiodeError) continue;
      patients.set(header.studyUid, [...(patients.get(header.studyUid) ?? []), header.patient]);
      const { code } = inspectInstance(readAt, bytes.length);
      if (code === undefined) passed += 1;
      else held.set(code, [...(held.get(code) ?? []), path.slice(path.lastIndexOf('/') + 1)]);
    }
    expect(passed).toBe(884);
    for (const [code, names] of held)
      console.log(`${names.length} held for ${code}: ${names.sort().join(' ')}`);
    console.log(`${passed} pass the gate`);
    const found = Object.fromEntries([...held].map(([code, names]) => [code, names.sort()]));
    expect(found).toEqual({
      // Other SOP Instance UIDs in their file meta information than in their data set.
      E_GATE_META: [
        '12bitSigned_0x0F0F.dcm',
        '12bitUnsigned.dcm',
        '12bitUnsigned_0x0F0F.dcm',
        'badVR.dcm',
        'chrJapMulti.dcm',
        'chrJapMultiExplicitIR6.dcm',
        'no-meta-length-test.dcm',
        'rtdose.dcm',
        'rtdose_1frame.dcm',
        'rtdose_expb.dcm',
        'rtdose_expb_1frame.dcm',
        'rtplan.dcm',
        'sample-dicom.dcm',
      ],
      E_DICOM_LENGTH: ['MR_truncated.dcm', 'rtplan_truncated.dcm'],
      // Implicit VR under JPEG baseline.
      E_DICOM_SYNTAX: ['SC_rgb_jpeg.dcm'],
      E_ENCAPSULATED_DOCUMENT: ['pdf.dcm'],
    });
    for (const ofOneStudy of patients.values())
      expect(judgePatients([], ofOneStudy.map(normalPatient))).toEqual({ verdict: 'pass' });
  });
});
