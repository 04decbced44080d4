/**
 * An object that is being collected: which of its blocks are finished, and its hash as far as it is known.
 * Finished blocks go to the sink at once; the hash follows in order, reading back what came early.
 */
import { createHash, type Hash } from 'node:crypto';
import { assert } from '../../shared/assert.ts';
import { ObjectSeal, type SealedObject } from '../../shared/crypto/seal.ts';
import { type ObjectLayout, sealTagBytes } from '../../shared/wire/object-layout.ts';
import type { BlockBuffers } from './block-buffers.ts';
import type { ObjectFacts } from './kept-state.ts';
import { OpenBlock } from './open-block.ts';

const digestAheadBlocks = 2;
const nothing = new Uint8Array(0);

/** Where the bytes of one object are assembled: a file in the vault, or memory for a document. */
export interface ObjectSink {
  write(bytes: Uint8Array, offset: number): void;
  read(target: Uint8Array, offset: number): void;
  /** Discards what was written. */
  discard(): void;
  /**
   * Makes what was written durable, along with which blocks are finished (one bit each), to be resumed after a restart.
   * `later` does not wait for the disk.
   */
  checkpoint(finishedBlocks: Uint8Array, when: 'now' | 'later'): void;
  /** Nothing more will come: it is whole, or given up. */
  ended?(): void;
}

export class OpenObject {
  readonly identity: SealedObject;
  readonly sink: ObjectSink;
  readonly openBlocks = new Map<number, OpenBlock>();
  /** Blocks whose symbols are kept outside memory. */
  readonly spilledBlocks = new Set<number>();
  readonly facts: ObjectFacts;
  /** When a datagram of it last came, and when one last helped, on the monotonic clock. */
  touchedAtMs = 0;
  grewAtMs = 0;
  /**
   * Made when the first block is complete. When datagrams are lost, thousands of objects wait for a later pass, many
   * without a single complete block, so the memory of each one counts.
   */
  #seal: ObjectSeal | undefined;
  /** One bit per block, allocated with the first finished one: a header that claims a million blocks takes nothing. */
  #finished: Uint8Array = nothing;
  #finishedCount = 0;
  #unsavedBytes = 0;
  #hash: Hash | undefined;
  #hashedBlocks = 0;

  /** @param finishedBlocks of an earlier run, one bit per block */
  constructor(identity: SealedObject, facts: ObjectFacts, sink: ObjectSink, finishedBlocks?: Uint8Array) {
    this.identity = identity;
    this.facts = facts;
    this.sink = sink;
    if (finishedBlocks === undefined || finishedBlocks.length === 0) return;
    this.#finished = this.#noneFinished();
    this.#finished.set(finishedBlocks.subarray(0, this.#finished.length));
    for (let block = 0; block < identity.layout.blockCount; block += 1) {
      if (this.isFinished(block)) this.#finishedCount += 1;
    }
  }

  get complete(): boolean {
    return this.#finishedCount === this.identity.layout.blockCount;
  }

  get finishedBlocks(): number {
    return this.#finishedCount;
  }

  /** Bytes of memory for recording which blocks are finished. */
  get stateBytes(): number {
    return this.#finished.length;
  }

  /** Makes the finished blocks durable, if enough of them are new. @returns whether it did */
  checkpoint(newBytesAtLeast: number, when: 'now' | 'later'): boolean {
    if (this.#unsavedBytes < newBytesAtLeast || this.complete) return false;
    this.sink.checkpoint(this.#finished, when);
    this.#unsavedBytes = 0;
    return true;
  }

  isFinished(blockNumber: number): boolean {
    return ((this.#finished[blockNumber >>> 3] ?? 0) & (1 << (blockNumber & 7))) !== 0;
  }

  /** The open block with a number, created if there is none. */
  block(blockNumber: number, buffers: BlockBuffers): OpenBlock {
    let block = this.openBlocks.get(blockNumber);
    if (block === undefined) {
      const { layout } = this.identity;
      block = new OpenBlock(blockNumber, layout.sourceSymbols(blockNumber), layout.symbolBytes, buffers);
      this.openBlocks.set(blockNumber, block);
    }
    return block;
  }

  /**
   * Opens a decoded block's seal and writes its payload.
   * @param opened room for the payload of the largest block
   * @returns false if it does not open: its symbols are worthless, and it is collected again
   */
  finishBlock(blockNumber: number, decoded: Uint8Array, opened: Uint8Array): boolean {
    assert(!this.isFinished(blockNumber), 'a block is finished once');
    const { layout } = this.identity;
    const payloadBytes = layout.payloadBytes(blockNumber);
    const payload = opened.subarray(0, payloadBytes);
    this.#seal ??= new ObjectSeal(this.identity);
    const isOpen = this.#seal.open(
      blockNumber,
      decoded.subarray(0, payloadBytes),
      decoded.subarray(payloadBytes, payloadBytes + sealTagBytes),
      payload,
    );
    if (!isOpen) return false;
    this.sink.write(payload, layout.payloadOffset(blockNumber));
    if (this.#finished.length === 0) this.#finished = this.#noneFinished();
    this.#unsavedBytes += payloadBytes;
    this.#finished[blockNumber >>> 3] = (this.#finished[blockNumber >>> 3] ?? 0) | (1 << (blockNumber & 7));
    this.#finishedCount += 1;
    if (blockNumber === this.#hashedBlocks) this.#hashBlock(payload);
    return true;
  }

  /** Catches up on a few blocks that came early, so that little is left to hash at the end. */
  digestAhead(buffer: Uint8Array): void {
    if (this.isFinished(this.#hashedBlocks)) this.digest(digestAheadBlocks, buffer);
  }

  /**
   * Continues hashing, a bounded number of blocks at a time: those that came early are read back.
   * @param buffer room for the payload of the largest block
   * @returns the SHA-256 of the whole object once it is complete and entirely hashed
   */
  digest(blocksMax: number, buffer: Uint8Array): Uint8Array | undefined {
    const { layout } = this.identity;
    for (let left = blocksMax; left > 0 && this.#hashedBlocks < layout.blockCount; left -= 1) {
      if (!this.isFinished(this.#hashedBlocks)) return undefined;
      const block = buffer.subarray(0, layout.payloadBytes(this.#hashedBlocks));
      this.sink.read(block, layout.payloadOffset(this.#hashedBlocks));
      this.#hashBlock(block);
    }
    return this.#hashedBlocks === layout.blockCount ? this.#hash?.digest() : undefined;
  }

  #noneFinished(): Uint8Array {
    return new Uint8Array(Math.ceil(this.identity.layout.blockCount / 8));
  }

  #hashBlock(payload: Uint8Array): void {
    this.#hash ??= createHash('sha256');
    this.#hash.update(payload);
    this.#hashedBlocks += 1;
  }
}

/** What exists of an object that an earlier run began. */
export function bytesHere(layout: ObjectLayout, finishedBlocks: Uint8Array | undefined): number {
  if (finishedBlocks === undefined) return 0;
  let bytes = 0;
  for (let block = 0; block < layout.blockCount; block += 1)
    if (((finishedBlocks[block >>> 3] ?? 0) & (1 << (block & 7))) !== 0) bytes += layout.payloadBytes(block);
  return bytes;
}
