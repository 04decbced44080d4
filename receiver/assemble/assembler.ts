/**
 * The assembler: admitted datagrams go in, whole and verified objects come out. It does no I/O of its own
 * (a sink writes) and reads no clock. Sessions mean nothing to it: the object id says what belongs together.
 *
 * Everything is bounded: open objects, memory of open blocks, memory of documents. What is dropped for
 * room is counted, and comes again with a later pass.
 */
import { assert, present } from '../../shared/assert.ts';
import { deriveObjectIdKey } from '../../shared/crypto/keys.ts';
import { deriveObjectId } from '../../shared/crypto/object-id.ts';
import { DiodeError, type ErrorCode } from '../../shared/errors.ts';
import type { ErasureCode } from '../../shared/fec/erasure-code.ts';
import { isCalibration } from '../../shared/wire/calibration.ts';
import {
  at,
  DatagramHeader,
  type ObjectType,
  objectIdBytes,
  objectType,
  type Protection,
  readHeader,
  senderIdBytes,
  symbolBytesOf,
} from '../../shared/wire/datagram.ts';
import { limits } from '../../shared/wire/limits.ts';
import { ObjectLayout } from '../../shared/wire/object-layout.ts';
import { BlockBuffers } from './block-buffers.ts';
import type { BlockSpill, ObjectFacts, Opening, ResumedObject } from './kept-state.ts';
import { LinkStatistics } from './link-statistics.ts';
import { MemorySink } from './memory-sink.ts';
import { ObjectIdIndex } from './object-id-index.ts';
import type { OpenBlock } from './open-block.ts';
import { type ObjectSink, OpenObject } from './open-object.ts';

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
  /** Memory of all open blocks. */
  readonly memoryBytes: number;
  readonly openObjectsMax: number;
  /** Whether a sender may open an object now: the code to count when not. Called once for each object to be opened. */
  readonly mayOpen?: ((opening: Opening) => ErrorCode | undefined) | undefined;
  /** Makes the sink of an instance, or says that there is no room for it now. */
  readonly sinkFor: (facts: ObjectFacts) => ObjectSink | undefined;
  /** Where blocks go that leave the window. */
  readonly spill: BlockSpill;
  /** An object is whole and is what its id says. It counts as finished from now on. */
  readonly onObject: (object: AssembledObject) => void;
  /** The disk refused a block, which is dropped. */
  readonly onProblem: (error: DiodeError) => void;
}

export class AssemblerCounters {
  datagrams = 0;
  /** Of a test transmission, which is none of this program's business: see `diode-receiver calibrate`. */
  ofCalibration = 0;
  ofFinished = 0;
  duplicates = 0;
  noRoom = 0;
  blocksFinished = 0;
  /** Blocks that left the window for the spill area, and those for which it had no room. */
  blocksSpilled = 0;
  blocksEvicted = 0;
  objectsEvicted = 0;
  /** Source symbols that repair symbols stood in for. */
  symbolsRepaired = 0;
  readonly refused = new Map<ErrorCode, number>();

  /** Counts what was refused, here or of what came out of here. */
  refuse(code: ErrorCode): void {
    this.refused.set(code, (this.refused.get(code) ?? 0) + 1);
  }
}

/** Hashing on of one object is done in steps of this many blocks, so that the ring is emptied meanwhile. */
const hashStepBlocks = 16;
/** Finished blocks of an object, about 70 MB at the default, after which they are made durable. */
const checkpointBlocks = 256;
const recentDocumentsMax = 4096;
const nothing = new Uint8Array(0);
const documentsMemoryBytes = 2 * limits.documentBytesMax;

interface Origin {
  readonly keyId: number;
  readonly objectIdKey: Uint8Array;
  readonly senderId: Uint8Array;
}

interface Collecting {
  readonly object: OpenObject;
  readonly origin: Origin;
  readonly memory: MemorySink | undefined;
  slot: number;
  sessionCounter: number;
  sessionRandom: number;
  sequence: number;
  repairedSymbols: number;
}

