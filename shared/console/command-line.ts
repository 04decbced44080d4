/** What both command lines share: --config, --set, --json, the config commands, and whether the program runs. */
import { existsSync, readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { systemClock } from '../clock.ts';
import { checkConfiguration, environmentName, type Loaded, loadConfiguration } from '../config/load.ts';
import type { Settings } from '../config/settings.ts';
import { DiodeError, diskError, errorCatalogue, errorCauseCode, isErrorCode } from '../errors.ts';
import { statusVersion } from '../program/status-part.ts';
import { failureText } from './failure.ts';
import { settingRows } from './setting-rows.ts';
import { table } from './table.ts';

export interface GlobalOptions {
  readonly config: string;
  readonly set: string[];
  readonly json: boolean;
}

/** A command line with the options that every command has. */
export function createProgram(name: string, about: string, defaultConfiguration: string): Command {
  return (
    new Command(name)
      .description(about)
      .version(programVersion(), '--version', 'print the version')
      .option('-c, --config <file>', 'the configuration file', defaultConfiguration)
      .option(
        '--set <key=value>',
        'override a configuration value (repeatable)',
        (value, before: string[]) => [...before, value],
        [],
      )
      .option('--json', 'print one JSON object, for scripts', false)
      .configureHelp({ showGlobalOptions: true })
      // A wrong command line throws, and is printed like every other error.
      .exitOverride()
      .configureOutput({ outputError: () => {} })
  );
}

/** The version in package.json, which is above the sources or the built files. */
export function programVersion(): string {
  const places = ['../../package.json', '../../../package.json'].map(
    (place) => new URL(place, import.meta.url),
  );
  const file = places.find((place) => existsSync(place));
  if (file === undefined) throw new DiodeError('E_INSTALLATION', 'package.json is missing');
  const { version } = JSON.parse(readFileSync(file, 'utf8'));
  return String(version);
}

/** Loads the configuration that the command line names. */
export function configurationOf<S extends Settings>(command: Command, settings: S): Loaded<S> {
  return loadConfiguration(settings, sourcesOf(command));
}

function sourcesOf(command: Command) {
  const { config, set } = command.optsWithGlobals<GlobalOptions>();
  return { path: config, environment: process.env, overrides: set };
}

/** Adds `config check`, `config show` and `explain`. */
export function addCommonCommands(program: Command, settings: Settings): void {
  const config = program.command('config').description('check or show the configuration');
  config
    .command('check')
    .description('list everything that is wrong with the configuration')
    .action((_options, command: Command) => {
      const { errors } = checkConfiguration(settings, sourcesOf(command));
      const { json } = command.optsWithGlobals<GlobalOptions>();
      if (json) {
        print(
          JSON.stringify({
            ok: errors.length === 0,
            errors: errors.map(({ code, message, action }) => ({ code, message, action })),
          }),
        );
      } else if (errors.length === 0) {
        print('the configuration is valid');
      } else {
        for (const error of errors) process.stderr.write(`${failureText(program.name(), false, error)}\n`);
      }
      if (errors.length > 0) process.exitCode = 1;
    });
  config
    .command('show')
    .description('print every setting: its value, where that comes from, and what it is for')
    .action((_options, command: Command) => {
      const { values, origins } = configurationOf(command, settings);
      const { json } = command.optsWithGlobals<GlobalOptions>();
      if (json) return print(JSON.stringify({ values, origins }));
      print(table(['key', 'value', 'from', 'for'], settingRows(settings, values, origins)));
      print(
        `\nA value can also be set in the environment (${environmentName('link.port')}) or with --set link.port=4747.`,
      );
    });
  program
    .command('explain <code>')
    .description('explain an error code and what to do about it')
    .action((code: string, _options, command: Command) => {
      if (!isErrorCode(code)) throw new DiodeError('E_USAGE', `there is no code ${code}`);
      const { meaning, action } = errorCatalogue[code];
      const { json } = command.optsWithGlobals<GlobalOptions>();
      print(
        json ? JSON.stringify({ code, meaning, action }) : `${code}: ${meaning}\n  what to do: ${action}`,
      );
    });
}

/**
 * Reads the snapshot of the running program; undefined if it never ran here.
 * @throws DiodeError E_STATUS_VERSION where a program of another version runs: nothing else that it tells can be relied on
 */
export function readSnapshot<T extends { readonly atMs: number }>(
  path: string,
  wallMs: number = systemClock.wallMs(),
): T | undefined {
  let snapshot: (T & { readonly version?: unknown }) | null;
  try {
    snapshot = JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
  if (snapshot?.version === statusVersion) return snapshot;
  // What one of another version left when it ended tells nothing.
  if (!isFresh(snapshot ?? undefined, wallMs)) return undefined;
  throw new DiodeError('E_STATUS_VERSION');
}

/** A snapshot older than this means that the program is not running. */
export const snapshotFreshMs = 5000;

/**
 * Whether a program runs, by the snapshot it writes twice a second. One from the future was left by a program that ended
 * before the clock was set back.
 */
export function isFresh(snapshot: { readonly atMs: number } | undefined, wallMs: number): boolean {
  return snapshot !== undefined && Math.abs(wallMs - snapshot.atMs) < snapshotFreshMs;
}

export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Runs a command line: an error is printed for a person or for a script, and the exit code is 1. */
export async function runProgram(program: Command, argv: readonly string[] = process.argv): Promise<void> {
  // Whatever the shell's umask: the programs' files are for their user and group, 0640 and 0750 at most.
  process.umask(process.umask() | 0o027);
  // Also when the command line could not be parsed to the end.
  const json = argv.includes('--json');
  const fail = (error: unknown) => process.stderr.write(`${failureText(program.name(), json, error)}\n`);
  process.stdout.on('error', (cause) => {
    // The reader has enough, like `head`.
    if (errorCauseCode(cause) === 'EPIPE') process.exit();
    fail(diskError(cause, 'standard output cannot be written to'));
    process.exit(1);
  });
  try {
    await program.parseAsync(argv);
  } catch (error) {
    process.exitCode = 1;
    if (!(error instanceof CommanderError)) fail(error);
    else if (printedByItself.includes(error.code)) process.exitCode = error.exitCode;
    else fail(new DiodeError('E_USAGE', usageSentence(error), { cause: error }));
  }
}

/** Help and version are not errors, though they are thrown as such. */
const printedByItself: readonly string[] = ['commander.help', 'commander.helpDisplayed', 'commander.version'];

/** `error: unknown option '--x'` and what may follow on a second line, as one sentence. */
function usageSentence({ message }: CommanderError): string {
  return message.replace(/^error: /, '').replaceAll(/\s*\n\s*/g, ' ');
}
