/** The commands about senders: which are known, and that one is out of use. */
import { userInfo } from 'node:os';
import type { Command } from 'commander';
import { z } from 'zod';
import { ask, configurationOf, type GlobalOptions, print } from '../../shared/console/command-line.ts';
import { table } from '../../shared/console/table.ts';
import { DiodeError } from '../../shared/errors.ts';
import { type ReceiverConfiguration, receiverSettings } from '../configuration.ts';
import type { ReceiverLedger } from '../ledger/ledger.ts';
import type { SenderWatch } from '../watch/sender-watch.ts';

export const retireVerb = 'retire-sender';

const retireParameters = z.strictObject({
  senderId: z.string().regex(/^[0-9a-f]{16}$/),
  reason: z.string().min(1).max(1000),
  byWhom: z.string().min(1).max(200),
});

type WithLedger = <T>(
  values: ReceiverConfiguration,
  act: (ledger: ReceiverLedger) => T | Promise<T>,
) => Promise<T>;

export function addSenderCommands(program: Command, withLedger: WithLedger): void {
  const senders = program
    .command('senders')
    .description('list the senders that were ever heard')
    .action(async (_options, command: Command) => {
      const { values } = configurationOf(command, receiverSettings);
      const rows = await withLedger(values, (ledger) => ledger.senders.all());
      if (command.optsWithGlobals<GlobalOptions>().json) return print(JSON.stringify({ senders: rows }));
      if (rows.length === 0) return print('no sender was ever heard');
      print(
        table(
          ['sender', 'key', 'highest study', ''],
          rows.map((row) => [
            row.senderId,
            row.keyId,
            row.highestStudyNumber,
            row.isRetired ? 'out of use' : 'in use',
          ]),
        ),
      );
    });
  senders
    .command('retire <id>')
    .description('say that a sender is out of use: its alarms end, until it is heard again')
    .requiredOption('--reason <text>', 'why; it is kept in the audit')
    .action(async (senderId: string, options: { reason: string }, command: Command) => {
      const { values } = configurationOf(command, receiverSettings);
      const parameters = { senderId, reason: options.reason, byWhom: userInfo().username };
      const detail = await withLedger(values, (ledger) => ask(ledger.mailbox, retireVerb, parameters));
      const { json } = command.optsWithGlobals<GlobalOptions>();
      print(json ? JSON.stringify({ ok: true, detail }) : detail);
    });
}

/** What the running receiver does about it. @throws DiodeError E_USAGE */
export function retireSender(
  watch: Pick<SenderWatch, 'retired'>,
  ledger: ReceiverLedger,
  asked: unknown,
): string {
  const parsed = retireParameters.safeParse(asked);
  if (!parsed.success) throw new DiodeError('E_USAGE', 'the request is malformed');
  const { senderId, reason, byWhom } = parsed.data;
  if (ledger.senders.get(senderId) === undefined)
    throw new DiodeError('E_USAGE', `no sender ${senderId} was ever heard: see diode-receiver senders`);
  ledger.transaction(() => {
    ledger.audit.enter({ action: 'retire sender', subject: senderId, byWhom, reason }, Date.now());
    ledger.senders.retire(senderId);
  });
  watch.retired(senderId);
  return `${senderId} is out of use; what never came of it stays in diode-receiver missing`;
}
