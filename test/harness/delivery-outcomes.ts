/** Delivers for a test, and puts the results beside the files. */
import { expect } from 'vitest';
import { deliverInstances } from '../../receiver/deliver/deliver.ts';
import type { DeliveryResult } from '../../receiver/deliver/delivery-result.ts';
import type { Destination } from '../../receiver/deliver/destination.ts';
import type { InstanceFile } from '../../receiver/deliver/instance-file.ts';
import type { RunOptions } from '../../receiver/deliver/losses.ts';

export async function collectDelivery(
  destination: Destination,
  files: readonly InstanceFile[],
  options: RunOptions = {},
): Promise<DeliveryResult[]> {
  const results: DeliveryResult[] = [];
  for await (const result of deliverInstances(destination, files, options)) results.push(result);
  return results;
}

/** The outcome of each file and why, in the order of the files. Fails unless each has one result. */
export function outcomesOf(files: readonly InstanceFile[], results: readonly DeliveryResult[]): string[] {
  const paths = (list: readonly InstanceFile[]) => list.map(({ path }) => path).sort();
  expect(paths(results.map(({ file }) => file))).toEqual(paths(files));
  return files.map((file) => {
    const found = results.find((result) => result.file === file);
    return found?.code === undefined ? `${found?.outcome}` : `${found.outcome} ${found.code}`;
  });
}
