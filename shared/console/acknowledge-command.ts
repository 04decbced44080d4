/** `alarms acknowledge`, the same on both sides. */
import type { Command } from 'commander';
import type { Settings } from '../config/settings.ts';
import { DiodeError, isErrorCode } from '../errors.ts';
import { acknowledgeAlarmForm } from '../program/acknowledge-alarm.ts';
import { type AskingSide, addAskCommand } from './ask-command.ts';

/** @param alarms the command that lists them */
export function addAcknowledgeCommand<S extends Settings>(alarms: Command, side: AskingSide<S>): void {
  addAskCommand(alarms, side, {
    usage: 'acknowledge <code> [subject]',
    description: 'say that you have seen to an alarm; it stays until the cause is fixed',
    form: acknowledgeAlarmForm,
    options: (command) => command.option('--owner <name>', 'only alarms of this part of the program'),
    fields: ([code = '', subject], { owner }) => {
      if (!isErrorCode(code)) throw new DiodeError('E_USAGE', `there is no code ${code}`);
      return { code, ...(subject !== undefined && { subject }), ...(owner !== undefined && { owner }) };
    },
  });
}
