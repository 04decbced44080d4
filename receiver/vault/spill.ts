/**
 * The spill area: one file of equal slots, each with the symbols of one block that left memory before it could
 * be decoded. Symbols of later passes then combine with them, even after a restart. The file never grows beyond
 * its slots, nor at all while the disk is full. If all slots are taken, the sender that has most of them gives up its
 * oldest for another sender (see accounts.ts).
 *
 * A slot is not synced: one torn by a power cut yields a block that does not open, and is collected again.
 */
import { assert } from '../../shared/assert.ts';
import type { Disk, DiskFile } from '../../shared/disk.ts';
import { DiodeError } from '../../shared/errors.ts';
import {
  objectIdBytes,
  readUint16,
  readUint32,
  readUint64,
  senderIdBytes,
  writeUint32,
  writeUint64,
} from '../../shared/wire/datagram.ts';
import { limits } from '../../shared/wire/limits.ts';
import { type Account, Accounts } from '../assemble/accounts.ts';
import {
  type BlockSpill,
  type CollectedSymbols,
  claimName,
  type ObjectClaim,
  type ObjectFacts,
} from '../assemble/kept-state.ts';

const slotMagic = 0x44445350; // "DDSP"
/** Offsets in a slot's header. */
const at = {
  magic: 0,
  symbolBytes: 4,
  keyId: 6,
  maximumSourceSymbols: 8,
  symbols: 9,
  senderId: 10,
  objectId: 18,
  objectBytes: 34,
  blockNumber: 42,
  encodingSymbolIds: 46,
  data: 256,
} as const;

/** Default sizes: with a tenth of the datagrams lost, a third of an object's blocks wait here for the second pass. */
const areaShare = 1 / 20;
const areaBytesMin = 1024e6;
const areaBytesMax = 16_384e6;

/** How large the area may become by default. */
export function defaultAreaBytes(diskBytes: number): number {
  return Math.max(areaBytesMin, Math.min(areaBytesMax, diskBytes * areaShare));
}

export interface SpillAreaOptions {
  readonly disk: Disk;
  readonly path: string;
  readonly symbolBytes: number;
  readonly areaBytes: number;
  /** Whether the disk has room for a larger file. Default: always. */
  readonly mayGrow?: () => boolean;
}

export interface SpilledBlock {
  readonly facts: ObjectFacts;
  readonly blockNumber: number;
}

/** Slots of one sender, the oldest first. */
class SlotAccount implements Account {
  readonly keyId: number;
  readonly senderId: string;
  readonly slots = new Map<number, { readonly claim: string; readonly blockNumber: number }>();

  constructor(keyId: number, senderId: string) {
    this.keyId = keyId;
    this.senderId = senderId;
  }
}

const slotsOf = (account: SlotAccount) => account.slots.size;

export class SpillArea implements BlockSpill {
  readonly #file: DiskFile;
  readonly #symbolBytes: number;
  readonly #slotBytes: number;
  /** Those that the file already has come last, and are used first. */
  readonly #free: number[] = [];
  /** Slot of each block, by claim and block number. */
  readonly #slots = new Map<string, Map<number, number>>();
  readonly #accounts = new Accounts((keyId, senderId) => new SlotAccount(keyId, senderId));
  /** The owner of each slot. */
  readonly #owners: (SlotAccount | undefined)[] = [];
  readonly #found: SpilledBlock[] = [];
  readonly #slotCount: number;
  readonly #mayGrow: () => boolean;
  /** For reading slots: a fresh buffer for each read would be garbage for each read. */
  readonly #buffer: Uint8Array;
  /** Slots that the file has. */
  #grownSlots: number;

