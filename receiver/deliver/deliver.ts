/** Delivery to a destination of any kind, and the test of one: what the wiring needs from this folder. */
import { DiodeError, type ErrorCode } from '../../shared/errors.ts';
import type { DeliveryResult } from './delivery-result.ts';
import { type DestinationOf, destinationKinds, type KindOfDestination } from './destination-kinds.ts';
import type { InstanceFile } from './instance-file.ts';
import type { RunOptions } from './losses.ts';

/** Sends instances; one result for each, as they come. Never throws for what a destination or a file does. */
export function deliverInstances<Some extends KindOfDestination>(
  destination: DestinationOf<Some>,
  files: readonly InstanceFile[],
  options: RunOptions = {},
): AsyncGenerator<DeliveryResult> {
  return destinationKinds[destination.kind].deliver(destination, files, options);
}

export interface DestinationReport {
  readonly name: string;
  readonly works: boolean;
  /** What was found, as a sentence for the operator. */
  readonly found: string;
  readonly code?: ErrorCode;
}

/** For `destinations test`. */
export async function testDestination<Some extends KindOfDestination>(
  destination: DestinationOf<Some>,
): Promise<DestinationReport> {
  const { name } = destination;
  try {
    return { name, works: true, found: await destinationKinds[destination.kind].test(destination) };
  } catch (error) {
    if (!(error instanceof DiodeError)) throw error;
    return { name, works: false, found: error.message, code: error.code };
  }
}
