/**
 * The order in which one pass of a study leaves, from the sender's own transmission: which datagram belongs to which
 * source block. Where only the order counts, nothing is encoded; the order is the same.
 */
import { createHash } from 'node:crypto';
import { Transmission } from '../../sender/encode/transmission.ts';
import { objectPlanner, type SenderIdentity } from '../../sender/identity.ts';
import { assert } from '../../shared/assert.ts';
import { deriveTagKey } from '../../shared/crypto/keys.ts';
import { DatagramTag } from '../../shared/crypto/siphash.ts';
import type { ErasureCode } from '../../shared/fec/erasure-code.ts';
import { at, objectType, protection, readUint32, symbolBytesOf } from '../../shared/wire/datagram.ts';
import { closeReason, encodeManifest, priority } from '../../shared/wire/manifest.ts';
import { ObjectLayout } from '../../shared/wire/object-layout.ts';
import { Random } from '../harness/random.ts';

/** The defaults of both programs. */
export const openBlocks = 78;
export const studyIdentity: SenderIdentity = {
  senderId: new Random(1).fork('sender').bytes(8),
  keyId: 1,
  secret: new Random(1).fork('secret').bytes(32),
  parameters: { datagramBytes: 1472, sourceSymbols: 200, repairSymbols: 24, protection: protection.sealed },
};

export interface StudyObject {
  readonly type: typeof objectType.instance | typeof objectType.manifest;
  readonly objectId: Uint8Array;
  readonly bytes: number;
  readonly read: (offset: number, length: number) => Uint8Array;
}

/** One pass: what is needed to say of any set of losses whether the study is complete without them. */
export interface RecordedPass {
  /** The block of each datagram, in the order they leave. */
  readonly blockOf: Uint32Array;
  /** Datagrams of each block that may be lost: its repair symbols. */
  readonly spare: Uint16Array;
  /** Datagrams between which as many blocks are open as ever are: not the beginning, not the tail. */
  readonly full: { readonly openBlocks: number; readonly from: number; readonly to: number };
}

/** The transmission of a study's first pass, datagram by datagram, as the programs set it up. */
export class StudyPass {
  readonly #transmission: Transmission;
  readonly #objects: Iterator<StudyObject>;
  #waiting: StudyObject | undefined;

  constructor(objects: Iterable<StudyObject>, code: ErasureCode) {
    this.#objects = objects[Symbol.iterator]();
    this.#waiting = this.#following();
    this.#transmission = new Transmission({
      identity: studyIdentity,
      session: { counter: 1, random: 1 },
      code,
      tag: new DatagramTag(deriveTagKey(studyIdentity.secret)),
      openBlocks,
      allocate: (byteLength) => code.allocate(byteLength),
    });
  }

  /** Writes the next datagram. @returns false after the last one */
  next(target: Uint8Array): boolean {
    while (this.#waiting !== undefined && this.#isTime(this.#waiting)) {
      const { type, objectId, bytes: objectBytes, read } = this.#waiting;
      const { sourceSymbols: maximumSourceSymbols } = studyIdentity.parameters;
      const options = { type, objectId, objectBytes, maximumSourceSymbols, pass: 0, read };
      this.#transmission.add(options, type === objectType.manifest ? 'urgent' : 'routine');
      this.#waiting = this.#following();
    }
    const made = this.#transmission.next(target);
    for (const { error } of this.#transmission.takeEnded())
      assert(error === undefined, 'objects in memory are read');
    return made;
  }

  /** The manifest comes after the quiet time, when all else has long left. */
  #isTime({ type }: StudyObject): boolean {
    const { idle, waitingBlocks } = this.#transmission;
    return type === objectType.manifest ? idle : waitingBlocks < 2 * openBlocks;
  }

  #following(): StudyObject | undefined {
    const { done, value } = this.#objects.next();
    return done === true ? undefined : value;
  }
}

/**
 * The instances of a study, each with other bytes, and its manifest as the last.
 * @param isReal whether ids are those of the bytes, or just numbers
 */
