/** `diode-sender verify`: reads the whole spool again; files that differ from the ledger are no longer sent. */
import { join } from 'node:path';
import type { Command } from 'commander';
import { systemClock } from '../../shared/clock.ts';
import { configurationOf, type GlobalOptions, print } from '../../shared/console/command-line.ts';
import { bytesText, countText } from '../../shared/console/quantities.ts';
import { table } from '../../shared/console/table.ts';
import { DiodeError } from '../../shared/errors.ts';
import { type KeptFile, verifyFiles } from '../../shared/verify.ts';
import { type SenderConfiguration, senderSettings } from '../configuration.ts';
import type { SenderLedger } from '../ledger/ledger.ts';
import { spoolFolderOf } from '../places.ts';
import { markUnreadable } from '../spool/unreadable.ts';

const page = 1000;

type WithLedger = <T>(
  values: SenderConfiguration,
  act: (ledger: SenderLedger) => T | Promise<T>,
) => Promise<T>;

export function addVerifyCommand(program: Command, withLedger: WithLedger): void {
  program
    .command('verify')
    .description(
      'read the whole spool again and compare it with the ledger; files that differ are no longer sent',
    )
    .action(async (_options, command: Command) => {
      const { values } = configurationOf(command, senderSettings);
      const { json } = command.optsWithGlobals<GlobalOptions>();
      await withLedger(values, (ledger) => {
        const folder = spoolFolderOf(values);
        const result = verifyFiles(keptFiles(ledger, folder), ledger.instances.count(), ({ objectId }) =>
          ledger.objects.has(objectId),
        );
        const unreadable = ledger.totals.unreadableObjects() + result.different.length;
        for (const { file } of result.different) markUnreadable(ledger, file.objectId, systemClock.wallMs());
        const different = result.different.map(({ file, difference }) => ({
          objectId: file.objectId,
          difference,
        }));
        const summary = `${countText(result.files, 'file')}, ${bytesText(result.bytes)} read; ${countText(different.length, 'difference')}`;
        if (json) print(JSON.stringify({ files: result.files, bytes: result.bytes, different, unreadable }));
        else {
          if (different.length > 0)
            print(
              table(
                ['object', 'what differs'],
                different.map((row) => [row.objectId, row.difference]),
              ),
            );
          print(`${summary}; ${unreadable} cannot be sent`);
        }
        if (unreadable > 0)
          throw new DiodeError('E_VERIFY', `${countText(unreadable, 'instance')} cannot be sent`);
      });
    });
}

/** What should be in the spool, in the order in which it was taken in. */
function* keptFiles(ledger: SenderLedger, folder: string): Generator<KeptFile> {
  let after = 0;
  for (;;) {
    const files = ledger.instances.after(after, page);
    for (const { intake, objectId, bytes, sha256 } of files) {
      after = intake;
      yield { objectId, bytes, sha256, path: join(folder, 'objects', objectId) };
    }
    if (files.length < page) return;
  }
}
