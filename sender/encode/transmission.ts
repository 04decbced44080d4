/**
 * The sender's data plane as a pure machine: objects go in, datagrams come out in the order of the link.
 *
 * Symbols of open blocks are interleaved, so a burst of loss is spread over many blocks: with D blocks of m repair
 * symbols it may be D x m datagrams long. Small blocks have fewer repair symbols, so more of them are open: what counts
 * is the sum of repair symbols. Blocks are opened over several turns, which staggers them. An urgent object (STAT,
 * manifest, beacon) has slots of its own and goes ahead of the symbols of open blocks; a carousel repeat also has slots
 * of its own, and goes after them.
 */
import { assert, present } from '../../shared/assert.ts';
import type { ErasureCode } from '../../shared/fec/erasure-code.ts';
import { limits } from '../../shared/wire/limits.ts';
import type { LinkParameters } from '../../shared/wire/link-parameters.ts';
import type { SenderIdentity, Session } from '../identity.ts';
import { BlockSlot } from './block-slot.ts';
import { ObjectPass, type ObjectPassOptions } from './object-pass.ts';

export interface TransmissionOptions {
  readonly identity: SenderIdentity;
  readonly session: Session;
  readonly code: ErasureCode;
  /** Writes the tag of a datagram at its end. */
  readonly tag: { write(datagram: Uint8Array): void };
  /** D, for the largest blocks. There may be up to {@link smallBlocksFactor} times as many smaller ones. */
  readonly openBlocks: number;
  /** Memory for the slots: using the engine's own saves a copy of every block. */
  readonly allocate: (byteLength: number) => Uint8Array;
}

/** A pass whose last datagram has been handed out, or whose object could not be read. */
export interface EndedPass {
  readonly objectId: Uint8Array;
  readonly error: unknown;
}

/** Slots in the urgent lane: a small number, since urgent blocks leave at once. */
const urgentSlots = 8;

/** Slots in the last lane: its repeats combine with earlier passes, so a few are deep enough. */
function backgroundSlots(openBlocks: number): number {
  return Math.max(4, Math.ceil(openBlocks / 4));
}

/** Slots have the size of the largest block; in those used only by small blocks, most pages are never touched. */
const smallBlocksFactor = 6;
const smallBlocksBytesMax = 2 ** 28;

function routineSlots(parameters: LinkParameters, openBlocks: number): number {
  const affordable = Math.floor(smallBlocksBytesMax / slotBytes(parameters));
  return Math.max(openBlocks, Math.min(smallBlocksFactor * openBlocks, affordable));
}

/** Opening many blocks in one turn would keep the link waiting. */
const opensPerTurnMax = 16;

/** Which symbols go first: urgent ones, then those of planned passes, then repeats. */
export type LaneName = 'urgent' | 'routine' | 'background';

/** Total allocation of a transmission. */
export function transmissionBytes(parameters: LinkParameters, openBlocks: number): number {
  const slots = routineSlots(parameters, openBlocks) + urgentSlots + backgroundSlots(openBlocks);
  return slots * slotBytes(parameters);
}

/**
 * Small blocks get fewer repair symbols than full ones, or a few more because of rounding. A multiple of the memory
 * alignment.
 */
function slotBytes({ datagramBytes, sourceSymbols, repairSymbols }: LinkParameters): number {
  const symbols = Math.min(limits.encodingSymbolsMax, sourceSymbols + repairSymbols + 4);
  return Math.ceil((symbols * datagramBytes) / 64) * 64;
}

export class Transmission {
  readonly #options: TransmissionOptions;
  readonly #lanes: Readonly<Record<LaneName, Lane>>;
  #sequence = 0;