export class Assembler {
  readonly counters = new AssemblerCounters();
  readonly #options: AssemblerOptions;
  readonly #symbolBytes: number;
  #secrets: ReadonlyMap<number, Uint8Array>;
  readonly #header = new DatagramHeader();
  readonly #buffers: BlockBuffers;
  /** For what one block holds while it is decoded, opened, hashed or kept elsewhere. */
  readonly #payload: Uint8Array;
  readonly #finished = new ObjectIdIndex();
  #recentDocuments = new ObjectIdIndex();
  readonly #index = new ObjectIdIndex();
  readonly #open: (Collecting | undefined)[] = [];
  readonly #freeSlots: number[] = [];
  readonly #blocks = new Map<OpenBlock, Collecting>();
  readonly #verifying: Collecting[] = [];
  readonly #origins = new Map<string, Origin>();
  readonly #statistics = new Map<string, LinkStatistics>();
  #lastOrigin: { senderId: Uint8Array; statistics: LinkStatistics } | undefined;
  #heldBytes = 0;
  #documentBytes = 0;

  constructor(options: AssemblerOptions) {
    this.#options = options;
    this.#symbolBytes = symbolBytesOf(options.datagramBytes);
    this.#secrets = new Map(options.secrets);
    this.#buffers = new BlockBuffers(this.#symbolBytes, options.memoryBytes);
    this.#payload = new Uint8Array(limits.sourceSymbolsMax * this.#symbolBytes);
  }

  /** Marks an object as finished: durable here. Its datagrams are dropped at once from now on. */
  finish(objectId: string): void {
    const collecting = this.#markFinished(objectId);
    // The file it was collected in stays: it is for who says so to deal with.
    if (collecting !== undefined) this.#forgetObject(collecting);
  }

  /** The same for many: 16 bytes each, one behind the other. */
  finishAll(objectIds: Uint8Array): void {
    for (let at = 0; at + objectIdBytes <= objectIds.length; at += objectIdBytes)
      this.#finished.set(objectIds, at, 1);
  }

  /** An object is not needed any more: it counts as finished, and what was collected of it goes. */
  dismiss(objectId: string): void {
    const collecting = this.#markFinished(objectId);
    if (collecting !== undefined) this.#discard(collecting);
  }

  /** Takes the mark back: the object is collected anew when it comes again. */
  unfinish(objectId: string): void {
    const id = Buffer.from(objectId, 'hex');
    this.#finished.delete(id, 0);
    this.#recentDocuments.delete(id, 0);
  }

