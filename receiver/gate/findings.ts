/**
 * What the gate found out about one instance, as it is kept: plain data that can be passed between threads, with
 * nothing about the patient but keyed hashes.
 */
import { AssertionFailure } from '../../shared/assert.ts';
import type { ReadAt } from '../../shared/dicom/byte-window.ts';
import { type InstanceHeader, readInstanceHeaderFromFile } from '../../shared/dicom/instance-header.ts';
import { DiodeError, type ErrorCode } from '../../shared/errors.ts';
import { type GatePolicy, inspectInstance } from './inspect.ts';
import { type ComparablePatient, hashPatient } from './patients.ts';
import type { PreambleKind } from './preamble.ts';

/** Undefined if it could not be read. */
export interface Findings {
  readonly studyUid: string | undefined;
  readonly seriesUid: string | undefined;
  readonly sopInstanceUid: string | undefined;
  readonly sopClassUid: string | undefined;
  readonly modality: string | undefined;
  /** Everything the instance is held for, the gravest first, each once; empty if it passes. */
  readonly reasons: readonly ErrorCode[];
  readonly preamble: PreambleKind;
  readonly zeroPreamble: boolean;
  /** Hashed under the vault's patient key. */
  readonly patient: ComparablePatient;
}

/** What is known about an instance that the gate gave up on. */
export const gaveUp: Findings = {
  studyUid: undefined,
  seriesUid: undefined,
  sopInstanceUid: undefined,
  sopClassUid: undefined,
  modality: undefined,
  reasons: ['E_GATE_GAVE_UP'],
  preamble: 'other',
  zeroPreamble: true,
  patient: {},
};

/**
 * Examines an instance of `fileBytes`, whatever its content.
 * @returns the DiodeError E_DISK if the file can't be read: that says nothing about the instance
 */
export function findingsOf(
  readAt: ReadAt,
  fileBytes: number,
  policy: GatePolicy,
  patientKey: Uint8Array,
): Findings | DiodeError {
  let failure: DiodeError | undefined;
  const noting: ReadAt = (offset, length) => {
    try {
      const bytes = readAt(offset, length);
      if (bytes.length < Math.min(length, fileBytes - offset))
        throw new DiodeError('E_DISK', 'a complete file in incoming/ became shorter');
      return bytes;
    } catch (cause) {
      if (cause instanceof AssertionFailure) throw cause;
      failure ??=
        cause instanceof DiodeError
          ? cause
          : new DiodeError('E_DISK', 'a complete file in incoming/ cannot be read', { cause });
      throw failure;
    }
  };
  const { header: sound, reasons, preamble, zeroPreamble } = inspectInstance(noting, fileBytes, policy);
  // A file that is damaged after its UIDs still says which study it belongs to.
  const header = sound ?? lenientHeader(noting, fileBytes);
  if (failure !== undefined) return failure;
  return {
    studyUid: header?.studyUid,
    seriesUid: header?.seriesUid,
    sopInstanceUid: header?.sopInstanceUid,
    sopClassUid: header?.sopClassUid,
    modality: header?.modality,
    reasons: [...new Set(reasons.map(({ code }) => code))],
    preamble,
    zeroPreamble,
    patient: header === undefined ? {} : hashPatient(header.patient, patientKey),
  };
}

function lenientHeader(readAt: ReadAt, fileBytes: number): InstanceHeader | undefined {
  const header = readInstanceHeaderFromFile(readAt, fileBytes);
  return header instanceof DiodeError ? undefined : header;
}