export function* studyObjects(count: number, bytes: number, isReal: boolean): Generator<StudyObject> {
  const plan = objectPlanner(studyIdentity);
  const content = new Random(1).fork('content').bytes(bytes);
  for (let number = 0; number < count; number++) {
    const mark = numbered(number);
    // The first bytes make each another object; the rest is that of all of them.
    const read = (offset: number, length: number): Uint8Array => {
      if (offset === 0) content.set(mark);
      return content.subarray(offset, offset + length);
    };
    const objectId = isReal ? planned(plan, read, bytes) : mark;
    yield { type: objectType.instance, objectId, bytes, read };
  }
  const manifest = manifestOf(count, bytes);
  const read = (offset: number, length: number) => manifest.subarray(offset, offset + length);
  const type = objectType.manifest;
  const objectId = isReal
    ? Buffer.from(plan(type, sha256Of(manifest), manifest.length).objectId, 'hex')
    : numbered(count);
  yield { type, objectId, bytes: manifest.length, read };
}

/** Records one pass of a study without encoding it. */
export function recordPass(count: number, bytes: number): RecordedPass {
  const { datagramBytes, sourceSymbols } = studyIdentity.parameters;
  const firstBlock: number[] = [];
  const symbols: number[] = [];
  const objects = [...studyObjects(count, bytes, false)];
  for (const object of objects) {
    const layout = new ObjectLayout(object.bytes, symbolBytesOf(datagramBytes), sourceSymbols);
    firstBlock.push(symbols.length);
    for (let block = 0; block < layout.blockCount; block++) symbols.push(layout.sourceSymbols(block));
  }
  const pass = new StudyPass(objects, orderOnly);
  const datagram = new Uint8Array(datagramBytes);
  const order: number[] = [];
  while (pass.next(datagram)) {
    const first = firstBlock[readUint32(datagram, at.objectId)];
    assert(first !== undefined, 'every object id is a number given here');
    order.push(first + readUint32(datagram, at.blockNumber));
  }
  const blockOf = Uint32Array.from(order);
  const spare = new Uint16Array(symbols.length);
  for (const block of blockOf) spare[block] = (spare[block] ?? 0) + 1;
  for (const [block, k] of symbols.entries()) spare[block] = (spare[block] ?? 0) - k;
  return { blockOf, spare, full: fullPart(blockOf, symbols.length) };
}

/**
 * From the first moment with as many open blocks as there ever are to the last one. Of small blocks more are open.
 */
function fullPart(blockOf: Uint32Array, blocks: number): RecordedPass['full'] {
  const last = new Uint32Array(blocks);
  for (const [position, block] of blockOf.entries()) last[block] = position;
  const seen = new Uint8Array(blocks);
  let open = 0;
  let full = { openBlocks: 0, from: 0, to: 0 };
  for (const [position, block] of blockOf.entries()) {
    if (seen[block] === 0) {
      seen[block] = 1;
      open += 1;
      if (open > full.openBlocks) full = { openBlocks: open, from: position, to: position };
      else if (open === full.openBlocks) full.to = position;
    }
    if (last[block] === position) open -= 1;
  }
  return full;
}

/** Encodes nothing: the order of a pass does not depend on it. */
const orderOnly: ErasureCode = {
  name: 'reference',
  memory: undefined,
  allocate: (byteLength) => new Uint8Array(byteLength),
  encode: () => {},
  reconstruct: () => {},
};

function numbered(number: number): Uint8Array {
  const id = Buffer.alloc(16);
  id.writeUInt32BE(number);
  return id;
}

function planned(
  plan: ReturnType<typeof objectPlanner>,
  read: StudyObject['read'],
  bytes: number,
): Uint8Array {
  const sha256 = sha256Of(read(0, bytes));
  return Buffer.from(plan(objectType.instance, sha256, bytes).objectId, 'hex');
}

/** Of a plausible size; what it lists is nothing here. */
function manifestOf(count: number, bytes: number): Uint8Array {
  const entries = Array.from({ length: count }, (_, number) => ({
    sopInstanceUid: `2.25.3${String(number).padStart(38, '0')}`,
    seriesUid: '2.25.2',
    objectId: '00'.repeat(16),
    bytes,
    sha256: '00'.repeat(32),
  }));
  return encodeManifest({
    senderId: Buffer.from(studyIdentity.senderId).toString('hex'),
    studyNumber: 1,
    revision: 1,
    closedBecause: closeReason.quiet,
    priority: priority.routine,
    closedAtMs: 0,
    studyUid: '2.25.1',
    entries,
  });
}

function sha256Of(bytes: Uint8Array): Uint8Array {
  return createHash('sha256').update(bytes).digest();
}
