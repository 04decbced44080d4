/** The commands for senders: which are known, whose they are, and what a person can put right about one. */
import type { Command } from 'commander';
import { addAskCommand } from '../../shared/console/ask-command.ts';
import { configurationOf, type GlobalOptions, print } from '../../shared/console/command-line.ts';
import { table } from '../../shared/console/table.ts';
import { keyNameText, readKeyRing } from '../../shared/crypto/key-file.ts';
import { DiodeError } from '../../shared/errors.ts';
import { type ReceiverConfiguration, receiverSettings } from '../configuration.ts';
import type { ReceiverLedger } from '../ledger/ledger.ts';
import { acceptSenderForm, bindSenderForm, correctSenderForm, retireSenderForm } from '../operate/senders.ts';
import type { ReceiverSide } from './receiver-side.ts';

type WithLedger = <T>(
  values: ReceiverConfiguration,
  act: (ledger: ReceiverLedger) => T | Promise<T>,
) => Promise<T>;

export function addSenderCommands(program: Command, side: ReceiverSide, withLedger: WithLedger): void {
  const senders = program
    .command('senders')
    .description('list all senders ever heard from, and whose they are')
    .action(async (_options, command: Command) => {
      const { values } = configurationOf(command, receiverSettings);
      const rows = await withLedger(values, (ledger) => senderRows(ledger, values));
      if (command.optsWithGlobals<GlobalOptions>().json) return print(JSON.stringify({ senders: rows }));
      if (rows.length === 0) return print('no sender has ever been heard from');
      print(
        table(
          ['sender', 'key', 'key name', 'bound by', 'highest study', ''],
          rows.map((row) => [
            row.senderId,
            row.keyId,
            row.keyName === undefined ? '' : keyNameText(row.keyName),
            row.boundBy,
            row.highestStudyNumber,
            row.isRetired ? 'out of use' : 'in use',
          ]),
        ),
      );
    });
  addAskCommand(senders, side, {
    usage: 'retire <id>',
    description: 'mark a sender as out of use: its alarms end, unless it is heard again',
    form: retireSenderForm,
    fields: ([senderId = '']) => ({ senderId }),
  });
  addAskCommand(senders, side, {
    usage: 'bind <id>',
    description: 'bind a sender to a key name: it may then use keys of that name only',
    form: bindSenderForm,
    options: (command) =>
      command.requiredOption('--key-name <name>', 'the name in the key file; "" for keys without one'),
    fields: ([senderId = ''], { keyName }) => ({ senderId, keyName }),
  });
  addAskCommand(senders, side, {
    usage: 'accept <id>',
    description: 'confirm that a sender was restored from an older disk image: its alarm ends',
    form: acceptSenderForm,
    fields: ([senderId = '']) => ({ senderId }),
  });
  addAskCommand(senders, side, {
    usage: 'correct <id>',
    description: 'correct the highest study number of a sender, and start counting its sessions afresh',
    form: correctSenderForm,
    options: (command) =>
      command.requiredOption(
        '--highest <number>',
        'its highest study number, as shown by diode-sender status',
      ),
    fields: ([senderId = ''], { highest }) => ({ senderId, highest: studyNumberOf(highest) }),
  });
}

/** Those that sent a beacon, and those that are bound without one. */
function senderRows(ledger: ReceiverLedger, values: ReceiverConfiguration) {
  const written = writtenSenders(values);
  const bindings = new Map(ledger.bindings.all().map((binding) => [binding.senderId, binding]));
  const heard = new Map(ledger.senders.all().map((sender) => [sender.senderId, sender]));
  const ids = [...new Set([...heard.keys(), ...bindings.keys(), ...written.keys()])].sort();
  return ids.map((senderId) => {
    const sender = heard.get(senderId);
    const isWritten = written.has(senderId);
    const binding = bindings.get(senderId);
    return {
      ...sender,
      senderId,
      keyName: written.get(senderId) ?? binding?.keyName,
      boundBy: isWritten ? 'key file' : binding?.boundBy,
      isRetired: sender?.isRetired ?? false,
    };
  });
}

/** A key file that can't be read now leaves out only what it says. */
function writtenSenders(values: ReceiverConfiguration): ReadonlyMap<string, string> {
  try {
    return readKeyRing(values.keyFile).senders;
  } catch (error) {
    if (error instanceof DiodeError) return new Map();
    throw error;
  }
}

function studyNumberOf(text: string): number {
  const value = Number(text);
  if (/^[0-9]{1,16}$/.test(text) && Number.isSafeInteger(value)) return value;
  throw new DiodeError('E_USAGE', 'a study number is a whole number');
}
