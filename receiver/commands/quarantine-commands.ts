/** `diode-receiver quarantine`: inspect what is held, and let it through or purge it. */
import type { Command } from 'commander';
import { addAskCommand } from '../../shared/console/ask-command.ts';
import { configurationOf, type GlobalOptions, print } from '../../shared/console/command-line.ts';
import { bytesText } from '../../shared/console/quantities.ts';
import { table } from '../../shared/console/table.ts';
import { errorCatalogue } from '../../shared/errors.ts';
import { type ReceiverConfiguration, receiverSettings } from '../configuration.ts';
import type { HeldInstance } from '../ledger/holds.ts';
import type { ReceiverLedger } from '../ledger/ledger.ts';
import { heldUnder, purgeHeldForm, releaseHeldForm } from '../operate/quarantine.ts';
import { vaultFolderOf } from '../places.ts';
import type { ReceiverSide } from './receiver-side.ts';

type WithLedger = <T>(
  values: ReceiverConfiguration,
  act: (ledger: ReceiverLedger) => T | Promise<T>,
) => Promise<T>;

const shownMax = 1000;
/** Of an object id: enough to identify it, and accepted by `release` and `purge`. */
const shownIdDigits = 12;

export function addQuarantineCommands(program: Command, side: ReceiverSide, withLedger: WithLedger): void {
  const quarantine = program
    .command('quarantine')
    .description('inspect held instances, let them through or purge them');

  quarantine
    .command('list')
    .description('list what is held and why, oldest first')
    .option('--purged', 'list what was purged instead', false)
    .action(async (options: { purged: boolean }, command: Command) => {
      const which = options.purged ? 'purged' : 'waiting';
      const held = await withLedger(valuesOf(command), (ledger) => ledger.holds.held(shownMax, which));
      if (isJson(command)) return print(JSON.stringify({ held: held.map(listed) }));
      if (held.length === 0) return print(options.purged ? 'nothing was purged' : 'nothing is held');
      const rows = held.map((one) => [
        one.objectId.slice(0, shownIdDigits),
        one.heldBecause,
        one.claimedStudyUid ?? one.studyUid,
        one.sopClassUid,
        bytesText(one.bytes),
        timeText(one.receivedAtMs),
      ]);
      print(table(['id', 'reason', 'study', 'SOP class', 'size', 'since'], rows));
      if (held.length === shownMax) print(`… there may be more: these are the oldest ${shownMax}`);
    });

  quarantine
    .command('show <id>')
    .description('show everything about the instances with an id (or its beginning, or a Study Instance UID)')
    .action(async (id: string, _options, command: Command) => {
      const values = valuesOf(command);
      const shown = await withLedger(values, (ledger) =>
        heldUnder(ledger, id, shownMax).map((held) => details(ledger, held, vaultFolderOf(values))),
      );
      if (isJson(command)) return print(JSON.stringify({ held: shown }));
      print(shown.map(detailsText).join('\n\n'));
    });

  addAskCommand(quarantine, side, {
    usage: 'release <id>',
    description: 'let through the instances with an id or a Study Instance UID, whatever they are held for',
    form: releaseHeldForm,
    fields: ([id = '']) => ({ id }),
  });
  addAskCommand(quarantine, side, {
    usage: 'purge <id>',
    description:
      'delete the instances with an id or a Study Instance UID, and keep them out if they are sent again',
    form: purgeHeldForm,
    options: (command) =>
      command.option(
        '--again',
        'accept them if they are sent again, to replace a copy that is damaged here',
        false,
      ),
    fields: ([id = ''], { again }) => ({ id, again }),
  });
}

function valuesOf(command: Command): ReceiverConfiguration {
  return configurationOf(command, receiverSettings).values;
}

function isJson(command: Command): boolean {
  return command.optsWithGlobals<GlobalOptions>().json;
}

/** What a script gets about a held instance; it includes no hash of a patient. */
function listed({ patient: _, ...held }: HeldInstance) {
  return held;
}

function details(ledger: ReceiverLedger, held: HeldInstance, vaultFolder: string) {
  const { objectId, senderId, studyUid, sopInstanceUid, heldBecause, reasons } = held;
  const codes = [heldBecause, ...reasons.filter((code) => code !== heldBecause)];
  return {
    ...listed(held),
    file: heldBecause === 'E_PURGED' ? undefined : `${vaultFolder}/objects/${objectId}`,
    because: codes.map((code) => ({ code, ...errorCatalogue[code] })),
    sameUid: ledger.holds.underUid(sopInstanceUid, shownMax).filter((other) => other.objectId !== objectId),
    sameStudy: ledger.studies
      .ofUid(studyUid)
      .filter((other) => other.senderId !== senderId)
      .slice(0, shownMax)
      .map((other) => ({ senderId: other.senderId, state: other.state })),
    audit: ledger.audit.of(objectId),
  };
}

function detailsText(shown: ReturnType<typeof details>): string {
  const released = (revision: number | undefined) =>
    revision === undefined ? 'not released' : `released in revision ${revision}`;
  const rows = [
    ['id', shown.objectId],
    ['study', shown.studyUid],
    ...(shown.claimedStudyUid === undefined ? [] : [['listed by study', shown.claimedStudyUid]]),
    ['series', shown.seriesUid],
    ['instance', shown.sopInstanceUid],
    ['SOP class', shown.sopClassUid],
    ['size', bytesText(shown.bytes)],
    ['SHA-256', shown.sha256],
    ['since', timeText(shown.receivedAtMs)],
    ['from sender', shown.senderId],
    ['preamble', shown.preamble],
    ...(shown.file === undefined ? [] : [['file', shown.file]]),
    ...shown.because.flatMap(({ code, meaning, action }) => [
      ['held for', `${code}: ${meaning}`],
      ['what to do', action],
    ]),
    ...shown.sameUid.map((other) => [
      'same UID',
      `${other.objectId.slice(0, shownIdDigits)} of sender ${other.senderId}, SHA-256 ${other.sha256}, ${released(other.releasedRevision)}`,
    ]),
    ...shown.sameStudy.map((other) => ['same study', `of sender ${other.senderId}, ${other.state}`]),
    ...shown.audit.map(({ atMs, action, byWhom, reason }) => [
      'audit',
      `${timeText(atMs)} ${action} by ${byWhom}: ${reason}`,
    ]),
  ];
  return table(['what', 'value'], rows);
}

function timeText(atMs: number): string {
  return new Date(atMs).toISOString().replace('T', ' ').slice(0, 19);
}
