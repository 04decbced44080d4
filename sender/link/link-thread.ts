/**
 * The pacing thread: takes datagrams from the ring and hands them to the link when their time has come. It
 * never waits for anything except time and the kernel.
 */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { present } from '../../shared/assert.ts';
import { DiodeError, type ErrorCode } from '../../shared/errors.ts';
import { hostFiles } from '../../shared/host-network.ts';
import type { Binding } from '../../shared/kernel-socket.ts';
import { type RingDescription, RingReader } from '../../shared/ring.ts';
import { sleepThread } from '../../shared/thread-sleep.ts';
import { SenderLink, type SenderLinkOptions } from './link.ts';
import { linkInterface } from './link-health.ts';
import { Pacer } from './pace.ts';

export interface LinkThreadData {
  readonly ring: RingDescription;
  readonly link: SenderLinkOptions;
  readonly rateMegabitsPerSecond: number;
  readonly burstDatagrams: number;
  readonly encodePort: MessagePort;
}

export type LinkThreadMessage =
  | { readonly kind: 'open'; readonly segments: number }
  | {
      readonly kind: 'counters';
      readonly datagrams: number;
      /** Whether the socket is bound to the link's interface; `gone`: it does not exist yet, or no longer. */
      readonly binding: Binding;
    }
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly detail: string; readonly fatal: boolean };

/** What it is told: whether to stop what is in the ring, and how many datagrams leave nevertheless. */
export interface LinkThreadOrder {
  readonly isStopped: boolean;
  readonly probes: number;
}

const port = present(parentPort, 'this file runs as a worker');
const data: LinkThreadData = workerData;
const tell = (message: LinkThreadMessage) => port.postMessage(message);
const reader = new RingReader(data.ring, () => data.encodePort.postMessage('wake'));
const pacer = new Pacer(data.ring.datagramBytes, data.rateMegabitsPerSecond, data.burstDatagrams);
/** The shortest wait of a timer. For less, the thread itself sleeps, and the event loop with it. */
const timerMs = 1;
/** How long the kernel is left alone when it had no room. */
const backOffMs = 1;
const stoppedSleepMs = 20;
/** Between two attempts to open the link. */
const openAgainMs = 1000;

/** Handed to the kernel, but perhaps not taken by it yet: their slots are still in use. */
let given = 0;
let datagrams = 0;
let isStopped = false;
let probes = 0;
let asleep = true;
/** Its interface was removed, and may have returned as a new one for the kernel: a new socket is needed. */
let isLost = false;

function turn(link: SenderLink): void {
  if (isLost && link.idle) {
    reader.consume(given);
    given = 0;
    void openAgain(link).then(turn);
    return;
  }
  if (link.hasRefused) {
    setTimeout(() => {
      link.sendRefused();
      setImmediate(turn, link);
    }, backOffMs);
    return;
  }
  if (given > 0 && link.idle) {
    reader.consume(given);
    given = 0;
  }
  const failure = link.takeFailure();
  if (failure !== undefined)
    tell({ kind: 'failed', code: failure.code, detail: failure.message, fatal: false });
  const waiting = reader.available - given;
  if (waiting === 0 && given === 0 && reader.sleep()) {
    asleep = true;
    return;
  }
  const mayLeave = isStopped ? probes : data.burstDatagrams;
  if (mayLeave === 0 || waiting === 0 || !link.ready) {
    setTimeout(turn, mayLeave === 0 ? stoppedSleepMs : timerMs, link);
    return;
  }
  const now = performance.now();
  // A whole burst at a time: the cost of a send hardly depends on how many datagrams it contains.
  const wanted = Math.min(waiting, mayLeave, data.burstDatagrams);
  const count = Math.min(wanted, pacer.allowance(now));
  if (count < wanted) {
    const waitMs = pacer.waitMs(wanted, now);
    if (waitMs >= timerMs) {
      setTimeout(turn, waitMs, link);
      return;
    }
    sleepThread(waitMs);
    setImmediate(turn, link);
    return;
  }
  if (isStopped) probes -= count;
  for (let sent = 0; sent < count; ) {
    const region = reader.region(given + sent, Math.min(count - sent, link.segments));
    link.send(region);
    sent += region.length / data.ring.datagramBytes;
  }
  given += count;
  datagrams += count;
  pacer.spend(count, now);
  setImmediate(turn, link);
}

/** While the link's interface is off there is no route to the receiver: we wait instead of failing. */
async function openWhenPossible(): Promise<SenderLink> {
  for (;;) {
    try {
      const name = linkInterface(hostFiles, data.link);
      return await SenderLink.open({ ...data.link, interface: name });
    } catch (error) {
      if (!(error instanceof DiodeError) || error.code !== 'E_LINK_SEND') throw error;
      tell({ kind: 'failed', code: error.code, detail: error.message, fatal: false });
      await new Promise((resolve) => setTimeout(resolve, openAgainMs));
    }
  }
}

let open: SenderLink | undefined;

async function openAgain(link: SenderLink): Promise<SenderLink> {
  link.close();
  open = undefined;
  open = await openWhenPossible();
  isLost = false;
  return open;
}

function lookAtBinding(): void {
  const binding = open?.binding ?? 'gone';
  if (binding === 'gone' && open !== undefined) isLost = true;
  tell({ kind: 'counters', datagrams, binding });
}

port.on('message', (order: LinkThreadOrder) => ({ isStopped, probes } = order));
try {
  open = await openWhenPossible();
  const wake = () => {
    if (!asleep || open === undefined) return;
    asleep = false;
    turn(open);
  };
  data.encodePort.on('message', wake);
  setInterval(lookAtBinding, 250);
  lookAtBinding();
  tell({ kind: 'open', segments: open.segments });
  wake();
} catch (error) {
  if (!(error instanceof DiodeError)) throw error;
  tell({ kind: 'failed', code: error.code, detail: error.message, fatal: true });
}
