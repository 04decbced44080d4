/**
 * The sender's data plane: a thread that encodes and one that paces and sends, with the ring between them. Orders go in,
 * ends of passes come out.
 */
import { MessageChannel } from 'node:worker_threads';
import { DiodeError, type ErrorCode } from '../shared/errors.ts';
import type { Binding } from '../shared/kernel-socket.ts';
import type { Log } from '../shared/log.ts';
import { createRing } from '../shared/ring.ts';
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
  const { parameters } = identity;
  const beforeRing = memoryBeforeRing(parameters, configuration['code.openBlocks']);
  const rate = configuration['link.rateMegabitsPerSecond'];
  const slots = Math.ceil(ringMs / wireTimeMs(parameters.datagramBytes, rate));
  const slotsMin = Math.max(64, 2 * configuration['link.burstDatagrams']);
  const ring = createRing(
    parameters.datagramBytes,
    Math.max(slotsMin, Math.min(slots, ringSlotsMax)),
    beforeRing,
  );
  const between = new MessageChannel();
  const opened = deferred<void>();
  const ready = deferred<string>();
  let datagrams = 0;
  let binding: Binding = 'gone';
  let onEnded: (ends: readonly TransmitEnd[]) => void = () => {};
  let onRefused: (code: ErrorCode, detail: string) => void = () => {};
  const linkThread = startThread<LinkThreadMessage>({
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
      rateMegabitsPerSecond: rate,
      burstDatagrams: configuration['link.burstDatagrams'],
      encodePort: between.port1,
    } satisfies LinkThreadData,
    transfer: [between.port1],
    onMessage: (message) => {
      if (message.kind === 'counters') ({ datagrams, binding } = message);
      else if (message.kind === 'open') opened.resolve();
      else if (message.fatal) opened.reject(new DiodeError(message.code, message.detail));
      else {
        // What keeps it from opening may pass: files are taken in meanwhile, and wait.
        opened.resolve();
        onRefused(message.code, message.detail);
      }
    },
    die,
  });
  await opened.promise;
  const encodeThread = startThread<EncodeThreadMessage>({
    file: new URL('./dispatch/encode-thread.js', import.meta.url),
    workerData: {
      ring,
      identity,
      session,
      openBlocks: configuration['code.openBlocks'],
      engine: configuration['code.engine'],
      linkPort: between.port2,
    } satisfies EncodeThreadData,
    transfer: [between.port2],
    onMessage: (message) => {
      if (message.kind === 'ready') ready.resolve(message.engine);
      else onEnded(message.ends);
    },
    die,
  });
  const engine = await ready.promise;
  log.debug('link open', { engine });
  return {
    engine,
    datagrams: () => datagrams,
    binding: () => binding,
    send: (orders: readonly TransmitOrder[]) => encodeThread.postMessage(orders),
    order: (order: LinkThreadOrder) => linkThread.postMessage(order),
    onRefused: (listener: (code: ErrorCode, detail: string) => void) => {
      onRefused = listener;
    },
    onEnded: (listener: (ends: readonly TransmitEnd[]) => void) => {
      onEnded = listener;
    },
    stop: async () => {
      await stopThread(encodeThread);
      await stopThread(linkThread);
    },
  };
}
