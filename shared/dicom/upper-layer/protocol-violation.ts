/** A peer's violation of PS3.8, with the reason that goes into the A-ABORT. */
import { DiodeError } from '../../errors.ts';

/** Reasons of a provider abort (PS3.8 table 9-26). */
export const abortReasons = {
  notSpecified: 0,
  unrecognizedPdu: 1,
  unexpectedPdu: 2,
  unrecognizedPduParameter: 4,
  unexpectedPduParameter: 5,
  invalidPduParameterValue: 6,
} as const;

export type AbortReason = (typeof abortReasons)[keyof typeof abortReasons];

/** E_DICOM_PROTOCOL with the abort reason. Its message contains no text from the peer. */
export class ProtocolViolation extends DiodeError {
  readonly reason: AbortReason;

  constructor(reason: AbortReason, detail: string) {
    super('E_DICOM_PROTOCOL', detail);
    this.reason = reason;
  }
}

/** A field of a PDU or a command has an invalid value. */
export function invalidParameter(detail: string): ProtocolViolation {
  return new ProtocolViolation(abortReasons.invalidPduParameterValue, detail);
}
