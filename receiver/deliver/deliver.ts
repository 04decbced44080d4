/** Delivery to a destination of either kind, and the test of one: what the wiring needs of this folder. */
import { DiodeError, type ErrorCode } from '../../shared/errors.ts';
import { storeInstances, verify } from './c-store-scu.ts';
import type { DeliveryResult } from './delivery-result.ts';
import type { Destination } from './destination.ts';
import type { InstanceFile } from './instance-file.ts';
import type { RunOptions } from './losses.ts';
import { storeOverWeb, verifyWeb } from './stow-rs.ts';

/** Sends instances; one result for each, as they come. Never throws for what a destination or a file does. */
export function deliverInstances(
  destination: Destination,
  files: readonly InstanceFile[],
  options: RunOptions = {},
): AsyncGenerator<DeliveryResult> {
  return destination.kind === 'dicom'
    ? storeInstances(destination, files, options)
    : storeOverWeb(destination, files, options);
}

export interface DestinationReport {
  readonly name: string;
  readonly works: boolean;
  /** What was found, as a sentence for the operator. */
  readonly found: string;
  readonly code?: ErrorCode;
}

/** C-ECHO, or an HTTP request: for `destinations test`. */
export async function testDestination(destination: Destination): Promise<DestinationReport> {
  const { name } = destination;
  try {
    const answer = destination.kind === 'dicom' ? await verify(destination) : await verifyWeb(destination);
    const how = destination.kind === 'dicom' ? 'C-ECHO was answered by' : 'the service answered';
    return { name, works: true, found: `${how} ${answer}` };
  } catch (error) {
    if (!(error instanceof DiodeError)) throw error;
    return { name, works: false, found: error.message, code: error.code };
  }
}
