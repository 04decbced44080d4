/** Where the sender keeps what the command line reads too. */
import { join } from 'node:path';
import type { SenderConfiguration } from './configuration.ts';

/** What was taken in, with what the program knows of it. */
export function spoolFolderOf(configuration: SenderConfiguration): string {
  return configuration['spool.folder'];
}

export function ledgerPath(configuration: SenderConfiguration): string {
  return join(spoolFolderOf(configuration), 'ledger.sqlite');
}

/** What is asked of the running program: see requests.ts. */
export function requestsPath(configuration: SenderConfiguration): string {
  return join(spoolFolderOf(configuration), 'requests.sqlite');
}

export function snapshotPath(configuration: SenderConfiguration): string {
  return join(spoolFolderOf(configuration), 'status.json');
}
