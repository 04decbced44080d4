/** `diode-receiver verify`: reads the whole vault again; files that differ from the ledger are collected again. */

import { join } from 'node:path';
import type { Command } from 'commander';
import {
  ask,
  configurationOf,
  type GlobalOptions,
  print,
  readSnapshot,
  snapshotFreshMs,
} from '../../shared/console/command-line.ts';
import { bytesText, countText } from '../../shared/console/quantities.ts';
import { table } from '../../shared/console/table.ts';
import { DiodeError } from '../../shared/errors.ts';
import { type KeptFile, verifyFiles } from '../../shared/verify.ts';
import { type ReceiverConfiguration, receiverSettings } from '../configuration.ts';
import type { ReceiverLedger } from '../ledger/ledger.ts';
import { snapshotPath } from '../places.ts';
import type { ReceiverStatus } from '../status.ts';

/** Asks the running program to collect an object again. */
export const damagedVerb = 'damaged';

const page = 1000;

interface VaultFile extends KeptFile {
  readonly studyUid: string;
}

type WithLedger = <T>(
  values: ReceiverConfiguration,
  act: (ledger: ReceiverLedger) => T | Promise<T>,
) => Promise<T>;

export function addVerifyCommand(program: Command, withLedger: WithLedger): void {
  program
    .command('verify')
    .description(
      'read the whole vault again and compare it with the ledger; files that differ are collected again',
    )
    .action(async (_options, command: Command) => {
      const { values } = configurationOf(command, receiverSettings);
      const { json } = command.optsWithGlobals<GlobalOptions>();
      await withLedger(values, async (ledger) => {
        const folder = values['vault.folder'];
        const result = verifyFiles(
          keptFiles(ledger, folder),
          ledger.files.count(),
          ({ objectId }) => ledger.files.stateOf(objectId) === 'there',
        );
        const different = result.different.map(({ file, difference }) => ({
          objectId: file.objectId,
          studyUid: file.studyUid,
          difference,
        }));
        for (const { objectId } of different) await collectAgain(ledger, values, objectId);
        const summary = `${countText(result.files, 'file')}, ${bytesText(result.bytes)} read; ${countText(different.length, 'difference')}`;
        if (json) print(JSON.stringify({ files: result.files, bytes: result.bytes, different }));
        else {
          if (different.length > 0)
            print(
              table(
                ['object', 'study', 'what differs'],
                different.map((row) => [row.objectId, row.studyUid, row.difference]),
              ),
            );
          print(different.length > 0 ? `${summary}; the damaged files are collected again` : summary);
        }
        if (different.length > 0) throw new DiodeError('E_VERIFY', summary);
      });
    });
}

/** What should be in the vault, in the order it came. */
function* keptFiles(ledger: ReceiverLedger, folder: string): Generator<VaultFile> {
  let after = 0;
  for (;;) {
    const files = ledger.files.after(after, page);
    for (const { arrival, objectId, studyUid, bytes, sha256 } of files) {
      after = arrival;
      yield { objectId, studyUid, bytes, sha256, path: join(folder, 'objects', objectId) };
    }
    if (files.length < page) return;
  }
}

/** The running program does it at once; otherwise it is done at the next start. */
async function collectAgain(
  ledger: ReceiverLedger,
  values: ReceiverConfiguration,
  objectId: string,
): Promise<void> {
  const snapshot = readSnapshot<ReceiverStatus>(snapshotPath(values));
  const running = snapshot !== undefined && Date.now() - snapshot.atMs < snapshotFreshMs;
  if (running) await ask(ledger.mailbox, damagedVerb, { objectId });
  else ledger.mailbox.ask(damagedVerb, { objectId });
}