  /** Opens the area and finds what an earlier run left in it. */
  constructor(options: SpillAreaOptions) {
    const { disk, path, symbolBytes, areaBytes, mayGrow = () => true } = options;
    this.#mayGrow = mayGrow;
    this.#symbolBytes = symbolBytes;
    this.#slotBytes = at.data + limits.sourceSymbolsMax * symbolBytes;
    this.#buffer = new Uint8Array(this.#slotBytes);
    this.#slotCount = Math.floor(areaBytes / this.#slotBytes);
    const facts = disk.facts(path);
    this.#file = disk.open(path, facts === undefined ? 'create' : 'update');
    this.#grownSlots = Math.min(this.#slotCount, Math.ceil((facts?.bytes ?? 0) / this.#slotBytes));
    for (let slot = this.#slotCount - 1; slot >= this.#grownSlots; slot -= 1) this.#free.push(slot);
    for (let slot = this.#grownSlots - 1; slot >= 0; slot -= 1) this.#look(slot);
  }

  /** What an earlier run left, for the assembler to resume or drop. */
  get found(): readonly SpilledBlock[] {
    return this.#found;
  }

  get usedSlots(): number {
    return this.#slotCount - this.#free.length;
  }

  store(facts: ObjectFacts, blockNumber: number, collected: CollectedSymbols): boolean {
    const { encodingSymbolIds, symbols } = collected;
    assert(
      encodingSymbolIds.length <= limits.sourceSymbolsMax,
      'a block that can not be decoded has fewer than k symbols',
    );
    assert(symbols.length === encodingSymbolIds.length * this.#symbolBytes, 'symbols one behind the other');
    const slot = this.#slotFor(facts);
    if (slot === undefined) return false;
    const header = new Uint8Array(at.data);
    writeUint32(header, at.magic, slotMagic);
    header[at.symbolBytes] = this.#symbolBytes >>> 8;
    header[at.symbolBytes + 1] = this.#symbolBytes;
    header[at.keyId] = facts.keyId >>> 8;
    header[at.keyId + 1] = facts.keyId;
    header[at.maximumSourceSymbols] = facts.maximumSourceSymbols;
    header[at.symbols] = encodingSymbolIds.length;
    header.set(Buffer.from(facts.senderId, 'hex'), at.senderId);
    header.set(Buffer.from(facts.objectId, 'hex'), at.objectId);
    writeUint64(header, at.objectBytes, facts.objectBytes);
    writeUint32(header, at.blockNumber, blockNumber);
    header.set(encodingSymbolIds, at.encodingSymbolIds);
    try {
      this.#file.writeAt(symbols, slot * this.#slotBytes + at.data);
      this.#file.writeAt(header, slot * this.#slotBytes);
    } catch (error) {
      // The disk is full, so the area counts as full.
      if (!(error instanceof DiodeError)) throw error;
      return false;
    }
    this.#free.pop();
    this.#grownSlots = Math.max(this.#grownSlots, slot + 1);
    this.#remember(facts, blockNumber, slot);
    return true;
  }

  take(of: ObjectClaim, blockNumber: number): CollectedSymbols | undefined {
    const claim = claimName(of);
    const slot = this.#slots.get(claim)?.get(blockNumber);
    if (slot === undefined) return undefined;
    this.#forget(claim, blockNumber, slot);
    const header = this.#read(slot, 0, at.data);
    const count = header[at.symbols] ?? 0;
    // What is read back is checked like what came from the wire.
    if (readUint32(header, at.magic) !== slotMagic || count > limits.sourceSymbolsMax) return undefined;
    const encodingSymbolIds = [...header.subarray(at.encodingSymbolIds, at.encodingSymbolIds + count)];
    if (encodingSymbolIds.some((esi) => esi >= limits.encodingSymbolsMax)) return undefined;
    const symbols = this.#read(slot, at.data, count * this.#symbolBytes);
    return symbols.length === count * this.#symbolBytes ? { encodingSymbolIds, symbols } : undefined;
  }

  drop(of: ObjectClaim): void {
    const claim = claimName(of);
    const blocks = this.#slots.get(claim);
    if (blocks === undefined) return;
    for (const [blockNumber, slot] of [...blocks]) this.#forget(claim, blockNumber, slot);
  }

  close(): void {
    this.#file.close();
  }

  #look(slot: number): void {
    const header = this.#read(slot, 0, at.data);
    const usable =
      header.length === at.data &&
      readUint32(header, at.magic) === slotMagic &&
      readUint16(header, at.symbolBytes) === this.#symbolBytes;
    if (!usable) {
      this.#free.push(slot);
      return;
    }
    const facts: ObjectFacts = {
      objectId: hex(header, at.objectId, objectIdBytes),
      senderId: hex(header, at.senderId, senderIdBytes),
      keyId: readUint16(header, at.keyId),
      objectBytes: readUint64(header, at.objectBytes),
      maximumSourceSymbols: header[at.maximumSourceSymbols] ?? 0,
    };
    const blockNumber = readUint32(header, at.blockNumber);
    if (this.#slots.get(claimName(facts))?.has(blockNumber) === true) {
      this.#free.push(slot);
      return;
    }
    this.#remember(facts, blockNumber, slot);
    this.#found.push({ facts, blockNumber });
  }

  #remember(facts: ObjectFacts, blockNumber: number, slot: number): void {
    const claim = claimName(facts);
    let blocks = this.#slots.get(claim);
    if (blocks === undefined) {
      blocks = new Map();
      this.#slots.set(claim, blocks);
    }
    blocks.set(blockNumber, slot);
    const account = this.#accounts.of(facts.keyId, facts.senderId);
    account.slots.set(slot, { claim, blockNumber });
    this.#owners[slot] = account;
  }

  #forget(claim: string, blockNumber: number, slot: number): void {
    const blocks = this.#slots.get(claim);
    blocks?.delete(blockNumber);
    if (blocks?.size === 0) this.#slots.delete(claim);
    const account = this.#owners[slot];
    account?.slots.delete(slot);
    if (account?.slots.size === 0) this.#accounts.close(account);
    this.#owners[slot] = undefined;
    this.#free.push(slot);
  }

  /** The slot on top of the free ones: a free one, or one taken from a sender that has more than the one that asks. */
  #slotFor({ keyId, senderId }: ObjectFacts): number | undefined {
    const free = this.#free.at(-1);
    if (free !== undefined && (free < this.#grownSlots || this.#mayGrow())) return free;
    const most = this.#accounts.largest(slotsOf);
    if (most === undefined || !this.#hasMore(most, keyId, senderId)) return undefined;
    for (const [slot, { claim, blockNumber }] of most.slots) {
      this.#forget(claim, blockNumber, slot);
      return slot;
    }
    return undefined;
  }

  /** Whether one has more than the other would have with one more: otherwise they would only take turns. */
  #hasMore(most: SlotAccount, keyId: number, senderId: string): boolean {
    const hasHere = this.#accounts.find(keyId, senderId)?.slots.size ?? 0;
    if (most.keyId === keyId) return most.slots.size > hasHere + 1;
    return this.#accounts.ofKey(most.keyId, slotsOf).used > this.#accounts.ofKey(keyId, slotsOf).used + 1;
  }

  #read(slot: number, offset: number, length: number): Uint8Array {
    const part = this.#buffer.subarray(offset, offset + length);
    return part.subarray(0, this.#file.readAt(part, slot * this.#slotBytes + offset));
  }
}

function hex(bytes: Uint8Array, offset: number, length: number): string {
  return Buffer.from(bytes.subarray(offset, offset + length)).toString('hex');
}
