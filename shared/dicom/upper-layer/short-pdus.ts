/** The four PDUs of ten bytes: A-ASSOCIATE-RJ, A-RELEASE-RQ, A-RELEASE-RP, A-ABORT (PS3.8 sections 9.3.4 to 9.3.8). */
import { writePdu } from './associate-pdu.ts';
import { pduTypes } from './pdu-reader.ts';
import type { AbortReason } from './protocol-violation.ts';

/** PS3.8 table 9-21: result, source and reason belong together. */
export interface Rejection {
  /** 1: the same request will be rejected again. 2: it may be accepted later. */
  readonly result: number;
  /** 1: the application. 2: the association protocol. 3: the presentation protocol. */
  readonly source: number;
  readonly reason: number;
}

export const rejections = {
  noReason: { result: 1, source: 1, reason: 1 },
  applicationContext: { result: 1, source: 1, reason: 2 },
  callingAe: { result: 1, source: 1, reason: 3 },
  calledAe: { result: 1, source: 1, reason: 7 },
  protocolVersion: { result: 1, source: 2, reason: 2 },
  congestion: { result: 2, source: 3, reason: 1 },
  localLimit: { result: 2, source: 3, reason: 2 },
} as const satisfies Record<string, Rejection>;

const rejectionTexts: Readonly<Record<string, string>> = {
  '1.1': 'no reason given',
  '1.2': 'application context not supported',
  '1.3': 'calling AE title not recognized',
  '1.7': 'called AE title not recognized',
  '2.1': 'no reason given by the protocol',
  '2.2': 'protocol version not supported',
  '3.1': 'temporary congestion',
  '3.2': 'local limit exceeded',
};

/** A rejection for the operator. */
export function describeRejection({ result, source, reason }: Rejection): string {
  const text = rejectionTexts[`${source}.${reason}`] ?? `source ${source}, reason ${reason}`;
  return result === 2 ? `${text} (for now)` : text;
}

export function writeReject({ result, source, reason }: Rejection): Uint8Array {
  return writePdu(pduTypes.associateReject, Uint8Array.of(0, result, source, reason));
}

export function readReject(body: Uint8Array): Rejection {
  return { result: body[1] ?? 0, source: body[2] ?? 0, reason: body[3] ?? 0 };
}

export function writeReleaseRequest(): Uint8Array {
  return writePdu(pduTypes.releaseRequest, new Uint8Array(4));
}

export function writeReleaseResponse(): Uint8Array {
  return writePdu(pduTypes.releaseResponse, new Uint8Array(4));
}

/** Who aborts: the application (its reason is always 0), or the protocol below it (PS3.8 table 9-26). */
export type AbortSource = 'user' | 'provider';

export function writeAbort(source: AbortSource, reason: AbortReason): Uint8Array {
  const bytes = source === 'user' ? Uint8Array.of(0, 0, 0, 0) : Uint8Array.of(0, 0, 2, reason);
  return writePdu(pduTypes.abort, bytes);
}

export function readAbort(body: Uint8Array): { readonly source: AbortSource; readonly reason: number } {
  return { source: body[2] === 2 ? 'provider' : 'user', reason: body[3] ?? 0 };
}
