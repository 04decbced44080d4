/**
 * The receiving thread: takes datagrams from the socket, admits them, hands them over in the ring. Nothing
 * else runs here, so a slow disk never fills the socket's buffer. When the ring is full, datagrams are
 * dropped and counted: the cause is then this host's disk or processor, not the link.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { present } from '../../shared/assert.ts';
import { DiodeError, type ErrorCode } from '../../shared/errors.ts';
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

const port = present(parentPort, 'this file runs as a worker');
const { ring, link, secrets }: LinkThreadData = workerData;
const tell = (message: LinkThreadMessage) => port.postMessage(message);
const writer = new RingWriter(ring, () => tell({ kind: 'wake' }));
const admission = new Admission(ring.datagramBytes, secrets, ring.memory);
const sink = new RingSink(writer, admission);

/** The main thread sends the key ring when it has been read again. */
port.on('message', (message: LinkThreadOrder) => admission.useSecrets(message.secrets));

function fail(error: DiodeError): void {
  tell({ kind: 'failed', code: error.code, detail: error.message });
}

try {
  const open = await ReceiverLink.open(link, sink, fail);
  tell({ kind: 'open', port: open.port, receiveBufferBytes: open.receiveBufferBytes });
  setInterval(() => {
    tell({
      kind: 'counters',
      counters: {
        admitted: admission.admitted,
        refused: { ...admission.refused },
        ringDrops: sink.ringDrops,
      },
    });
  }, 250);
} catch (error) {
  if (!(error instanceof DiodeError)) throw error;
  fail(error);
}
