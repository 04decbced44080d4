/** Where the receiver keeps what the command line reads too. */
import { dirname, join } from 'node:path';
import type { ReceiverConfiguration } from './configuration.ts';

export function ledgerPath(configuration: ReceiverConfiguration): string {
  return join(configuration['vault.folder'], 'ledger.sqlite');
}

export function snapshotPath(configuration: ReceiverConfiguration): string {
  return join(configuration['vault.folder'], 'status.json');
}

export function partialFolderOf(configuration: ReceiverConfiguration): string {
  return configuration['inbox.partialFolder'] ?? join(dirname(configuration['inbox.folder']), 'partial');
}
