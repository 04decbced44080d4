/**
 * What happens to a block that can be decoded: it is opened, written and hashed; and to an object once its last block is
 * done: it is verified and handed on. Verification is done in steps, one sender after another.
 */
import { deriveObjectId } from '../../shared/crypto/object-id.ts';
import { DiodeError } from '../../shared/errors.ts';
import type { DatagramHeader } from '../../shared/wire/datagram.ts';
import type { AssemblerCounters } from './assembler-counters.ts';
import type { AssemblerOptions } from './assembler-options.ts';
import type { Collecting } from './collecting.ts';
import type { FinishedObjects } from './finished-objects.ts';
import type { OpenBlock } from './open-block.ts';
import type { OpenObject } from './open-object.ts';
import type { OpenObjects } from './open-objects.ts';

/** An object is hashed in steps of this many blocks, so that the ring is emptied in between. */
const hashStepBlocks = 16;
/** Bytes of finished blocks after which they are made durable. Not by count: a block may be a single datagram. */
const checkpointBytes = 64e6;

export interface CompletingOptions {
  readonly code: AssemblerOptions['code'];
  readonly onObject: AssemblerOptions['onObject'];
  readonly onProblem: AssemblerOptions['onProblem'];
  readonly open: OpenObjects;
  readonly finished: FinishedObjects;
  readonly counters: AssemblerCounters;
  /** Room for the payload of one block. */
  readonly payload: Uint8Array;
}

export class Completing {
  readonly #options: CompletingOptions;

  constructor(options: CompletingOptions) {
    this.#options = options;
  }

  /** @param header of the datagram that brought its last symbol */
  finishBlock(collecting: Collecting, block: OpenBlock, header: DatagramHeader, nowMs: number): void {
    const { code, open, counters, payload } = this.#options;
    const { object } = collecting;
    const missing = block.missingSymbols;
    const decoded = block.decode(code, payload);
    open.forgetBlock(block);
    const isWritten = this.#write(collecting, block.blockNumber, decoded);
    block.giveBack();
    if (!isWritten) return;
    object.grewAtMs = nowMs;
    counters.blocksFinished += 1;
    counters.symbolsRepaired += missing;
    collecting.repairedSymbols += missing;
    if (!object.complete) {
      // Blocks that came early are hashed after the newest one, so that little is left for the end.
      object.digestAhead(payload);
      this.checkpoint(object, checkpointBytes, 'later');
      return;
    }
    collecting.sessionCounter = header.sessionCounter;
    collecting.sessionRandom = header.sessionRandom;
    collecting.sequence = header.sequence;
    open.becameWhole(collecting);
    // A small object or a document waits for nothing.
    if (collecting.memory !== undefined || object.identity.layout.blockCount <= hashStepBlocks)
      this.#verify(collecting);
  }

  #write(collecting: Collecting, blockNumber: number, decoded: Uint8Array): boolean {
    const { open, counters, payload, onProblem } = this.#options;
    const { object, memory } = collecting;
    const stateBytes = object.stateBytes;
    const payloadBytes = memory === undefined ? 0 : object.identity.layout.payloadBytes(blockNumber);
    if (memory !== undefined && !open.makeDocumentRoom(collecting, payloadBytes)) {
      counters.noRoom += 1;
      return false;
    }
    try {
      if (object.finishBlock(blockNumber, decoded, payload)) {
        open.stateGrew(collecting, object.stateBytes - stateBytes);
        return true;
      }
      counters.refuse('E_BLOCK_OPEN');
    } catch (error) {
      // A full disk drops the block; it comes again with a later pass.
      if (!(error instanceof DiodeError)) throw error;
      counters.refuse(error.code);
      onProblem(error);
    }
    if (memory !== undefined) open.giveBackDocumentRoom(collecting, payloadBytes);
    return false;
  }

  /** @returns whether there was something to make durable, and an attempt was made */
  checkpoint(object: OpenObject, newBytesAtLeast: number, when: 'now' | 'later'): boolean {
    try {
      return object.checkpoint(newBytesAtLeast, when);
    } catch (error) {
      // Not durable yet; the next block tries again.
      if (!(error instanceof DiodeError)) throw error;
      this.#options.onProblem(error);
      return true;
    }
  }

  /** Continues with complete objects, one step. @returns whether there is more to do */
  work(): boolean {
    const { open } = this.#options;
    const collecting = open.nextWhole();
    if (collecting === undefined) return false;
    this.#verify(collecting);
    return open.isVerifying;
  }

  /** Continues hashing, one step. */
  #verify(collecting: Collecting): void {
    const sha256 = collecting.object.digest(hashStepBlocks, this.#options.payload);
    if (sha256 !== undefined) this.#deliver(collecting, sha256);
  }

  #deliver(collecting: Collecting, sha256: Uint8Array): void {
    const { open, finished, counters, onObject } = this.#options;
    const { object, origin, memory } = collecting;
    const { objectId, type, layout } = object.identity;
    const { objectBytes, symbolBytes, maximumSourceSymbols } = layout;
    const identity = { type, sha256, objectBytes, symbolBytes, maximumSourceSymbols };
    const right = sameBytes(deriveObjectId(origin.objectIdKey, identity), objectId, 0);
    open.forget(collecting);
    if (!right) {
      object.sink.discard();
      return counters.refuse('E_OBJECT_HASH');
    }
    if (memory !== undefined) finished.addRecent(objectId);
    // An instance counts as finished while its sink is being made durable; unfinish() takes that back.
    else finished.add(objectId);
    const document = memory?.bytes;
    // The receiver may put its parts together, which takes the same memory again.
    memory?.discard();
    onObject({
      objectId: hex(objectId),
      senderId: origin.senderHex,
      keyId: origin.keyId,
      type,
      bytes: objectBytes,
      sha256: hex(sha256),
      sessionCounter: collecting.sessionCounter,
      sessionRandom: collecting.sessionRandom,
      sequence: collecting.sequence,
      repairedSymbols: collecting.repairedSymbols,
      document,
    });
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
}

function sameBytes(expected: Uint8Array, bytes: Uint8Array, offset: number): boolean {
  for (let i = 0; i < expected.length; i += 1) if (expected[i] !== bytes[offset + i]) return false;
  return true;
}
