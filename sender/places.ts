/** Where the sender keeps what the command line reads too. */
import { join } from 'node:path';
import type { SenderConfiguration } from './configuration.ts';

export function ledgerPath(configuration: SenderConfiguration): string {
  return join(configuration['spool.folder'], 'ledger.sqlite');
}

export function snapshotPath(configuration: SenderConfiguration): string {
  return join(configuration['spool.folder'], 'status.json');
}
