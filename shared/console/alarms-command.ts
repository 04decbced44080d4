/** `alarms`: lists the current alarms, from the last status of the program. It exits with 0, whatever they are. */
import type { Command } from 'commander';
import type { Alarm } from '../program/alarm.ts';
import { alarmTable } from './alarm-lines.ts';
import { type GlobalOptions, print } from './command-line.ts';

export interface ToldAlarms {
  readonly running: boolean;
  readonly alarms: readonly Alarm[];
}

/** @returns the command, so that others about alarms can be added to it */
export function addAlarmsCommand(program: Command, look: (command: Command) => ToldAlarms): Command {
  const alarms = program
    .command('alarms')
    .description('show what is wrong, since when, and who has seen to it');
  alarms
    .command('list', { isDefault: true })
    .description('list the current alarms')
    .action((_options: unknown, command: Command) => {
      const told = look(command);
      const { json } = command.optsWithGlobals<GlobalOptions>();
      print(json ? JSON.stringify(told) : alarmsText(program.name(), told));
    });
  return alarms;
}

function alarmsText(name: string, { running, alarms }: ToldAlarms): string {
  const lines = running ? [] : [`${name} is not running: this is its last known state`];
  return [...lines, alarms.length === 0 ? 'no alarms' : alarmTable(alarms)].join('\n');
}
