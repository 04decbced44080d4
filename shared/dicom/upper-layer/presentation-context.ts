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
  /** Undefined when the peer named something that is no UID: such a context is refused and the others are not. */
  readonly abstractSyntax: string | undefined;
  /** In the order of the requestor's preference, what is no UID left out. */
  readonly transferSyntaxes: readonly string[];
}

export interface AnsweredContext {
  readonly id: number;
  /** 0 is accepted. */
  readonly result: number;
  /** Of an accepted context, else undefined. */
  readonly transferSyntax: string | undefined;
}

/** A context both sides agreed on. */
export interface AcceptedContext {
  readonly id: number;
  readonly abstractSyntax: string;
  readonly transferSyntax: string;
}
