/** What the assembler is given, and what it gives. */
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
  /** Source symbols that repair symbols stood in for. */
  readonly repairedSymbols: number;
  /** The bytes of a document; undefined for an instance, which is in its sink. */
  readonly document: Uint8Array | undefined;
}

export interface AssemblerOptions {
  readonly datagramBytes: number;
  readonly protection: Protection;
  readonly secrets: ReadonlyMap<number, Uint8Array>;
  readonly code: ErasureCode;
  /** Memory of all open blocks, and of which blocks are finished. */
  readonly memoryBytes: number;
  readonly openObjectsMax: number;
  /** Without a new block for so long an instance is given up. Default: never. */
  readonly partialMs?: number | undefined;
  /** Whether a sender may open an object now: the code to count when not. Called once for each object to be opened. */
  readonly mayOpen?: ((opening: Opening) => ErrorCode | undefined) | undefined;
  /**
   * Makes the sink of an instance, or says that there is no room for it now.
   * @param hereBytes of it, from an earlier life
   */
  readonly sinkFor: (facts: ObjectFacts, hereBytes: number) => ObjectSink | undefined;
  /** Where blocks go that leave the window. */
  readonly spill: BlockSpill;
  /** An object is whole and is what its id says. It counts as finished from now on. */
  readonly onObject: (object: AssembledObject) => void;
  /** The disk refused a block, which is dropped. */
  readonly onProblem: (error: DiodeError) => void;
}
