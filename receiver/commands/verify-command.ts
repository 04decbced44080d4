/** `diode-receiver verify`: reads the whole vault again; files that differ from the ledger are collected again. */
import { userInfo } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { type AskedProgram, ask, isRunning, leaveRequest } from '../../shared/console/ask.ts';
import { askedProgram } from '../../shared/console/ask-command.ts';
import { configurationOf, type GlobalOptions, print } from '../../shared/console/command-line.ts';
import { bytesText, countText } from '../../shared/console/quantities.ts';
import { table } from '../../shared/console/table.ts';
import { DiodeError } from '../../shared/errors.ts';
import { type KeptFile, verifyFiles } from '../../shared/verify.ts';
import { type ReceiverConfiguration, receiverSettings } from '../configuration.ts';
import type { ReceiverLedger } from '../ledger/ledger.ts';
import { collectAgainForm, collectAgainMax } from '../operate/vault-files.ts';
import { vaultFolderOf } from '../places.ts';
import type { ReceiverSide } from './receiver-side.ts';

const page = 1000;

interface VaultFile extends KeptFile {
  readonly studyUid: string;
}

type WithLedger = <T>(
  values: ReceiverConfiguration,
  act: (ledger: ReceiverLedger) => T | Promise<T>,
) => Promise<T>;

export function addVerifyCommand(program: Command, side: ReceiverSide, withLedger: WithLedger): void {
  program
    .command('verify')
    .description(
      'read the whole vault again and compare it with the ledger; files that differ are collected again',
    )
    .action(async (_options, command: Command) => {
      const { values } = configurationOf(command, receiverSettings);
      const { json } = command.optsWithGlobals<GlobalOptions>();
      const folder = vaultFolderOf(values);
      const { files, bytes, different } = await withLedger(values, (ledger) =>
        verifyFiles(
          keptFiles(ledger, folder),
          ledger.files.count(),
          ({ objectId }) => ledger.files.stateOf(objectId) === 'there',
        ),
      );
      const rows = different.map(({ file, difference }) => ({
        objectId: file.objectId,
        studyUid: file.studyUid,
        difference,
      }));
      if (!json && rows.length > 0)
        print(
          table(
            ['object', 'study', 'what differs'],
            rows.map((row) => [row.objectId, row.studyUid, row.difference]),
          ),
        );
      const summary = `${countText(files, 'file')}, ${bytesText(bytes)} read; ${countText(rows.length, 'difference')}`;
      const said =
        rows.length === 0
          ? ''
          : await collectAgain(
              askedProgram(command, side),
              rows.map(({ objectId }) => objectId),
            );
      if (json) print(JSON.stringify({ files, bytes, different: rows, ...(said !== '' && { said }) }));
      else print(said === '' ? summary : `${summary}: ${said}`);
      if (rows.length > 0) throw new DiodeError('E_VERIFY', summary);
    });
}

/** What should be in the vault, in the order in which it arrived. */
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

/**
 * The running program does it at once; otherwise it is done at the next start. What hours of reading found is shown even
 * if the program can't be asked.
 * @returns what happens to them
 */
async function collectAgain(program: AskedProgram, objectIds: readonly string[]): Promise<string> {
  const { verb } = collectAgainForm;
  const who = { byWhom: userInfo().username, reason: 'verify: what was read is not what came' };
  const said: string[] = [];
  try {
    for (let from = 0; from < objectIds.length; from += collectAgainMax) {
      const fields = { ...who, objectIds: objectIds.slice(from, from + collectAgainMax) };
      if (isRunning(program)) said.push((await ask(program, verb, fields)).detail);
      else {
        leaveRequest(program, verb, fields);
        said.push(`${countText(fields.objectIds.length, 'instance')} set aside when ${program.name} starts`);
      }
    }
  } catch (error) {
    if (!(error instanceof DiodeError)) throw error;
    said.push(`the rest stays as it is (${error.code}: ${error.message})`);
  }
  return said.join('; ');
}
