/**
 * One pass of one object: reads its blocks in order, seals them, and lays them out in slots.
 * Sealing is the same in every pass, and repair symbols are new ones, so passes combine.
 */
import { assert, present } from '../../shared/assert.ts';
import { ObjectSeal } from '../../shared/crypto/seal.ts';
import { DiodeError } from '../../shared/errors.ts';
import type { ErasureCode } from '../../shared/fec/erasure-code.ts';
import { passRepairEsis, repairSymbolCount } from '../../shared/fec/repair-count.ts';
import {
  headerBytes,
  type ObjectType,
  symbolBytesOf,
  writeObjectHeader,
} from '../../shared/wire/datagram.ts';
import { ObjectLayout } from '../../shared/wire/object-layout.ts';
import { type SenderIdentity, type Session, secretsOf } from '../identity.ts';
import type { BlockSlot } from './block-slot.ts';

/**
 * Returns a part of the object, valid until a part of any object is requested; fewer bytes than requested mean that the
 * object is not what it was.
 */
export type ReadObject = (offset: number, length: number) => Uint8Array;

export interface ObjectPassOptions {
  readonly objectId: Uint8Array;
  readonly type: ObjectType;
  readonly objectBytes: number;
  readonly maximumSourceSymbols: number;
  readonly pass: number;
  /** The key it was planned under; the current one if left out. */
  readonly keyId?: number;
  readonly read: ReadObject;
}

/**
 * What all blocks of a pass need, made with the first one. A waiting pass is old to the garbage collector, and its memory
 * stays garbage long after it has ended, so it keeps little.
 */
interface Begun {
  readonly seal: ObjectSeal;
  /** The object's header, `headerBytes` long. */
  readonly header: Uint8Array;
}

export class ObjectPass {
  readonly objectId: Uint8Array;
  readonly pass: number;
  readonly #identity: SenderIdentity;
  readonly #layout: ObjectLayout;
  readonly #begin: () => Begun;
  #begun: Begun | undefined;
  readonly #read: ReadObject;
  #nextBlock = 0;

  constructor(identity: SenderIdentity, session: Session, options: ObjectPassOptions) {
    const { parameters, senderId } = identity;
    const { objectId, type, objectBytes, maximumSourceSymbols, keyId = identity.keyId } = options;
    // Its id is bound to that key: under another one it would not be an object at all.
    const secret = present(secretsOf(identity).get(keyId), 'an object is planned under a key of the ring');
    const symbolBytes = symbolBytesOf(parameters.datagramBytes);
    this.objectId = objectId;
    this.pass = options.pass;
    this.#identity = identity;
    this.#layout = new ObjectLayout(objectBytes, symbolBytes, maximumSourceSymbols);
    const { protection } = parameters;
    this.#begin = () => {
      const datagram = new Uint8Array(parameters.datagramBytes);
      writeObjectHeader(datagram, {
        type,
        datagramBytes: parameters.datagramBytes,
        keyId,
        protection,
        maximumSourceSymbols,
        senderId,
        sessionCounter: session.counter,
        sessionRandom: session.random,
        objectId,
        objectBytes,
      });
      const seal = new ObjectSeal({ secret, senderId, objectId, type, protection, layout: this.#layout });
      return { seal, header: datagram.slice(0, headerBytes) };
    };
    this.#read = options.read;
  }

  get blocksLeft(): number {
    return this.#layout.blockCount - this.#nextBlock;
  }

  /**
   * Lays out the next block.
   * @throws DiodeError E_SPOOL_DAMAGED if the object is not what it was at intake
   */
  openNext(code: ErasureCode, slot: BlockSlot): void {
    assert(this.blocksLeft > 0, 'a block is left');
    const blockNumber = this.#nextBlock;
    const payloadBytes = this.#layout.payloadBytes(blockNumber);
    const payload = this.#read(this.#layout.payloadOffset(blockNumber), payloadBytes);
    if (payload.length !== payloadBytes)
      throw new DiodeError('E_SPOOL_DAMAGED', 'an object in the spool became shorter');
    const sourceSymbols = this.#layout.sourceSymbols(blockNumber);
    const repairCount = repairSymbolCount(sourceSymbols, {
      maximumSourceSymbols: this.#layout.maximumSourceSymbols,
      repairSymbols: this.#identity.parameters.repairSymbols,
    });
    const repairEsis = passRepairEsis(sourceSymbols, repairCount, this.pass);
    this.#begun ??= this.#begin();
    const { seal, header } = this.#begun;
    slot.fill(code, header, seal.seal(blockNumber, payload), {
      blockNumber,
      sourceSymbols,
      repairEsis,
      pass: this.pass,
    });
    this.#nextBlock += 1;
  }
}
