/**
 * The delivering thread: talks to each destination separately, so that neither the network nor the reading of large files
 * gets in the way of receiving. It does not touch the ledger: rounds come in, results go out.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { present } from '../../shared/assert.ts';
import { DiodeError } from '../../shared/errors.ts';
import type { DestinationSettings } from '../destination-settings.ts';
import { deliverInstances } from './deliver.ts';
import type { CourierItem } from './delivery.ts';
import type { DeliveryAnswer } from './delivery-queue.ts';
import type { Destination } from './destination.ts';
import { describeInstanceFile, type InstanceFile } from './instance-file.ts';
import { resolveDestination } from './resolve-destination.ts';

export interface DeliveryThreadData {
  readonly destinations: readonly DestinationSettings[];
}

export type DeliveryThreadOrder =
  | { readonly kind: 'round'; readonly destination: string; readonly items: readonly CourierItem[] }
  /** After the current instances. */
  | { readonly kind: 'stop' };

export type DeliveryThreadMessage =
  | {
      readonly kind: 'reported';
      readonly destination: string;
      readonly objectId: string;
      readonly answer: DeliveryAnswer;
    }
  | { readonly kind: 'ended'; readonly destination: string }
  | { readonly kind: 'stopped' };

const port = present(parentPort, 'this file runs as a worker');
const { destinations }: DeliveryThreadData = workerData;
const byName = new Map(destinations.map((settings) => [settings.name, settings]));
const stopping = new AbortController();
const rounds = new Set<Promise<void>>();
const tell = (message: DeliveryThreadMessage) => port.postMessage(message);

port.on('message', (order: DeliveryThreadOrder) => {
  if (order.kind === 'stop') {
    stopping.abort();
    Promise.all(rounds).then(() => tell({ kind: 'stopped' }));
    return;
  }
  const round = deliver(order.destination, order.items).finally(() => rounds.delete(round));
  rounds.add(round);
});

async function deliver(name: string, items: readonly CourierItem[]): Promise<void> {
  const report = (objectId: string, answer: DeliveryAnswer) =>
    tell({ kind: 'reported', destination: name, objectId, answer });
  const destination = resolved(present(byName.get(name), 'a destination of the configuration'));
  if (destination instanceof DiodeError) {
    const { code, message } = destination;
    for (const { objectId } of items) report(objectId, { outcome: 'untried', code, comment: message });
  } else {
    const itemOf = new Map<InstanceFile, CourierItem>();
    for (const item of items) {
      const { objectId } = item;
      const file = await described(item);
      if (file instanceof DiodeError) report(objectId, withoutFile(file));
      else itemOf.set(file, item);
    }
    const { signal } = stopping;
    const left = new Set([...itemOf.values()].map(({ objectId }) => objectId));
    const senderOf = (file: InstanceFile) => itemOf.get(file)?.group ?? '';
    try {
      const results = deliverInstances(destination, [...itemOf.keys()], { signal, senderOf });
      for await (const { file, ...answer } of results) {
        const { objectId } = present(itemOf.get(file), 'a result is of a file of the round');
        left.delete(objectId);
        report(objectId, answer);
      }
    } catch {
      // A defect that an instance or a peer can trigger costs a round, not the program.
      for (const objectId of left) report(objectId, { outcome: 'failed', code: 'E_INTERNAL' });
    }
  }
  tell({ kind: 'ended', destination: name });
}

function resolved(settings: DestinationSettings): Destination | DiodeError {
  try {
    return resolveDestination(settings);
  } catch (error) {
    if (error instanceof DiodeError) return error;
    throw error;
  }
}

/** A file that can't be read affects only itself. */
async function described(item: CourierItem): Promise<InstanceFile | DiodeError> {
  try {
    return await describeInstanceFile(item.path, item);
  } catch (error) {
    return error instanceof DiodeError ? error : new DiodeError('E_INTERNAL', undefined, { cause: error });
  }
}

/** A disk may work again, and a file may come again; what a file says about itself does not change. */
function withoutFile({ code, message }: DiodeError): DeliveryAnswer {
  const mayWork = code === 'E_FILE_READ' || code === 'E_VAULT_DAMAGED';
  return { outcome: mayWork ? 'failed' : 'refused', code, comment: message };
}
