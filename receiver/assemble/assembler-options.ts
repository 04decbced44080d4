/** What the assembler is given, and what it returns. */
import type { DiodeError, ErrorCode } from '../../shared/errors.ts';
import type { ErasureCode } from '../../shared/fec/erasure-code.ts';
import type { ObjectType, Protection } from '../../shared/wire/datagram.ts';
import type { BlockSpill, ObjectFacts, Opening } from './kept-state.ts';
import type { ObjectSink } from './open-object.ts';

export interface AssembledObject {
  /** 16 bytes as hexadecimal */
  readonly objectId: string;
  /** 8 bytes as hexadecimal */
  readonly senderId: string;
  readonly keyId: number;
  readonly type: ObjectType;
  readonly bytes: number;
  /** 32 bytes as hexadecimal */
  readonly sha256: string;
  readonly sessionCounter: number;
  readonly sessionRandom: number;
  /** Of the datagram that completed it. */
  readonly sequence: number;
  /** Source symbols that were replaced by repair symbols. */
  readonly repairedSymbols: number;
  /** The bytes of a document; undefined for an instance, which is in its sink. */
  readonly document: Uint8Array | undefined;
}

export interface AssemblerOptions {
  readonly datagramBytes: number;
  readonly protection: Protection;
  readonly secrets: ReadonlyMap<number, Uint8Array>;
  readonly code: ErasureCode;
  /** Memory for all open blocks, and for recording which blocks are finished. */
  readonly memoryBytes: number;
  readonly openObjectsMax: number;
  /** How long an instance may go without a new block before it is given up. Default: for ever. */
  readonly partialMs?: number | undefined;
  /** Whether a sender may open an object now: the code to count if not. Called once for each object to be opened. */
  readonly mayOpen?: ((opening: Opening) => ErrorCode | undefined) | undefined;
  /**
   * Makes the sink of an instance, or says that there is no room for it now.
   * @param hereBytes what an earlier run left of it
   */
  readonly sinkFor: (facts: ObjectFacts, hereBytes: number) => ObjectSink | undefined;
  /** Where blocks go when they leave the window. */
  readonly spill: BlockSpill;
  /** An object is whole and matches its id. It counts as finished from now on. */
  readonly onObject: (object: AssembledObject) => void;
  /** The disk refused a block, which is then dropped. */
  readonly onProblem: (error: DiodeError) => void;
}
