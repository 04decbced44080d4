/** Where the receiver keeps what the command line reads too. */
import { dirname, join } from 'node:path';
import type { ReceiverConfiguration } from './configuration.ts';

export function ledgerPath(configuration: ReceiverConfiguration): string {
  return join(configuration['vault.folder'], 'ledger.sqlite');
}

/** What is asked of the running program: see requests.ts. */
export function requestsPath(configuration: ReceiverConfiguration): string {
  return join(configuration['vault.folder'], 'requests.sqlite');
}

export function snapshotPath(configuration: ReceiverConfiguration): string {
  return join(configuration['vault.folder'], 'status.json');
}

/** Undefined where the inbox is switched off. */
export function inboxFolderOf(configuration: ReceiverConfiguration): string | undefined {
  return configuration['inbox.enabled'] ? configuration['inbox.folder'] : undefined;
}

export function partialFolderOf(configuration: ReceiverConfiguration): string {
  const beside = configuration['inbox.folder'] ?? configuration['vault.folder'];
  return configuration['inbox.partialFolder'] ?? join(dirname(beside), 'partial');
}