  constructor(options: TransmissionOptions) {
    assert(options.openBlocks >= 1 && options.openBlocks <= 4096, 'open blocks within bounds');
    this.#options = options;
    const { openBlocks, identity } = options;
    this.#lanes = {
      urgent: this.#lane(urgentSlots, urgentSlots),
      routine: this.#lane(routineSlots(identity.parameters, openBlocks), openBlocks),
      background: this.#lane(backgroundSlots(openBlocks), backgroundSlots(openBlocks)),
    };
  }

  /** Datagrams handed out so far, which is the sequence number of the next one. */
  get sequence(): number {
    return this.#sequence;
  }

  get idle(): boolean {
    return Object.values(this.#lanes).every((lane) => lane.idle);
  }

  /** Blocks that wait to be opened. The caller adds objects while this is low, so that it stays bounded. */
  get waitingBlocks(): number {
    return Object.values(this.#lanes).reduce((blocks, lane) => blocks + lane.waitingBlocks, 0);
  }

  add(object: ObjectPassOptions, lane: LaneName): void {
    const pass = new ObjectPass(this.#options.identity, this.#options.session, object);
    this.#lanes[lane].add(pass);
  }

  /** Writes the next datagram, tagged. @returns false if there is none */
  next(target: Uint8Array): boolean {
    const lane = this.#laneInTurn(true);
    if (lane === undefined) return false;
    lane.take(target, this.#sequence);
    this.#options.tag.write(target);
    this.#sequence += 1;
    return true;
  }

  /**
   * Says where the next datagrams are, for a caller that numbers and tags many at once; they count as handed out. Results
   * of an earlier call are no longer valid.
   * @param addresses filled from its start, with addresses in the memory of the slots
   * @returns how many; may be fewer than there is room for because blocks are opened next
   */
  collect(addresses: Uint32Array): number {
    let count = 0;
    for (; count < addresses.length; count += 1) {
      // An opened block may take a slot whose datagrams are among these.
      const lane = this.#laneInTurn(count === 0);
      if (lane === undefined) break;
      addresses[count] = lane.takeAddress();
    }
    this.#sequence += count;
    return count;
  }

  #laneInTurn(mayOpen: boolean): Lane | undefined {
    const { urgent, routine, background } = this.#lanes;
    const urgently = urgent.prepare(mayOpen);
    if (urgently !== 'empty') return urgently === 'ready' ? urgent : undefined;
    const planned = routine.prepare(mayOpen);
    if (planned !== 'empty') return planned === 'ready' ? routine : undefined;
    return background.prepare(mayOpen) === 'ready' ? background : undefined;
  }

  /** The passes that ended since the last call. */
  takeEnded(): EndedPass[] {
    const { urgent, routine, background } = this.#lanes;
    return [...urgent.takeEnded(), ...routine.takeEnded(), ...background.takeEnded()];
  }

  #lane(slotCount: number, largeBlocks: number): Lane {
    const { identity, allocate, code } = this.#options;
    const { parameters } = identity;
    const slots = Array.from(
      { length: slotCount },
      () => new BlockSlot(allocate(slotBytes(parameters)), parameters.datagramBytes),
    );
    return new Lane(slots, code, largeBlocks * Math.max(1, parameters.repairSymbols));
  }
}

interface OpenPass {
  readonly pass: ObjectPass;
  openSlots: number;
}

/** Open blocks that take turns, and the objects waiting behind them. */
class Lane {
  readonly #code: ErasureCode;
  /** Those used first are at the end: the memory of the others is touched only while many small blocks are open. */
  readonly #free: BlockSlot[];
  readonly #repairWanted: number;
  readonly #turn: { slot: BlockSlot; from: OpenPass }[] = [];
  readonly #waiting: OpenPass[] = [];
  #ended: EndedPass[] = [];
  #position = 0;
  #waitingBlocks = 0;
  #openRepair = 0;

  /** @param repairWanted the sum of repair symbols that open blocks should have, as far as blocks and slots allow */
  constructor(slots: BlockSlot[], code: ErasureCode, repairWanted: number) {
    this.#free = slots.sort((a, b) => b.address - a.address);
    this.#code = code;
    this.#repairWanted = repairWanted;
  }

  get idle(): boolean {
    return this.#turn.length === 0 && this.#waiting.length === 0;
  }

  get waitingBlocks(): number {
    return this.#waitingBlocks;
  }

  add(pass: ObjectPass): void {
    this.#waiting.push({ pass, openSlots: 0 });
    this.#waitingBlocks += pass.blocksLeft;
  }

  /** Prepares the next datagram; at the beginning of a turn blocks are opened, if allowed. */
  prepare(mayOpen: boolean): 'ready' | 'empty' | 'opens' {
    if (this.#position >= this.#turn.length) {
      if (this.#hasToOpen && !mayOpen) return 'opens';
      this.#position = 0;
      this.#openSome();
    }
    return this.#turn.length > 0 ? 'ready' : 'empty';
  }

  /** Copies out the datagram that is ready. */
  take(target: Uint8Array, sequence: number): void {
    const { slot } = this.#inTurn();
    slot.take(target, sequence);
    this.#goOn(slot);
  }

  /** The address of the datagram that is ready. */
  takeAddress(): number {
    const { slot } = this.#inTurn();
    const address = slot.takeAddress();
    this.#goOn(slot);
    return address;
  }

  takeEnded(): EndedPass[] {
    const ended = this.#ended;
    if (ended.length > 0) this.#ended = [];
    return ended;
  }

  #inTurn(): { readonly slot: BlockSlot } {
    return present(this.#turn[this.#position], 'a datagram is ready');
  }

  #goOn(slot: BlockSlot): void {
    if (slot.left > 0) this.#position += 1;
    else this.#closeAt(this.#position);
  }

  get #hasToOpen(): boolean {
    return this.#waiting.length > 0 && this.#free.length > 0 && this.#openRepair < this.#repairWanted;
  }

  /**
   * As many blocks per turn as fill the lane during the life of one of the largest. Opening all at once would stall the
   * link and make them end together.
   */
  #openSome(): void {
    let opens = 1;
    for (let opened = 0; opened < opens && this.#hasToOpen; opened += 1) {
      const slot = this.#openOne();
      if (slot === undefined) return;
      const filling = Math.ceil(this.#repairWanted / (repairOf(slot) * slot.left));
      if (opened === 0) opens = Math.min(opensPerTurnMax, filling);
    }
  }

  #openOne(): BlockSlot | undefined {
    while (this.#free.length > 0) {
      const from = this.#waiting[0];
      if (from === undefined) return undefined;
      const slot = present(this.#free.pop(), 'a slot is free');
      const blocksBefore = from.pass.blocksLeft;
      try {
        from.pass.openNext(this.#code, slot);
      } catch (error) {
        // The object can't be read: its pass ends here, but its open blocks still go out.
        this.#free.push(slot);
        this.#waiting.shift();
        this.#waitingBlocks -= blocksBefore;
        this.#ended.push({ objectId: from.pass.objectId, error });
        continue;
      }
      this.#waitingBlocks -= 1;
      this.#openRepair += repairOf(slot);
      from.openSlots += 1;
      this.#turn.push({ slot, from });
      if (from.pass.blocksLeft === 0) this.#waiting.shift();
      return slot;
    }
    return undefined;
  }

  #closeAt(position: number): void {
    const [entry] = this.#turn.splice(position, 1);
    const { slot, from } = present(entry, 'an entry whose turn it was');
    this.#openRepair -= repairOf(slot);
    this.#giveBack(slot);
    from.openSlots -= 1;
    if (from.openSlots === 0 && from.pass.blocksLeft === 0) {
      this.#ended.push({ objectId: from.pass.objectId, error: undefined });
    }
  }

  #giveBack(slot: BlockSlot): void {
    let position = this.#free.length;
    while (position > 0 && (this.#free[position - 1]?.address ?? 0) < slot.address) position -= 1;
    this.#free.splice(position, 0, slot);
  }
}

/** A block without repair symbols counts, too. */
function repairOf(slot: BlockSlot): number {
  return Math.max(1, slot.repairSymbols);
}
