/** `diode-sender resend`: hands a ticket to the running sender. */
import { existsSync, openSync, readSync } from 'node:fs';
import type { Command } from 'commander';
import { addAskCommand } from '../../shared/console/ask-command.ts';
import { DiodeError, errorCauseCode } from '../../shared/errors.ts';
import { limits } from '../../shared/wire/limits.ts';
import { resendForm } from '../operate/tickets.ts';
import type { SenderSide } from './sender-side.ts';

const standardInput = 0;

export function addResendCommand(program: Command, side: SenderSide): void {
  addAskCommand(program, side, {
    usage: 'resend',
    description: "send again what a receiver's ticket asks for, ahead of the queue",
    form: resendForm,
    reason: 'a ticket asks for it',
    options: (command) =>
      command.requiredOption(
        '--ticket <ticket>',
        'a file, - for standard input, or the code that the receiver shows',
      ),
    fields: (_words, { ticket }) => ({ ticket: ticketText(ticket) }),
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
