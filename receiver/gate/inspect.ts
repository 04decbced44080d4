/**
 * The gate: whether one instance may go to the inbox. It looks only at the bytes and changes nothing; what happens
 * to a held instance is decided elsewhere. Pixel data is never decoded.
 */

import { ByteWindow, type ReadAt } from '../../shared/dicom/byte-window.ts';
import { preambleBytes } from '../../shared/dicom/file-meta.ts';
import { HeaderValues, type InstanceHeader } from '../../shared/dicom/instance-header.ts';
import type { Part10Limits } from '../../shared/dicom/part10-limits.ts';
import { walkPart10 } from '../../shared/dicom/part10-walker.ts';
import { DiodeError, type ErrorCode } from '../../shared/errors.ts';
import type { ReceiverConfiguration } from '../configuration.ts';
import { type PreambleKind, type PreamblePolicy, preambleAction, preambleKind } from './preamble.ts';

export interface GatePolicy {
  readonly preamble: PreamblePolicy;
  /** SOP classes that may pass, all if empty: whole UIDs, or prefixes written as `1.2.3.*`. */
  readonly allowSopClasses: readonly string[];
  /** SOP classes that are held, written the same way. Takes precedence over what is allowed. */
  readonly denySopClasses: readonly string[];
  /** PDF, CDA and 3D models contain whole files for other programs. */
  readonly encapsulatedDocuments: 'hold' | 'pass';
  readonly limits?: Partial<Part10Limits>;
}

/** As the configuration says. */
export function gatePolicyOf(configuration: ReceiverConfiguration): GatePolicy {
  return {
    preamble: configuration['gate.preamble'],
    encapsulatedDocuments: configuration['gate.encapsulatedDocuments'],
    allowSopClasses: configuration['gate.allowSopClasses'],
    denySopClasses: configuration['gate.denySopClasses'],
  };
}

export const defaultGatePolicy: GatePolicy = {
  preamble: 'zero',
  allowSopClasses: [],
  denySopClasses: [],
  encapsulatedDocuments: 'hold',
};

/** What the manifest says about an instance. */
export interface ExpectedInstance {
  readonly studyUid: string;
  readonly seriesUid: string;
  readonly sopInstanceUid: string;
}

export interface Inspection {
  readonly verdict: 'pass' | 'hold';
  /** The first of `reasons`. */
  readonly code?: ErrorCode;
  /** Everything the instance is held for, the gravest first; empty if it passes. */
  readonly reasons: readonly DiodeError[];
  /** Undefined only if the instance is held because it can't be read. */
  readonly header: InstanceHeader | undefined;
  readonly preamble: PreambleKind;
  /**
   * Whether the released file gets a preamble of zeros, even if a person lets a held instance through. The hashes of
   * the original and of the released file must both be kept.
   */
  readonly zeroPreamble: boolean;
}

/** Encapsulated PDF, CDA, STL, OBJ and MTL Storage (PS3.4 table B.5-1). */
const documentClasses = ['1.2.840.10008.5.1.4.1.1.104.*'];

/**
 * Inspects an instance of `fileBytes`. Never throws, whatever the bytes.
 *
 * Codes: those of `walkPart10`, E_NO_UID, E_BAD_UID, E_INSTANCE_MISMATCH, E_GATE_META, E_SOP_CLASS,
 * E_ENCAPSULATED_DOCUMENT, E_PREAMBLE.
 */
export function inspectInstance(
  readAt: ReadAt,
  fileBytes: number,
  policy: GatePolicy = defaultGatePolicy,
  expected?: ExpectedInstance,
): Inspection {
  const values = new HeaderValues();
  const report = walkPart10(readAt, fileBytes, {
    visitor: values,
    ...(policy.limits !== undefined && { limits: policy.limits }),
  });
  const preamble = report instanceof DiodeError ? readPreamble(readAt, fileBytes) : report.preamble;
  const header = report instanceof DiodeError ? report : values.header(report.meta);
  const action = preambleAction(preambleKind(preamble), policy.preamble);
  const reasons =
    header instanceof DiodeError
      ? [header]
      : [
          ...identityReasons(header, expected),
          ...sopClassReasons(header.sopClassUid, policy),
          ...documentReasons(header.sopClassUid, report instanceof DiodeError ? 0 : report.documents, policy),
        ];
  if (action === 'hold') reasons.push(new DiodeError('E_PREAMBLE'));
  const code = reasons[0]?.code;
  return {
    verdict: code === undefined ? 'pass' : 'hold',
    ...(code !== undefined && { code }),
    reasons,
    header: header instanceof DiodeError ? undefined : header,
    preamble: preambleKind(preamble),
    zeroPreamble: action !== 'keep',
  };
}

function readPreamble(readAt: ReadAt, fileBytes: number): Uint8Array {
  const length = Math.min(preambleBytes, fileBytes);
  return ByteWindow.ofFile(readAt, fileBytes).copy(0, length) ?? new Uint8Array(0);
}

/** The manifest, the file meta information and the data set must mean the same instance. An absent value is not a mismatch. */
function identityReasons(header: InstanceHeader, expected: ExpectedInstance | undefined): DiodeError[] {
  const reasons: DiodeError[] = [];
  if (expected !== undefined) {
    const differing = (['studyUid', 'seriesUid', 'sopInstanceUid'] as const).filter(
      (uid) => header[uid] !== expected[uid],
    );
    if (differing.length > 0) {
      reasons.push(
        new DiodeError('E_INSTANCE_MISMATCH', `it differs from its manifest in ${differing.join(', ')}`),
      );
    }
  }
  if (header.patientUnread === true)
    reasons.push(
      new DiodeError('E_DICOM_LENGTH', 'a patient attribute is too long, or is not a valid value'),
    );
  const { metaSopClassUid = header.sopClassUid, metaSopInstanceUid = header.sopInstanceUid } = header;
  if (metaSopInstanceUid !== header.sopInstanceUid) {
    reasons.push(
      new DiodeError(
        'E_GATE_META',
        'the file meta information and the data set name different SOP Instance UIDs',
      ),
    );
  } else if (metaSopClassUid !== header.sopClassUid) {
    reasons.push(
      new DiodeError(
        'E_GATE_META',
        'the file meta information and the data set name different SOP Class UIDs',
      ),
    );
  }
  return reasons;
}

function sopClassReasons(sopClassUid: string, policy: GatePolicy): DiodeError[] {
  const denied = isIn(policy.denySopClasses, sopClassUid);
  const { allowSopClasses } = policy;
  if (!denied && (allowSopClasses.length === 0 || isIn(allowSopClasses, sopClassUid))) return [];
  return [new DiodeError('E_SOP_CLASS', `SOP class ${sopClassUid} may not pass`)];
}

/** Judged by what an instance contains, whatever class it claims. */
function documentReasons(sopClassUid: string, documents: number, policy: GatePolicy): DiodeError[] {
  if (policy.encapsulatedDocuments === 'pass') return [];
  if (isIn(documentClasses, sopClassUid))
    return [new DiodeError('E_ENCAPSULATED_DOCUMENT', `SOP class ${sopClassUid}`)];
  if (documents === 0) return [];
  const what = `it is inside an instance of SOP class ${sopClassUid}`;
  return [new DiodeError('E_ENCAPSULATED_DOCUMENT', what)];
}

function isIn(list: readonly string[], uid: string): boolean {
  return list.some((pattern) => matches(uid, pattern));
}

function matches(uid: string, pattern: string): boolean {
  return pattern.endsWith('.*') ? uid.startsWith(pattern.slice(0, -1)) : uid === pattern;
}
