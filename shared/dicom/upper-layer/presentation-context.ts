/** Presentation contexts: what may be sent in which encoding (PS3.8 section 7.1.1.13), and the answer to each. */

/** Answer to one proposed context (PS3.8 table 9-18). */
export const contextResults = {
  accepted: 0,
  userRejected: 1,
  noReason: 2,
  abstractSyntaxNotSupported: 3,
  transferSyntaxesNotSupported: 4,
} as const;

export interface ProposedContext {
  /** Odd, 1 to 255. */
  readonly id: number;
  /** Undefined if the peer named something that is not a UID: only that context is refused. */
  readonly abstractSyntax: string | undefined;
  /** In the requestor's order of preference; anything that is not a UID is left out. */
  readonly transferSyntaxes: readonly string[];
}

export interface AnsweredContext {
  readonly id: number;
  /** 0 is accepted. */
  readonly result: number;
  /** Of an accepted context, otherwise undefined. */
  readonly transferSyntax: string | undefined;
}

/** A context both sides agreed on. */
export interface AcceptedContext {
  readonly id: number;
  readonly abstractSyntax: string;
  readonly transferSyntax: string;
}
