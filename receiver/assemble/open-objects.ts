/**
 * All objects that are being collected, with their blocks in memory. Objects, memory, and memory for documents are
 * bounded; when one is full, the sender that has most gives up what was left untouched for longest (see accounts.ts).
 * Nothing here takes longer when more is open.
 */
import { assert, present } from '../../shared/assert.ts';
import { limits } from '../../shared/wire/limits.ts';
import { Accounts } from './accounts.ts';
import type { AssemblerCounters } from './assembler-counters.ts';
import { Collecting, SenderAccount } from './collecting.ts';
import type { BlockSpill, ObjectClaim } from './kept-state.ts';
import { MemorySink } from './memory-sink.ts';
import { ObjectIdIndex } from './object-id-index.ts';
import type { OpenBlock } from './open-block.ts';
import type { OpenObject } from './open-object.ts';
import type { Origin } from './origins.ts';
import type { Shortages } from './shortages.ts';

export interface OpenObjectsOptions {
  /** Memory for all open blocks, and for recording which blocks are finished. */
  readonly memoryBytes: number;
  readonly openObjectsMax: number;
  /** How long an instance may go without a new block before it is given up. */
  readonly partialMs: number;
  readonly spill: BlockSpill;
  /** Room for one block while it is kept elsewhere. */
  readonly payload: Uint8Array;
  readonly counters: AssemblerCounters;
  readonly shortages: Shortages;
}

/** Memory for documents, counting what came: two of the largest. */
const documentsMemoryBytes = 2 * limits.documentBytesMax;
/** How long a document may go without a new symbol before it is given up: passes follow each other sooner. */
const documentPatienceMs = 30_000;
/** How many objects one step checks for progress. */
const expiryStepObjects = 64;

const objectsOf = (account: SenderAccount) => account.objects;
const memoryOf = (account: SenderAccount) => account.memoryBytes;
const documentsOf = (account: SenderAccount) => account.documentBytes;

export class OpenObjects {
  readonly #options: OpenObjectsOptions;
  /** By key: what is open under one key is never found under another, whatever object id is claimed. */
  readonly #indexes = new Map<number, ObjectIdIndex>();
  #size = 0;
  readonly #slots: (Collecting | undefined)[] = [];
  readonly #freeSlots: number[] = [];
  readonly #accounts = new Accounts((keyId, senderId) => new SenderAccount(keyId, senderId));
  /** Senders with something complete, in turn: nobody waits longer than one step of another. */
  readonly #verifying: SenderAccount[] = [];
  #usedBytes = 0;
  #documentBytes = 0;
  #expirySlot = 0;

  constructor(options: OpenObjectsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#size;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  get documentBytes(): number {
    return this.#documentBytes;
  }

  *[Symbol.iterator](): Generator<Collecting> {
    for (const collecting of this.#slots) if (collecting !== undefined) yield collecting;
  }

  /** What is collected under a key and the object id at an offset. */
  find(keyId: number, bytes: Uint8Array, offset: number): Collecting | undefined {
    const slot = this.#indexes.get(keyId)?.find(bytes, offset) ?? -1;
    return slot < 0 ? undefined : this.#slots[slot];
  }

  /** The same, by name. */
  claimed({ keyId, objectId }: ObjectClaim): Collecting | undefined {
    return this.find(keyId, Buffer.from(objectId, 'hex'), 0);
  }

  /** What is collected from a sender under an object id, with each of its keys. */
  ofSender(senderId: string, objectId: Uint8Array): Collecting[] {
    return [...this.#indexes.keys()].flatMap((keyId) => {
      const collecting = this.find(keyId, objectId, 0);
      return collecting?.origin.senderHex === senderId ? [collecting] : [];
    });
  }

