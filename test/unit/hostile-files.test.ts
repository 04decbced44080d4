import { describe, expect, it } from 'vitest';
import { defaultGatePolicy, inspectInstance } from '../../receiver/gate/inspect.ts';
import { hashPatient, judgePatients } from '../../receiver/gate/patients.ts';
import { type Patient, readInstanceHeaderFromFile } from '../../shared/dicom/instance-header.ts';
import { DiodeError } from '../../shared/errors.ts';
import { hostileFiles, hostileStudies } from '../harness/hostile-files.ts';

const key = new Uint8Array(32).fill(9);

describe('each hostile file ends with its own code', () => {
  it.each(hostileFiles.map((file) => [file.name, file] as const))('%s', (_name, file) => {
    const bytes = file.make();
    const readAt = (offset: number, length: number) => bytes.subarray(offset, offset + length);
    const header = readInstanceHeaderFromFile(readAt, bytes.byteLength);
    expect(header instanceof DiodeError ? header.code : 'taken').toBe(file.intake);

    const inspection = inspectInstance(readAt, bytes.byteLength);
    expect(inspection.code ?? inspection.verdict).toBe(file.gate);

    const strict = { ...defaultGatePolicy, preamble: 'reject-executable' } as const;
    const rejecting = inspectInstance(readAt, bytes.byteLength, strict);
    expect(rejecting.code ?? rejecting.verdict).toBe(file.gateRejectingExecutables ?? file.gate);
  });

  it('says nothing of a patient in any reason', () => {
    for (const { make } of hostileFiles) {
      const bytes = make();
      const { reasons } = inspectInstance(
        (offset, length) => bytes.subarray(offset, offset + length),
        bytes.byteLength,
      );
      for (const reason of reasons) expect(reason.message).not.toMatch(/TEST|PATIENT|OTHER|1970/);
    }
  });
});

describe('two patients in one study', () => {
  it.each(hostileStudies.map((study) => [study.name, study] as const))('%s', (_name, study) => {
    const hashed = (patient: Patient) => hashPatient(patient, key);
    const judged = judgePatients(study.released.map(hashed), study.arriving.map(hashed));
    expect(judged.verdict === 'pass' ? 'pass' : judged.scope).toBe(study.verdict);
    if (judged.verdict === 'hold') {
      expect(judged.reason.code).toBe('E_PATIENT_MISMATCH');
      expect(judged.reason.message).not.toMatch(/DOE|YAMADA|1970/);
    }
  });
});
