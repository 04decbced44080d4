/** `alarms`: lists what stands, from what the running program told last. It ends with 0, whatever stands. */
import type { Command } from 'commander';
import type { Alarm } from '../program/alarm.ts';
import { alarmTable } from './alarm-lines.ts';
import { type GlobalOptions, print } from './command-line.ts';

export interface ToldAlarms {
  readonly running: boolean;
  readonly alarms: readonly Alarm[];
}

/** @returns the command, for what else is done with alarms */
export function addAlarmsCommand(program: Command, look: (command: Command) => ToldAlarms): Command {
  const alarms = program.command('alarms').description('what is wrong, since when, and who has seen to it');
  alarms
    .command('list', { isDefault: true })
    .description('the alarms that stand')
    .action((_options: unknown, command: Command) => {
      const told = look(command);
      const { json } = command.optsWithGlobals<GlobalOptions>();
      print(json ? JSON.stringify(told) : alarmsText(program.name(), told));
    });
  return alarms;
}

function alarmsText(name: string, { running, alarms }: ToldAlarms): string {
  const lines = running ? [] : [`${name} is not running: this is what it told last`];
  return [...lines, alarms.length === 0 ? 'no alarm stands' : alarmTable(alarms)].join('\n');
}
