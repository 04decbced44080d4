/**
 * The receiving end of the link as the program sees it: a thread that takes datagrams from the socket and admits them, and
 * the ring in which they wait for the thread that assembles.
 */
import { DiodeError } from '../../shared/errors.ts';
import { createRing, RingReader } from '../../shared/ring.ts';
import { type Die, deferred, startThread, stopThread } from '../../shared/supervision.ts';
import type { ReceiverLinkOptions } from './link.ts';
import type {
  LinkThreadCounters,
  LinkThreadData,
  LinkThreadMessage,
  LinkThreadOrder,
} from './link-thread.ts';

export interface OpenedLink {
  readonly port: number;
  /** What the kernel gave of the socket buffer that was asked for. */
  readonly receiveBufferBytes: number;
}

export interface ReceivingEnd {
  readonly datagramBytes: number;
  readonly slots: number;
  /** Admitted datagrams that wait. */
  readonly available: number;
  /** What was admitted, refused and dropped so far. */
  readonly counters: LinkThreadCounters;
  /** Once it is open. @throws DiodeError what keeps it from opening */
  opened(): OpenedLink | Promise<OpenedLink>;
  /** Hands over the next `count` datagrams that wait, several one behind the other; they are valid until it returns. */
  take(count: number, visit: (datagrams: Uint8Array) => void): void;
  /** Asks to be woken when one comes. @returns false when there is one now */
  sleep(): boolean;
  onWake(wake: () => void): void;
  useSecrets(secrets: ReadonlyMap<number, Uint8Array>): void;
  /** Nothing more comes; what waits stays there to be taken. */
  stop(): void | Promise<void>;
}

export interface ReceivingEndOptions {
  readonly link: ReceiverLinkOptions;
  readonly datagramBytes: number;
  /** Of the ring. */
  readonly ringBytes: number;
  readonly secrets: ReadonlyMap<number, Uint8Array>;
}

const nothingYet: LinkThreadCounters = { admitted: 0, refused: {}, ringDrops: 0, binding: 'gone' };

/** The receiving thread of this host, which begins at once. Its death is the program's. */
export function startReceivingEnd(options: ReceivingEndOptions, die: Die): ReceivingEnd {
  const { link, datagramBytes, ringBytes, secrets } = options;
  const ring = createRing(datagramBytes, Math.ceil(ringBytes / datagramBytes));
  const reader = new RingReader(ring, () => {});
  const opened = deferred<OpenedLink>();
  // Who waits for it is told; that nobody does yet is no reason to end the process.
  opened.promise.catch(() => {});
  let counters = nothingYet;
  let wake = () => {};
  const thread = startThread<LinkThreadMessage>({
    file: new URL('./link-thread.js', import.meta.url),
    workerData: { ring, secrets, link } satisfies LinkThreadData,
    onMessage: (message) => {
      if (message.kind === 'wake') wake();
      else if (message.kind === 'counters') counters = message.counters;
      else if (message.kind === 'open') opened.resolve(message);
      else opened.reject(new DiodeError(message.code, message.detail));
    },
    die,
  });
  return {
    datagramBytes,
    slots: ring.slots,
    get available() {
      return reader.available;
    },
    get counters() {
      return counters;
    },
    opened: () => opened.promise,
    take: (count, visit) => reader.take(count, visit),
    sleep: () => reader.sleep(),
    onWake: (listener) => {
      wake = listener;
    },
    useSecrets: (again) => thread.postMessage({ secrets: again } satisfies LinkThreadOrder),
    stop: () => stopThread(thread),
  };
}
