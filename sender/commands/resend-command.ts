/** `diode-sender resend`: hands a ticket to the running sender. */
import { existsSync, openSync, readSync } from 'node:fs';
import type { Command } from 'commander';
import { ask, configurationOf, type GlobalOptions, print } from '../../shared/console/command-line.ts';
import { DiodeError, errorCauseCode } from '../../shared/errors.ts';
import { limits } from '../../shared/wire/limits.ts';
import { type SenderConfiguration, senderSettings } from '../configuration.ts';
import type { SenderLedger } from '../ledger/ledger.ts';

type WithLedger = <T>(values: SenderConfiguration, act: (ledger: SenderLedger) => Promise<T>) => Promise<T>;

const standardInput = 0;

export function addResendCommand(program: Command, withLedger: WithLedger): void {
  program
    .command('resend')
    .description("send again what a receiver's ticket asks for, ahead of the queue")
    .requiredOption('--ticket <ticket>', 'a file, - for standard input, or the code that the receiver shows')
    .action(async (options: { ticket: string }, command: Command) => {
      const { values } = configurationOf(command, senderSettings);
      const { json } = command.optsWithGlobals<GlobalOptions>();
      const ticket = ticketText(options.ticket);
      const detail = await withLedger(values, (ledger) => ask(ledger.mailbox, 'resend', { ticket }));
      print(json ? JSON.stringify({ ok: true, detail }) : detail);
    });
}

/** A file's content, or the text itself if no such file exists. */
function ticketText(given: string): string {
  if (given === '-') return readBounded(standardInput);
  if (!existsSync(given)) return given;
  try {
    return readBounded(openSync(given, 'r'));
  } catch (cause) {
    if (cause instanceof DiodeError) throw cause;
    throw new DiodeError(
      'E_TICKET',
      `the ticket cannot be read (${errorCauseCode(cause) ?? 'unknown cause'})`,
      {
        cause,
      },
    );
  }
}

/** Reads no more than the longest ticket, whatever the file is. */
function readBounded(descriptor: number): string {
  const bytes = Buffer.alloc(limits.ticketBytesMax + 1);
  let length = 0;
  for (let read = -1; read !== 0 && length < bytes.length; length += read)
    read = readSync(descriptor, bytes, length, bytes.length - length, null);
  return bytes.toString('latin1', 0, length);
}
