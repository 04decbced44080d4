/**
 * The receiving thread: takes datagrams from the socket, admits them, hands them over in the ring. Nothing
 * else runs here, so a slow disk never fills the socket's buffer. When the ring is full, datagrams are
 * dropped and counted: the cause is then this host's disk or processor, not the link.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { present } from '../../shared/assert.ts';
import { DiodeError, type ErrorCode } from '../../shared/errors.ts';
import { hostFiles, interfaceOf } from '../../shared/host-network.ts';
import type { Binding } from '../../shared/kernel-socket.ts';
import { type RingDescription, RingWriter } from '../../shared/ring.ts';
import { Admission } from './admission.ts';
import { ReceiverLink, type ReceiverLinkOptions } from './link.ts';
import { RingSink } from './ring-sink.ts';

export interface LinkThreadData {
  readonly ring: RingDescription;
  readonly link: ReceiverLinkOptions;
  readonly secrets: ReadonlyMap<number, Uint8Array>;
}

export interface LinkThreadCounters {
  readonly admitted: number;
  readonly refused: Readonly<Record<string, number>>;
  /** Dropped because the ring was full. */
  readonly ringDrops: number;
  /** Whether the socket is bound to the link's interface; `unbound`: other networks reach it as well. */
  readonly binding: Binding;
}

/** What the thread tells: it is open, its counters each second, that datagrams wait, or that it failed. */
export type LinkThreadMessage =
  | { readonly kind: 'open'; readonly port: number; readonly receiveBufferBytes: number }
  | { readonly kind: 'counters'; readonly counters: LinkThreadCounters }
  | { readonly kind: 'wake' }
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly detail: string };

/** What it is told: the key ring from now on. */
export interface LinkThreadOrder {
  readonly secrets: ReadonlyMap<number, Uint8Array>;
}

const countersMs = 250;
const watchMs = 1000;

const port = present(parentPort, 'this file runs as a worker');
const { ring, link, secrets }: LinkThreadData = workerData;
const tell = (message: LinkThreadMessage) => port.postMessage(message);
const writer = new RingWriter(ring, () => tell({ kind: 'wake' }));
const admission = new Admission(ring.datagramBytes, secrets, ring.memory);
const sink = new RingSink(writer, admission);

/** The main thread sends the key ring when it has been read again. */
port.on('message', (message: LinkThreadOrder) => admission.useSecrets(message.secrets));

let isBroken = false;

const openLink = () => {
  isBroken = false;
  const name = link.interface ?? interfaceOf(hostFiles, link.address);
  return ReceiverLink.open({ ...link, interface: name }, sink, () => {
    isBroken = true;
  });
};

/**
 * Sees to it that the socket works and is bound to the interface that is there now: one that was not known at the start,
 * or was taken away and came again (a driver that was loaded anew), which is another one to the kernel.
 */
async function keptBound(open: ReceiverLink): Promise<ReceiverLink> {
  const name = link.interface ?? interfaceOf(hostFiles, link.address);
  if (open.binding === 'unbound' && name !== undefined) open.bindTo(name);
  if (open.binding !== 'gone' && !isBroken) return open;
  await open.close();
  for (;;) {
    try {
      return await openLink();
    } catch (error) {
      // The address comes with the interface.
      if (!(error instanceof DiodeError)) throw error;
      await sleep(watchMs);
    }
  }
}

function countersOf({ binding }: ReceiverLink): LinkThreadCounters {
  return {
    admitted: admission.admitted,
    refused: { ...admission.refused },
    ringDrops: sink.ringDrops,
    binding,
  };
}

async function keepBound(first: ReceiverLink): Promise<never> {
  let open = first;
  setInterval(() => tell({ kind: 'counters', counters: countersOf(open) }), countersMs);
  for (;;) {
    await sleep(watchMs);
    open = await keptBound(open);
  }
}

try {
  const open = await openLink();
  tell({ kind: 'counters', counters: countersOf(open) });
  tell({ kind: 'open', port: open.port, receiveBufferBytes: open.receiveBufferBytes });
  void keepBound(open);
} catch (error) {
  if (!(error instanceof DiodeError)) throw error;
  tell({ kind: 'failed', code: error.code, detail: error.message });
}
