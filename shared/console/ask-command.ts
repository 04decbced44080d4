/** A command that asks the running program for something: made from the form of the request, the same on both sides. */
import { userInfo } from 'node:os';
import type { Command, OptionValues } from 'commander';
import type { Clock } from '../clock.ts';
import type { Settings, ValuesOf } from '../config/settings.ts';
import { checkedFields, type RequestForm, type Who } from '../program/operations.ts';
import { type AskedProgram, ask } from './ask.ts';
import { configurationOf, type GlobalOptions, print } from './command-line.ts';

/** What the commands of one side have in common. */
export interface AskingSide<S extends Settings> {
  /** As it is called on the command line. */
  readonly name: string;
  readonly settings: S;
  readonly requestsPath: (values: ValuesOf<S>) => string;
  readonly snapshotPath: (values: ValuesOf<S>) => string;
  readonly clock: Clock;
}

export interface AskCommand<Asked> {
  /** With its arguments: `release <id>`. */
  readonly usage: string;
  readonly description: string;
  readonly form: RequestForm<Asked>;
  /** What the audit keeps if a person gives no reason; if left out, they must give one. */
  readonly reason?: string;
  /** Further options. */
  readonly options?: (command: Command) => unknown;
  /** The fields of the request, made from the arguments and options that were given. */
  readonly fields: (words: readonly string[], options: OptionValues) => Omit<Asked, keyof Who>;
}

/** Adds it to a program, or to a group of its commands. */
export function addAskCommand<S extends Settings, Asked>(
  parent: Command,
  side: AskingSide<S>,
  { usage, description, form, reason, options, fields }: AskCommand<Asked>,
): void {
  const command = parent.command(usage).description(description);
  if (form.isAudited && reason === undefined)
    command.requiredOption('--reason <text>', 'why; this is kept in the audit');
  else if (form.isAudited) command.option('--reason <text>', 'why; this is kept in the audit', reason);
  options?.(command);
  command.action(async () => {
    const given = command.opts();
    const who = form.isAudited ? { byWhom: userInfo().username, reason: given['reason'] } : {};
    const asked = { ...fields(command.args, given), ...who };
    // A request that the program would refuse is refused here, whether it is running or not.
    checkedFields(form, asked);
    const done = await ask(askedProgram(command, side), form.verb, asked);
    const { json } = command.optsWithGlobals<GlobalOptions>();
    print(json ? JSON.stringify(done) : done.detail);
  });
}

/** The program whose configuration a command line names. */
export function askedProgram<S extends Settings>(command: Command, side: AskingSide<S>): AskedProgram {
  const { values } = configurationOf(command, side.settings);
  const { name, clock } = side;
  return { name, clock, requestsPath: side.requestsPath(values), snapshotPath: side.snapshotPath(values) };
}
