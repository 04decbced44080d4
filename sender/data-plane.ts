/**
 * The sender's data plane: a thread that encodes and one that paces and sends, with the ring between them. Orders go in,
 * ends of passes come out.
 */
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { DiodeError, type ErrorCode } from '../shared/errors.ts';
import type { Binding } from '../shared/kernel-socket.ts';
import type { Log } from '../shared/log.ts';
import { createRing, type RingDescription } from '../shared/ring.ts';
import { type Die, deferred, startThread, stopThread } from '../shared/supervision.ts';
import { wireTimeMs } from '../shared/wire/wire-time.ts';
import type { SenderConfiguration } from './configuration.ts';
import type { EncodeThreadData, EncodeThreadMessage } from './dispatch/encode-thread.ts';
import { memoryBeforeRing } from './encode/slot-memory.ts';
import type { TransmitEnd, TransmitOrder } from './encode/transmitter.ts';
import type { SenderIdentity, Session } from './identity.ts';
import type { LinkThreadData, LinkThreadMessage, LinkThreadOrder } from './link/link-thread.ts';

/** Between encoder and link: what STAT has to wait for is twice this at most, whatever the rate. */
const ringMs = 20;
const ringSlotsMax = 2048;

/** Starts both threads. @throws DiodeError what keeps the link from ever opening */
export async function startDataPlane(
  configuration: SenderConfiguration,
  identity: SenderIdentity,
  session: Session,
  log: Log,
  die: Die,
) {
  const ring = ringBetween(configuration, identity);
  const between = new MessageChannel();
  const link = startLinkThread(configuration, identity, { ring, encodePort: between.port1, die });
  await link.opened;
  const encoder = startEncodeThread({
    ring,
    identity,
    session,
    openBlocks: configuration['code.openBlocks'],
    engine: configuration['code.engine'],
    linkPort: between.port2,
    die,
  });
  const engine = await encoder.ready;
  log.debug('link open', { engine });
  return {
    engine,
    datagrams: () => link.told.datagrams,
    binding: () => link.told.binding,
    send: (orders: readonly TransmitOrder[]) => encoder.thread.postMessage(orders),
    order: (order: LinkThreadOrder) => link.thread.postMessage(order),
    onRefused: (listener: (code: ErrorCode, detail: string) => void) => {
      link.told.onRefused = listener;
    },
    onEnded: (listener: (ends: readonly TransmitEnd[]) => void) => {
      encoder.told.onEnded = listener;
    },
    stop: async () => {
      await stopThread(encoder.thread);
      await stopThread(link.thread);
    },
  };
}

function ringBetween(configuration: SenderConfiguration, { parameters }: SenderIdentity): RingDescription {
  const { datagramBytes } = parameters;
  const rate = configuration['link.rateMegabitsPerSecond'];
  const slots = Math.ceil(ringMs / wireTimeMs(datagramBytes, rate));
  const slotsMin = Math.max(64, 2 * configuration['link.burstDatagrams']);
  return createRing(
    datagramBytes,
    Math.max(slotsMin, Math.min(slots, ringSlotsMax)),
    memoryBeforeRing(parameters, configuration['code.openBlocks']),
  );
}

/** What the link told last, and who hears of what it refuses. */
interface LinkTold {
  datagrams: number;
  binding: Binding;
  onRefused: (code: ErrorCode, detail: string) => void;
}

function startLinkThread(
  configuration: SenderConfiguration,
  identity: SenderIdentity,
  { ring, encodePort, die }: { ring: RingDescription; encodePort: MessagePort; die: Die },
) {
  const opened = deferred<void>();
  const told: LinkTold = { datagrams: 0, binding: 'gone', onRefused: () => {} };
  const thread = startThread<LinkThreadMessage>({
    file: new URL('./link/link-thread.js', import.meta.url),
    workerData: {
      ring,
      link: {
        address: configuration['link.address'],
        port: configuration['link.port'],
        sourceAddress: configuration['link.sourceAddress'],
        interface: configuration['link.interface'],
        sendBufferBytes: configuration['link.sendBufferBytes'],
        datagramBytes: identity.parameters.datagramBytes,
      },
      rateMegabitsPerSecond: configuration['link.rateMegabitsPerSecond'],
      burstDatagrams: configuration['link.burstDatagrams'],
      encodePort,
    } satisfies LinkThreadData,
    transfer: [encodePort],
    onMessage: (message) => {
      if (message.kind === 'counters') ({ datagrams: told.datagrams, binding: told.binding } = message);
      else if (message.kind === 'open') opened.resolve();
      else if (message.fatal) opened.reject(new DiodeError(message.code, message.detail));
      else {
        // What keeps it from opening may pass: files are taken in meanwhile, and wait.
        opened.resolve();
        told.onRefused(message.code, message.detail);
      }
    },
    die,
  });
  return { thread, told, opened: opened.promise };
}

function startEncodeThread({ die, ...data }: EncodeThreadData & { readonly die: Die }) {
  const ready = deferred<string>();
  const told: { onEnded: (ends: readonly TransmitEnd[]) => void } = { onEnded: () => {} };
  const thread = startThread<EncodeThreadMessage>({
    file: new URL('./dispatch/encode-thread.js', import.meta.url),
    workerData: data,
    transfer: [data.linkPort],
    onMessage: (message) => {
      if (message.kind === 'ready') ready.resolve(message.engine);
      else told.onEnded(message.ends);
    },
    die,
  });
  return { thread, told, ready: ready.promise };
}
