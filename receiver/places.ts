/** Where the receiver keeps what the command line reads too. */
import { dirname, join } from 'node:path';
import type { ReceiverConfiguration } from './configuration.ts';

/** Every instance, with what the program knows of them. */
export function vaultFolderOf(configuration: ReceiverConfiguration): string {
  return configuration['vault.folder'];
}

export function ledgerPath(configuration: ReceiverConfiguration): string {
  return join(vaultFolderOf(configuration), 'ledger.sqlite');
}

/** What is asked of the running program: see requests.ts. */
export function requestsPath(configuration: ReceiverConfiguration): string {
  return join(vaultFolderOf(configuration), 'requests.sqlite');
}

export function snapshotPath(configuration: ReceiverConfiguration): string {
  return join(vaultFolderOf(configuration), 'status.json');
}

/** Undefined where the inbox is switched off. */
export function inboxFolderOf(configuration: ReceiverConfiguration): string | undefined {
  return configuration['inbox.enabled'] ? configuration['inbox.folder'] : undefined;
}

export function partialFolderOf(configuration: ReceiverConfiguration): string {
  const beside = configuration['inbox.folder'] ?? vaultFolderOf(configuration);
  return configuration['inbox.partialFolder'] ?? join(dirname(beside), 'partial');
}
