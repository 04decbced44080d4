/** Where the sender keeps what the command line reads too. */
import { join } from 'node:path';
import type { SenderConfiguration } from './configuration.ts';

export function ledgerPath(configuration: SenderConfiguration): string {
  return join(configuration['spool.folder'], 'ledger.sqlite');
}

/** What is asked of the running program: see requests.ts. */
export function requestsPath(configuration: SenderConfiguration): string {
  return join(configuration['spool.folder'], 'requests.sqlite');
}

export function snapshotPath(configuration: SenderConfiguration): string {
  return join(configuration['spool.folder'], 'status.json');
}
