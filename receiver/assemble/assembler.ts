/**
 * The assembler: admitted datagrams go in, whole and verified objects come out. It does no I/O of its own
 * (a sink writes) and reads no clock. Sessions mean nothing to it: key and object id say what belongs together.
 *
 * Everything is bounded: open objects, memory for open blocks, memory for documents. When one of them is full, the
 * sender that has most gives way (accounts.ts). What is dropped to make room is counted, and comes again with a later pass.
 */
import { isCalibration } from '../../shared/wire/calibration.ts';
import {
  at,
  DatagramHeader,
  type ObjectType,
  objectIdBytes,
  objectType,
  readHeader,
  symbolBytesOf,
} from '../../shared/wire/datagram.ts';
import { limits } from '../../shared/wire/limits.ts';
import { ObjectLayout } from '../../shared/wire/object-layout.ts';
import { AssemblerCounters } from './assembler-counters.ts';
import type { AssemblerOptions } from './assembler-options.ts';
import { BlockBuffers } from './block-buffers.ts';
import type { Collecting } from './collecting.ts';
import { Completing } from './completing.ts';
import { FinishedObjects } from './finished-objects.ts';
import type { ObjectClaim, ObjectFacts, Opening, ResumedObject } from './kept-state.ts';
import { MemorySink } from './memory-sink.ts';
import type { OpenBlock } from './open-block.ts';
import { bytesHere, OpenObject } from './open-object.ts';
import { OpenObjects } from './open-objects.ts';
import { type Origin, Origins, type SenderLosses } from './origins.ts';
import { Shortages } from './shortages.ts';

export type { AssembledObject, AssemblerOptions } from './assembler-options.ts';

/** The most objects that are made durable before a stop: it must end. */
const parkedObjectsMax = 4096;

export class Assembler {
  readonly counters = new AssemblerCounters();
  /** What senders had no room for. */
  readonly shortages = new Shortages();
  readonly #options: AssemblerOptions;
  readonly #symbolBytes: number;
  readonly #header = new DatagramHeader();
  readonly #buffers: BlockBuffers;
  readonly #finished = new FinishedObjects();
  readonly #open: OpenObjects;
  readonly #completing: Completing;
  readonly #origins: Origins;

  constructor(options: AssemblerOptions) {
    this.#options = options;
    this.#symbolBytes = symbolBytesOf(options.datagramBytes);
    this.#buffers = new BlockBuffers(this.#symbolBytes, options.memoryBytes);
    const { counters, shortages } = this;
    const payload = new Uint8Array(limits.sourceSymbolsMax * this.#symbolBytes);
    const { memoryBytes, openObjectsMax, spill, partialMs = Number.POSITIVE_INFINITY } = options;
    this.#open = new OpenObjects({
      memoryBytes,
      openObjectsMax,
      partialMs,
      spill,
      payload,
      counters,
      shortages,
    });
    const { code, onObject, onProblem } = options;
    const [open, finished] = [this.#open, this.#finished];
    this.#completing = new Completing({ code, onObject, onProblem, open, finished, counters, payload });
    this.#origins = new Origins(new Map(options.secrets), (origin) => this.#speaksAsSender(origin));
  }

  /** Marks an object as finished: durable here. From now on its datagrams are dropped at once. */
  finish(claim: ObjectClaim): void {
    this.#finished.add(Buffer.from(claim.objectId, 'hex'));
    const collecting = this.#open.claimed(claim);
    // Whoever takes a whole object sees what it is. The file of any other stays: the caller deals with it.
    if (collecting?.isWhole === false) this.#open.forget(collecting);
  }

  /** The same for many: 16 bytes each, one after another. */
  finishAll(objectIds: Uint8Array): void {
    this.#finished.addAll(objectIds);
  }

  /**
   * Content of a sender that is already here under other object ids: what it sends under these counts as finished.
   * @param objectIds 16 bytes each, one after another
   */
  knowAll(senderId: string, objectIds: Uint8Array): void {
    this.#finished.addKnown(senderId, objectIds);
  }