  /** Another key ring from now on. What is being collected under a key that left it is given up. */
  useSecrets(secrets: ReadonlyMap<number, Uint8Array>): void {
    const before = this.#secrets;
    this.#secrets = new Map(secrets);
    const isSame = (keyId: number) =>
      Buffer.compare(secrets.get(keyId) ?? nothing, before.get(keyId) ?? nothing) === 0;
    for (const [key, { keyId }] of this.#origins) if (!isSame(keyId)) this.#origins.delete(key);
    for (const collecting of [...this.#open]) {
      if (collecting === undefined || isSame(collecting.origin.keyId)) continue;
      const verifying = this.#verifying.indexOf(collecting);
      if (verifying >= 0) this.#verifying.splice(verifying, 1);
      this.#discard(collecting);
    }
  }

  get openObjects(): number {
    return this.#index.size;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  get datagramsLost(): number {
    let lost = 0;
    for (const statistics of this.#statistics.values()) lost += statistics.lost;
    return lost;
  }

  /** When a datagram of an open object last came, or undefined when none is being collected. */
  touchedAtMs(objectId: string): number | undefined {
    return this.#openAt(this.#index.find(Buffer.from(objectId, 'hex'), 0))?.object.touchedAtMs;
  }

  /**
   * Takes one admitted datagram. The bytes are copied; the caller may use them again.
   * @param start where it begins in `bytes`: a view for each datagram would be garbage for each
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
    if (invalid !== undefined) return this.counters.refuse(invalid);
    if (header.protection !== this.#options.protection) return this.counters.refuse('E_DATAGRAM_MODE');
    this.#countSequence(bytes, start);
    // What is open is not finished, and nearly every datagram is of an open object.
    let collecting = this.#openAt(this.#index.find(bytes, start + at.objectId));
    if (collecting === undefined) {
      if (this.#isFinished(bytes, start)) {
        counters.ofFinished += 1;
        return;
      }
      collecting = this.#begin(bytes, start);
      if (collecting === undefined) return;
    }
    const { object } = collecting;
    object.touchedAtMs = nowMs;
    const { layout } = object.identity;
    if (
      header.objectBytes !== layout.objectBytes ||
      header.maximumSourceSymbols !== layout.maximumSourceSymbols
    ) {
      return this.counters.refuse('E_DATAGRAM_FIELD');
    }
    if (header.blockNumber >= layout.blockCount) return this.counters.refuse('E_DATAGRAM_FIELD');
    if (object.isFinished(header.blockNumber)) {
      counters.duplicates += 1;
      return;
    }
    this.#addSymbol(collecting, bytes, start);
  }

  /**
   * Goes on with the verification of complete objects, a bounded step. Call it between batches.
   * @returns whether more is to be done
   */
  work(): boolean {
    const collecting = this.#verifying[0];
    if (collecting === undefined) return false;
    const sha256 = collecting.object.digest(hashStepBlocks, this.#payload);
    if (sha256 === undefined) return true;
    this.#verifying.shift();
    this.#deliver(collecting, sha256);
    return this.#verifying.length > 0;
  }

  /** Goes on with an object of an earlier life. */
  resume({ facts, finishedBlocks, spilledBlocks }: ResumedObject): void {
    const objectId = Buffer.from(facts.objectId, 'hex');
    if (this.#finished.find(objectId, 0) >= 0 || this.#index.find(objectId, 0) >= 0) return;
    const collecting = this.#openObject(facts, objectType.instance, finishedBlocks);
    if (collecting === undefined) return;
    const { object } = collecting;
    for (const blockNumber of spilledBlocks) {
      const usable = blockNumber < object.identity.layout.blockCount && !object.isFinished(blockNumber);
      if (usable) object.spilledBlocks.add(blockNumber);
    }
    if (object.complete) this.#verifying.push(collecting);
  }

  /** Keeps what is being collected outside memory: before a stop. */
  park(): void {
    for (const block of [...this.#blocks.keys()]) this.#spillBlock(block);
    for (const collecting of this.#open)
      if (collecting !== undefined) this.#checkpoint(collecting.object, 1, 'now');
  }

  #countSequence(bytes: Uint8Array, start: number): void {
    const last = this.#lastOrigin;
    const header = this.#header;
    if (last === undefined || !sameBytes(last.senderId, bytes, start + at.senderId)) {
      const senderId = part(bytes, start + at.senderId, senderIdBytes).slice();
      const key = hex(senderId);
      let statistics = this.#statistics.get(key);
      if (statistics === undefined) {
        if (this.#statistics.size >= limits.sendersMax) return;
        statistics = new LinkStatistics();
        this.#statistics.set(key, statistics);
      }
      this.#lastOrigin = { senderId, statistics };
    }
    this.#lastOrigin?.statistics.count(header.sessionCounter, header.sessionRandom, header.sequence);
  }

  #isFinished(bytes: Uint8Array, start: number): boolean {
    if (this.#header.type === objectType.instance || this.#header.type === objectType.manifest) {
      if (this.#finished.find(bytes, start + at.objectId) >= 0) return true;
    }
    return this.#recentDocuments.find(bytes, start + at.objectId) >= 0;
  }

  /** @returns what is collected of it, unless that is whole and being delivered: who takes it sees what it is */
  #markFinished(objectId: string): Collecting | undefined {
    const id = Buffer.from(objectId, 'hex');
    this.#finished.set(id, 0, 1);
    const collecting = this.#openAt(this.#index.find(id, 0));
    return collecting !== undefined && this.#verifying.includes(collecting) ? undefined : collecting;
  }

  #openAt(slot: number): Collecting | undefined {
    return slot < 0 ? undefined : this.#open[slot];
  }

  #begin(bytes: Uint8Array, start: number): Collecting | undefined {
    const { type, keyId, objectBytes, maximumSourceSymbols } = this.#header;
    const facts: ObjectFacts = {
      objectId: hex(part(bytes, start + at.objectId, objectIdBytes)),
      senderId: hex(part(bytes, start + at.senderId, senderIdBytes)),
      keyId,
      objectBytes,
      maximumSourceSymbols,
    };
    const { sessionCounter, sessionRandom, sequence } = this.#header;
    const refused = this.#options.mayOpen?.({
      type,
      senderId: facts.senderId,
      keyId,
      sessionCounter,
      sessionRandom,
      sequence,
      objectBytes,
    });
    if (refused === undefined) return this.#openObject(facts, type);
    this.counters.refuse(refused);
    return undefined;
  }

  #openObject(facts: ObjectFacts, type: ObjectType, finishedBlocks?: Uint8Array): Collecting | undefined {
    const origin = this.#origin(facts);
    const secret = this.#secrets.get(facts.keyId);
    if (origin === undefined || secret === undefined) {
      this.counters.refuse('E_DATAGRAM_KEY');
      return undefined;
    }
    if (this.#index.size >= this.#options.openObjectsMax) this.#evictObject();
    const { objectBytes, maximumSourceSymbols } = facts;
    const isInstance = type === objectType.instance;
    const sink = isInstance ? this.#options.sinkFor(facts) : this.#documentSink(objectBytes);
    if (sink === undefined) {
      this.counters.noRoom += 1;
      return undefined;
    }
    const { protection } = this.#options;
    const { senderId } = origin;
    const objectId = Buffer.from(facts.objectId, 'hex');
    const layout = new ObjectLayout(objectBytes, this.#symbolBytes, maximumSourceSymbols);
    const object = new OpenObject(
      { secret, senderId, objectId, type, protection, layout },
      facts,
      sink,
      finishedBlocks,
    );
    const slot = this.#freeSlots.pop() ?? this.#open.length;
    const memory = sink instanceof MemorySink ? sink : undefined;
    const collecting = {
      object,
      origin,
      memory,
      slot,
      sessionCounter: 0,
      sessionRandom: 0,
      sequence: 0,
      repairedSymbols: 0,
    };
    this.#open[slot] = collecting;
    this.#index.set(objectId, 0, slot);
    return collecting;
  }

  #origin({ keyId, senderId }: ObjectFacts): Origin | undefined {
    const key = `${keyId} ${senderId}`;
    let origin = this.#origins.get(key);
    if (origin === undefined) {
      const secret = this.#secrets.get(keyId);
      if (secret === undefined || this.#origins.size >= limits.sendersMax) return undefined;
      const id = Buffer.from(senderId, 'hex');
      origin = { keyId, senderId: id, objectIdKey: deriveObjectIdKey(secret, id) };
      this.#origins.set(key, origin);
    }
    return origin;
  }

  #documentSink(bytes: number): MemorySink | undefined {
    if (this.#documentBytes + bytes > documentsMemoryBytes) return undefined;
    this.#documentBytes += bytes;
    return new MemorySink(bytes);
  }

  #addSymbol(collecting: Collecting, bytes: Uint8Array, start: number): void {
    const { counters } = this;
    const header = this.#header;
    const block = this.#blockOf(collecting.object, header.blockNumber);
    const heldBefore = this.#blocks.has(block) ? block.heldBytes : 0;
    const symbol = part(bytes, start + at.symbol, this.#symbolBytes);
    if (!block.add(header.encodingSymbolId, symbol)) counters.duplicates += 1;
    block.touchedAt = counters.datagrams;
    if (heldBefore === 0) this.#blocks.set(block, collecting);
    this.#heldBytes += block.heldBytes - heldBefore;
    if (block.decodable) this.#finishBlock(collecting, block);
    while (this.#heldBytes > this.#options.memoryBytes && this.#blocks.size > 1) this.#evictBlock();
  }

  /** The block being collected; what was kept of it outside memory comes back first. */
  #blockOf(object: OpenObject, blockNumber: number): OpenBlock {
    const block = object.block(blockNumber, this.#buffers);
    if (object.spilledBlocks.delete(blockNumber)) {
      const kept = this.#options.spill.take(object.facts.objectId, blockNumber);
      if (kept !== undefined) block.addCollected(kept);
    }
    return block;
  }

  #finishBlock(collecting: Collecting, block: OpenBlock): void {
    const { object } = collecting;
    const missing = block.missingSymbols;
    const decoded = block.decode(this.#options.code, this.#payload);
    this.#forgetBlock(block);
    const isWritten = this.#write(object, block.blockNumber, decoded);
    block.release();
    if (!isWritten) return;
    this.counters.blocksFinished += 1;
    this.counters.symbolsRepaired += missing;
    collecting.repairedSymbols += missing;
    if (!object.complete) {
      // What came early is hashed behind the newest block, so that little is left for the end.
      object.digestAhead(this.#payload);
      this.#checkpoint(object, checkpointBlocks, 'later');
      return;
    }
    collecting.sessionCounter = this.#header.sessionCounter;
    collecting.sessionRandom = this.#header.sessionRandom;
    collecting.sequence = this.#header.sequence;
    this.#verifying.push(collecting);
    if (collecting.memory !== undefined || object.identity.layout.blockCount <= hashStepBlocks) this.work();
  }

  #write(object: OpenObject, blockNumber: number, decoded: Uint8Array): boolean {
    try {
      if (object.finishBlock(blockNumber, decoded, this.#payload)) return true;
      this.counters.refuse('E_BLOCK_OPEN');
    } catch (error) {
      // A full disk drops the block; it comes again with a later pass.
      if (!(error instanceof DiodeError)) throw error;
      this.counters.refuse(error.code);
      this.#options.onProblem(error);
    }
    return false;
  }

  #checkpoint(object: OpenObject, newBlocksAtLeast: number, when: 'now' | 'later'): void {
    try {
      object.checkpoint(newBlocksAtLeast, when);
    } catch (error) {
      // Not durable yet; the next block tries again.
      if (!(error instanceof DiodeError)) throw error;
      this.#options.onProblem(error);
    }
  }

  #deliver(collecting: Collecting, sha256: Uint8Array): void {
    const { object, origin, memory } = collecting;
    const { objectId, type, layout } = object.identity;
    const { objectBytes, symbolBytes, maximumSourceSymbols } = layout;
    const identity = { type, sha256, objectBytes, symbolBytes, maximumSourceSymbols };
    const right = sameBytes(deriveObjectId(origin.objectIdKey, identity), objectId, 0);
    this.#forgetObject(collecting);
    if (!right) {
      object.sink.discard();
      return this.counters.refuse('E_OBJECT_HASH');
    }
    if (memory !== undefined) this.#rememberDocument(objectId);
    // An instance counts as finished while its sink is being made durable; unfinish() takes that back.
    else this.#finished.set(objectId, 0, 1);
    this.#options.onObject({
      objectId: hex(objectId),
      senderId: hex(origin.senderId),
      keyId: origin.keyId,
      type,
      bytes: objectBytes,
      sha256: hex(sha256),
      sessionCounter: collecting.sessionCounter,
      sessionRandom: collecting.sessionRandom,
      sequence: collecting.sequence,
      repairedSymbols: collecting.repairedSymbols,
      document: memory?.bytes,
    });
  }

  #rememberDocument(objectId: Uint8Array): void {
    if (this.#recentDocuments.size >= recentDocumentsMax) this.#recentDocuments = new ObjectIdIndex();
    this.#recentDocuments.set(objectId, 0, 1);
  }

  #forgetBlock(block: OpenBlock): void {
    const collecting = this.#blocks.get(block);
    assert(collecting !== undefined, 'an open block is listed');
    this.#blocks.delete(block);
    collecting.object.openBlocks.delete(block.blockNumber);
    this.#heldBytes -= block.heldBytes;
  }

  #forgetObject(collecting: Collecting): void {
    const { object, memory, slot } = collecting;
    for (const block of [...object.openBlocks.values()]) {
      this.#forgetBlock(block);
      block.release();
    }
    if (object.spilledBlocks.size > 0) this.#options.spill.drop(object.facts.objectId);
    this.#index.delete(object.identity.objectId, 0);
    this.#open[slot] = undefined;
    this.#freeSlots.push(slot);
    if (memory !== undefined) this.#documentBytes -= memory.bytes.length;
  }

  #evictBlock(): void {
    let oldest: OpenBlock | undefined;
    for (const block of this.#blocks.keys()) {
      if (oldest === undefined || block.touchedAt < oldest.touchedAt) oldest = block;
    }
    assert(oldest !== undefined, 'there is a block to evict');
    this.#spillBlock(oldest);
  }

