/**
 * What the assembler can keep outside memory and find again after a restart: blocks that left the window, and
 * which blocks of a large object are finished. The assembler only asks; the files are handled elsewhere.
 */
import type { ObjectType } from '../../shared/wire/datagram.ts';

/** What the first datagram of an object says, before anything is allocated for it. */
export interface Opening {
  readonly type: ObjectType;
  /** 8 bytes as hexadecimal */
  readonly senderId: string;
  readonly keyId: number;
  readonly sessionCounter: number;
  readonly sessionRandom: number;
  readonly sequence: number;
  readonly objectBytes: number;
}

/**
 * An object id as claimed under one key. Until an object is verified, anyone with a key can name its id, so collected data
 * is kept apart by both: a key has no effect on what comes under another one. A verified object has its id to itself.
 */
export interface ObjectClaim {
  /** 16 bytes as hexadecimal */
  readonly objectId: string;
  readonly keyId: number;
}

/** A claim as a single name. */
export function claimName({ objectId, keyId }: ObjectClaim): string {
  return `${objectId}-${keyId}`;
}

/** What a datagram says about an instance: enough to open its object again. */
export interface ObjectFacts extends ObjectClaim {
  /** 8 bytes as hexadecimal */
  readonly senderId: string;
  readonly objectBytes: number;
  readonly maximumSourceSymbols: number;
}

/** The symbols of a block that can't be decoded yet: fewer than k, one after another. */
export interface CollectedSymbols {
  readonly encodingSymbolIds: readonly number[];
  readonly symbols: Uint8Array;
}

/** Where blocks go when they leave the window; bounded, so it may refuse. */
export interface BlockSpill {
  /** @returns false when there is no room: the symbols are lost, and come again with a later pass */
  store(facts: ObjectFacts, blockNumber: number, collected: CollectedSymbols): boolean;
  /** Returns a block, once. Its symbols are valid until the next call. */
  take(claim: ObjectClaim, blockNumber: number): CollectedSymbols | undefined;
  /** Forgets all blocks of an object. */
  drop(claim: ObjectClaim): void;
}

/** An object that was being collected when the program stopped. */
export interface ResumedObject {
  readonly facts: ObjectFacts;
  /** One bit per block, the first in the lowest bit of the first byte. */
  readonly finishedBlocks: Uint8Array;
  readonly spilledBlocks: readonly number[];
}