  /** Adds an object; at the limit, another one goes. */
  add(object: OpenObject, origin: Origin): Collecting {
    const account = this.#accounts.of(origin.keyId, origin.senderHex);
    // It counts before another one goes for it: whoever asks may have most.
    account.objects += 1;
    if (this.#size >= this.#options.openObjectsMax) this.#evictObject();
    const memory = object.sink instanceof MemorySink ? object.sink : undefined;
    const slot = this.#freeSlots.pop() ?? this.#slots.length;
    const collecting = new Collecting({ object, origin, account, memory, slot });
    this.#slots[slot] = collecting;
    this.#indexOf(origin.keyId).set(object.identity.objectId, 0, slot);
    this.#size += 1;
    account.listOf(collecting).append(collecting);
    this.#grew(account, object.stateBytes);
    this.#keepWithinMemory(undefined, collecting);
    return collecting;
  }

  /** A datagram of it came: it moves to the end. */
  touch(collecting: Collecting, nowMs: number): void {
    collecting.object.touchedAtMs = nowMs;
    collecting.account.listOf(collecting).touch(collecting);
  }

  /** A symbol came for one of its blocks: that block moves to the end, and if memory is full, another one leaves. */
  touchBlock(collecting: Collecting, block: OpenBlock): void {
    const { account, slot } = collecting;
    if (block.objectSlot === slot) {
      account.blocks.touch(block);
      return;
    }
    block.objectSlot = slot;
    account.blocks.append(block);
    this.#grew(account, block.usedBytes);
    this.#keepWithinMemory(block, collecting);
  }

  /** A block leaves: its memory is still the caller's. */
  forgetBlock(block: OpenBlock): void {
    const { object, account } = this.#ownerOf(block);
    account.blocks.remove(block);
    object.openBlocks.delete(block.blockNumber);
    this.#grew(account, -block.usedBytes);
  }

  /** The state of an object grew with its first finished block. */
  stateGrew(collecting: Collecting, bytes: number): void {
    this.#grew(collecting.account, bytes);
    this.#keepWithinMemory(undefined, collecting);
  }

  /**
   * Makes room for a part of a document, if need be by dropping a document of whoever has most.
   * @returns false when there is none
   */
  makeDocumentRoom(collecting: Collecting, bytes: number): boolean {
    // It counts before others go for it: whoever asks may have most.
    this.#documentBytes += bytes;
    collecting.account.documentBytes += bytes;
    while (this.#documentBytes > documentsMemoryBytes) {
      const { documents, senderId } = present(this.#accounts.largest(documentsOf), 'somebody has documents');
      const oldest = documents.oldest === collecting ? collecting.newer : documents.oldest;
      this.#options.shortages.count(senderId, 'documents');
      if (oldest === undefined) {
        this.giveBackDocumentRoom(collecting, bytes);
        return false;
      }
      this.#giveUp(oldest);
    }
    return true;
  }

  /** Takes back what {@link makeDocumentRoom} granted if it was not used. */
  giveBackDocumentRoom({ account }: Collecting, bytes: number): void {
    this.#documentBytes -= bytes;
    account.documentBytes -= bytes;
  }

  /** All its blocks have arrived. */
  becameWhole(collecting: Collecting): void {
    const { account } = collecting;
    account.listOf(collecting).remove(collecting);
    if (account.whole.oldest === undefined) this.#verifying.push(account);
    collecting.isWhole = true;
    account.whole.append(collecting);
  }

  get isVerifying(): boolean {
    return this.#verifying.length > 0;
  }

  /** The next one to verify, one sender after another. */
  nextWhole(): Collecting | undefined {
    const account = this.#verifying.shift();
    if (account === undefined) return undefined;
    this.#verifying.push(account);
    return account.whole.oldest;
  }

  /** It is no longer collected. What is in its sink belongs to the caller. */
  forget(collecting: Collecting): void {
    const { object, origin, account, memory, slot } = collecting;
    for (const block of [...object.openBlocks.values()]) {
      this.forgetBlock(block);
      block.giveBack();
    }
    if (object.spilledBlocks.size > 0) this.#options.spill.drop(object.facts);
    this.#indexOf(origin.keyId).delete(object.identity.objectId, 0);
    this.#size -= 1;
    this.#slots[slot] = undefined;
    this.#freeSlots.push(slot);
    account.listOf(collecting).remove(collecting);
    if (collecting.isWhole && account.whole.oldest === undefined)
      this.#verifying.splice(this.#verifying.indexOf(account), 1);
    this.#grew(account, -object.stateBytes);
    if (memory !== undefined) this.giveBackDocumentRoom(collecting, memory.usedBytes);
    account.objects -= 1;
    if (account.objects === 0) this.#accounts.close(account);
    object.sink.ended?.();
  }

  /** It is given up, along with what came of it. */
  discard(collecting: Collecting): void {
    // Before its bytes go, since their memory is given back to the account.
    this.forget(collecting);
    collecting.object.sink.discard();
  }

  /** Gives up what makes no progress: each step checks a few. */
  expire(nowMs: number): void {
    const looks = Math.min(expiryStepObjects, this.#slots.length);
    for (let look = 0; look < looks; look += 1) {
      if (this.#expirySlot >= this.#slots.length) this.#expirySlot = 0;
      const collecting = this.#slots[this.#expirySlot];
      this.#expirySlot += 1;
      if (collecting === undefined || collecting.isWhole) continue;
      const patienceMs = collecting.memory === undefined ? this.#options.partialMs : documentPatienceMs;
      if (nowMs - collecting.object.grewAtMs < patienceMs) continue;
      this.discard(collecting);
      this.#options.counters.objectsExpired += 1;
    }
  }

  /** All open blocks go to the spill area: before a stop. */
  spillAll(): void {
    for (const { blocks } of this.#accounts)
      for (let block = blocks.oldest; block !== undefined; block = blocks.oldest) this.#spillBlock(block);
  }

  /** What is being collected, one of each sender in turn, each sender's last used one first. */
  *inTurn(): Generator<Collecting> {
    let turn = [...this.#accounts].map((account) => account.instances.newest);
    while (turn.length > 0) {
      const next: (Collecting | undefined)[] = [];
      for (const collecting of turn) {
        if (collecting === undefined) continue;
        next.push(collecting.older);
        yield collecting;
      }
      turn = next;
    }
  }

  #indexOf(keyId: number): ObjectIdIndex {
    const index = this.#indexes.get(keyId) ?? new ObjectIdIndex();
    this.#indexes.set(keyId, index);
    return index;
  }

  #ownerOf(block: OpenBlock): Collecting {
    return present(this.#slots[block.objectSlot], 'an open block is of an open object');
  }

  #grew(account: SenderAccount, bytes: number): void {
    account.memoryBytes += bytes;
    this.#usedBytes += bytes;
  }

  /** @param kept the current block and object, which stay */
  #keepWithinMemory(kept: OpenBlock | undefined, keptObject: Collecting): void {
    while (this.#usedBytes > this.#options.memoryBytes) {
      const account = present(this.#accounts.largest(memoryOf), 'somebody uses the memory');
      const { blocks, instances, documents } = account;
      const block = blocks.oldest === kept ? kept?.newer : blocks.oldest;
      if (block !== undefined) {
        this.#spillBlock(block);
        continue;
      }
      // No other block is left: what remains says which blocks are finished.
      if (account.memoryBytes <= (blocks.oldest?.usedBytes ?? 0)) return;
      const oldest = instances.oldest ?? documents.oldest;
      const object = oldest === keptObject ? keptObject.newer : oldest;
      if (object === undefined) return;
      this.#giveUp(object);
    }
  }

  #spillBlock(block: OpenBlock): void {
    const { spill, payload, counters } = this.#options;
    const { object, memory } = this.#ownerOf(block);
    this.forgetBlock(block);
    if (memory === undefined && spill.store(object.facts, block.blockNumber, block.collected(payload))) {
      object.spilledBlocks.add(block.blockNumber);
      counters.blocksSpilled += 1;
    } else {
      counters.blocksEvicted += 1;
    }
    block.giveBack();
  }

  #evictObject(): void {
    let collecting = this.#accounts.largest(objectsOf)?.leastWanted;
    // If each sender has one, the newest can't give way to itself.
    for (const account of this.#accounts) collecting ??= account.leastWanted;
    assert(collecting !== undefined, 'what is open is listed');
    this.#options.shortages.count(collecting.origin.senderHex, 'open objects');
    this.#giveUp(collecting);
  }

  #giveUp(collecting: Collecting): void {
    this.discard(collecting);
    this.#options.counters.objectsEvicted += 1;
  }
}
