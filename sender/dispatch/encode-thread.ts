/**
 * The encoding thread: orders come in as messages, tagged datagrams go out in the ring. It works whenever the
 * ring has room, and says that a pass ended only after the link thread took its last datagram.
 */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { present } from '../../shared/assert.ts';
import { UsedBuffers } from '../../shared/collector.ts';
import { HeaderTags } from '../../shared/crypto/header-tags.ts';
import { nodeDisk } from '../../shared/disk.ts';
import { createErasureCode, type EngineName } from '../../shared/fec/engine.ts';
import { loadErasureLibrary } from '../../shared/kernel-socket.ts';
import { type RingDescription, RingWriter } from '../../shared/ring.ts';
import { gatheredMax, SlotMemory, slotMemoryBytes } from '../encode/slot-memory.ts';
import { Transmission } from '../encode/transmission.ts';
import { type TransmitEnd, type TransmitOrder, Transmitter } from '../encode/transmitter.ts';
import { type SenderIdentity, type Session, secretsOf } from '../identity.ts';

export interface EncodeThreadData {
  readonly ring: RingDescription;
  readonly identity: SenderIdentity;
  readonly session: Session;
  readonly openBlocks: number;
  readonly engine: EngineName;
  /** To the link thread: wakes it, and is woken by it. */
  readonly linkPort: MessagePort;
}

export type EncodeThreadMessage =
  | { readonly kind: 'ready'; readonly engine: string }
  | { readonly kind: 'ended'; readonly ends: readonly TransmitEnd[] };

/** Room in the ring worth waking up for. */
const wakeRoomMax = 512;
/** Ends of passes are told in groups: each group is one durable step of the ledger. */
const tellEveryMs = 20;

const port = present(parentPort, 'this file runs as a worker');
const { ring, identity, session, openBlocks, engine, linkPort }: EncodeThreadData = workerData;
const code = createErasureCode(
  engine,
  slotMemoryBytes(identity.parameters, openBlocks),
  loadErasureLibrary,
  ring.memory,
);
const wakeRoom = Math.min(wakeRoomMax, ring.slots / 4);
const writer = new RingWriter(ring, () => linkPort.postMessage('wake'));
const memory = new SlotMemory(ring, code);
const tag = new HeaderTags(secretsOf(identity), ring.memory);
/** Each sealed block is one. */
const usedBuffers = new UsedBuffers();
const allocate = (byteLength: number) => memory.allocate(byteLength);
const transmitter = new Transmitter(
  new Transmission({ identity, session, code, tag, openBlocks, allocate }),
  nodeDisk,
);

/** Passes whose last datagram is in the ring at a position, and not yet taken from it. */
const leaving: { readonly position: number; readonly ends: readonly TransmitEnd[] }[] = [];
let scheduled = false;
let isTellingDue = false;

function work(): void {
  scheduled = false;
  const room = Math.min(writer.free, gatheredMax);
  let made = 0;
  while (made < room) {
    const count = transmitter.collect(memory.addresses.subarray(0, room - made));
    if (count === 0) break;
    gather(made, count);
    made += count;
  }
  if (made > 0) {
    writer.publish(made);
    usedBuffers.add(made * ring.datagramBytes);
  }
  const ends = transmitter.takeEnded();
  if (ends.length > 0) leaving.push({ position: writer.published, ends });
  tellLater();
  if (made === gatheredMax || (made === room && !writer.sleep(wakeRoom))) later();
}

/** Brings datagrams into the ring, behind those that are there and not published. */
function gather(made: number, count: number): void {
  for (let done = 0; done < count; ) {
    const region = writer.region(made + done, count - done);
    const some = region.length / ring.datagramBytes;
    const sequence = transmitter.sequence - count + done;
    const these = memory.addresses.subarray(done, done + some);
    tag.gather(these, memory.bytes, region, ring.datagramBytes, sequence);
    done += some;
  }
}

function tellEnded(): void {
  isTellingDue = false;
  const ended: TransmitEnd[] = [];
  for (let first = leaving[0]; first !== undefined; first = leaving[0]) {
    const behind = (writer.consumed - first.position) | 0;
    if (behind < 0) break;
    leaving.shift();
    ended.push(...first.ends);
  }
  if (ended.length > 0) port.postMessage({ kind: 'ended', ends: ended } satisfies EncodeThreadMessage);
  tellLater();
}

function tellLater(): void {
  if (isTellingDue || leaving.length === 0) return;
  isTellingDue = true;
  setTimeout(tellEnded, tellEveryMs);
}

function later(): void {
  if (scheduled) return;
  scheduled = true;
  setImmediate(work);
}

port.on('message', (orders: readonly TransmitOrder[]) => {
  for (const order of orders) transmitter.add(order);
  later();
});
linkPort.on('message', later);
port.postMessage({ kind: 'ready', engine: code.name } satisfies EncodeThreadMessage);