  /** The same for one; what was collected of it is dropped. */
  dismiss(senderId: string, objectId: string): void {
    const bytes = Buffer.from(objectId, 'hex');
    this.#finished.addKnown(senderId, bytes);
    for (const collecting of this.#open.ofSender(senderId, bytes))
      if (!collecting.isWhole) this.#open.discard(collecting);
  }

  /** Drops what was collected of an object, to make room. It comes again. @returns whether there was something */
  giveUp(claim: ObjectClaim): boolean {
    const collecting = this.#open.claimed(claim);
    if (collecting === undefined || collecting.isWhole) return false;
    this.#open.discard(collecting);
    this.counters.objectsEvicted += 1;
    return true;
  }

  /** Takes the mark back: the object is collected again when it comes again. */
  unfinish(objectId: string): void {
    this.#finished.delete(Buffer.from(objectId, 'hex'));
  }

  /** Uses another key ring from now on. What is being collected under a removed key is given up. */
  useSecrets(secrets: ReadonlyMap<number, Uint8Array>): void {
    const secretsNow = new Map(secrets);
    this.#origins.useSecrets(secretsNow);
    for (const collecting of this.#open) {
      const { keyId, secret } = collecting.origin;
      const now = secretsNow.get(keyId);
      if (now === undefined || Buffer.compare(now, secret) !== 0) this.#open.discard(collecting);
    }
  }

  get openObjects(): number {
    return this.#open.size;
  }

  get usedBytes(): number {
    return this.#open.usedBytes;
  }

  /** What came of documents that are not whole yet. */
  get documentBytes(): number {
    return this.#open.documentBytes;
  }

  get datagramsLost(): number {
    return this.#origins.lost;
  }

  /** The same by sender, for those that are known now. */
  losses(): SenderLosses[] {
    return this.#origins.losses();
  }

  /** When a datagram of an open object last came; undefined if it is not being collected. */
  touchedAtMs(claim: ObjectClaim): number | undefined {
    return this.#open.claimed(claim)?.object.touchedAtMs;
  }

  /** Objects that are being collected, from whom, and when a datagram of each last came. */
  *collecting(): Generator<readonly [senderId: string, objectId: string, touchedAtMs: number]> {
    for (const { object } of this.#open) {
      const { senderId, objectId } = object.facts;
      yield [senderId, objectId, object.touchedAtMs];
    }
  }

  /**
   * Takes one admitted datagram. The bytes are copied; the caller may reuse them.
   * @param start where it begins in `bytes`: a view per datagram would be garbage per datagram
   */
  receive(bytes: Uint8Array, nowMs: number, start = 0): void {
    const { counters } = this;
    const header = this.#header;
    counters.datagrams += 1;
    if (isCalibration(bytes, start)) {
      counters.ofCalibration += 1;
      return;
    }
    const invalid = readHeader(bytes, header, start);
    if (invalid !== undefined) return counters.refuse(invalid);
    if (header.protection !== this.#options.protection) return counters.refuse('E_DATAGRAM_MODE');
    const origin = this.#origins.of(bytes, start, header.keyId);
    if (origin === undefined) return counters.refuse('E_DATAGRAM_KEY');
    this.#origins.count(header.sessionCounter, header.sessionRandom, header.sequence);
    // An open object is not finished, and nearly every datagram belongs to an open object.
    let collecting = this.#open.find(header.keyId, bytes, start + at.objectId);
    if (collecting === undefined) {
      if (this.#finished.has(origin.senderHex, header.type, bytes, start + at.objectId)) {
        counters.ofFinished += 1;
        return;
      }
      collecting = this.#begin(origin, bytes, start, nowMs);
      if (collecting === undefined) return;
    }
    const { object } = collecting;
    const { layout } = object.identity;
    if (
      header.objectBytes !== layout.objectBytes ||
      header.maximumSourceSymbols !== layout.maximumSourceSymbols ||
      header.blockNumber >= layout.blockCount
    ) {
      return counters.refuse('E_DATAGRAM_FIELD');
    }
    this.#open.touch(collecting, nowMs);
    if (object.isFinished(header.blockNumber)) {
      counters.duplicates += 1;
      return;
    }
    this.#addSymbol(collecting, bytes, start, nowMs);
  }

  /**
   * Continues verifying complete objects, one bounded step. Call it between batches.
   * @returns whether there is more to do
   */
  work(): boolean {
    return this.#completing.work();
  }

  /** Gives up what makes no progress, one bounded step. Call it often. */
  expire(nowMs: number): void {
    this.#open.expire(nowMs);
  }

  /** Resumes an object of an earlier run. */
  resume({ facts, finishedBlocks, spilledBlocks }: ResumedObject, nowMs = 0): void {
    const objectId = Buffer.from(facts.objectId, 'hex');
    if (this.#finished.keeps(facts.senderId, objectId) || this.#open.claimed(facts) !== undefined) return;
    const origin = this.#origins.named(facts.keyId, facts.senderId);
    if (origin === undefined) return this.counters.refuse('E_DATAGRAM_KEY');
    const collecting = this.#openObject(origin, facts, objectType.instance, nowMs, finishedBlocks);
    if (collecting === undefined) return;
    const { object } = collecting;
    for (const blockNumber of spilledBlocks) {
      const usable = blockNumber < object.identity.layout.blockCount && !object.isFinished(blockNumber);
      if (usable) object.spilledBlocks.add(blockNumber);
    }
    if (object.complete) this.#open.becameWhole(collecting);
  }

  /** Moves what is being collected out of memory, before a stop. */
  park(): void {
    this.#open.spillAll();
    let left = parkedObjectsMax;
    for (const { object } of this.#open.inTurn()) {
      if (left === 0) return;
      if (this.#completing.checkpoint(object, 1, 'now')) left -= 1;
    }
  }

  #speaksAsSender({ keyId, senderHex }: Origin): boolean {
    return this.#options.mayOpen?.(this.#opening(objectType.instance, keyId, senderHex)) === undefined;
  }

  /** What the current header says. */
  #opening(type: ObjectType, keyId: number, senderId: string): Opening {
    const { sessionCounter, sessionRandom, sequence, objectBytes } = this.#header;
    return { type, senderId, keyId, sessionCounter, sessionRandom, sequence, objectBytes };
  }

  #begin(origin: Origin, bytes: Uint8Array, start: number, nowMs: number): Collecting | undefined {
    const { type, keyId, objectBytes, maximumSourceSymbols } = this.#header;
    const { senderHex: senderId } = origin;
    const refusal = this.#options.mayOpen?.(this.#opening(type, keyId, senderId));
    // Beacons and rolls may be refused for their age, which says nothing about their key.
    if (refusal === undefined || type === objectType.instance || type === objectType.manifest)
      this.#origins.decide(origin, refusal === undefined);
    if (refusal !== undefined) {
      this.counters.refuse(refusal);
      return undefined;
    }
    const objectId = hex(bytes.subarray(start + at.objectId, start + at.objectId + objectIdBytes));
    const facts = { objectId, senderId, keyId, objectBytes, maximumSourceSymbols };
    return this.#openObject(origin, facts, type, nowMs);
  }

  #openObject(
    origin: Origin,
    facts: ObjectFacts,
    type: ObjectType,
    nowMs: number,
    finishedBlocks?: Uint8Array,
  ): Collecting | undefined {
    const { objectBytes, maximumSourceSymbols } = facts;
    const layout = new ObjectLayout(objectBytes, this.#symbolBytes, maximumSourceSymbols);
    const sink =
      type === objectType.instance
        ? this.#options.sinkFor(facts, bytesHere(layout, finishedBlocks))
        : new MemorySink(objectBytes);
    if (sink === undefined) {
      this.counters.noRoom += 1;
      return undefined;
    }
    const { protection } = this.#options;
    const { secret, senderId } = origin;
    const objectId = Buffer.from(facts.objectId, 'hex');
    const identity = { secret, senderId, objectId, type, protection, layout };
    const object = new OpenObject(identity, facts, sink, finishedBlocks);
    object.touchedAtMs = nowMs;
    object.grewAtMs = nowMs;
    return this.#open.add(object, origin);
  }

  #addSymbol(collecting: Collecting, bytes: Uint8Array, start: number, nowMs: number): void {
    const { object, memory } = collecting;
    const header = this.#header;
    const block = this.#blockOf(object, header.blockNumber);
    const symbol = bytes.subarray(start + at.symbol, start + at.symbol + this.#symbolBytes);
    if (!block.add(header.encodingSymbolId, symbol)) this.counters.duplicates += 1;
    else if (memory !== undefined) object.grewAtMs = nowMs;
    this.#open.touchBlock(collecting, block);
    if (block.decodable) this.#completing.finishBlock(collecting, block, header, nowMs);
  }

  /** The block being collected; what was kept outside memory is brought back first. */
  #blockOf(object: OpenObject, blockNumber: number): OpenBlock {
    const block = object.block(blockNumber, this.#buffers);
    if (object.spilledBlocks.delete(blockNumber)) {
      const kept = this.#options.spill.take(object.facts, blockNumber);
      if (kept !== undefined) block.addCollected(kept);
    }
    return block;
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
}