  #spillBlock(block: OpenBlock): void {
    const object = present(this.#blocks.get(block), 'an open block is listed').object;
    const { facts, spilledBlocks } = object;
    const isInstance = object.identity.type === objectType.instance;
    this.#forgetBlock(block);
    if (isInstance && this.#options.spill.store(facts, block.blockNumber, block.collected(this.#payload))) {
      spilledBlocks.add(block.blockNumber);
      this.counters.blocksSpilled += 1;
    } else {
      this.counters.blocksEvicted += 1;
    }
    block.release();
  }

  #evictObject(): void {
    let oldest: Collecting | undefined;
    for (const collecting of this.#open) {
      if (collecting === undefined || this.#verifying.includes(collecting)) continue;
      if (oldest === undefined || collecting.object.touchedAtMs < oldest.object.touchedAtMs)
        oldest = collecting;
    }
    if (oldest === undefined) return;
    this.#discard(oldest);
    this.counters.objectsEvicted += 1;
  }

  #discard(collecting: Collecting): void {
    collecting.object.sink.discard();
    this.#forgetObject(collecting);
  }
}

function part(bytes: Uint8Array, start: number, length: number): Uint8Array {
  return bytes.subarray(start, start + length);
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
}

function sameBytes(expected: Uint8Array, bytes: Uint8Array, offset: number): boolean {
  for (let i = 0; i < expected.length; i += 1) if (expected[i] !== bytes[offset + i]) return false;
  return true;
}
