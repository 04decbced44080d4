/** The commands for destinations: what is waiting, whether they answer, and what a person decides. */
import type { Command } from 'commander';
import { addAskCommand } from '../../shared/console/ask-command.ts';
import { type GlobalOptions, print } from '../../shared/console/command-line.ts';
import { durationText } from '../../shared/console/quantities.ts';
import { table } from '../../shared/console/table.ts';
import { DiodeError } from '../../shared/errors.ts';
import { isUid } from '../../shared/wire/limits.ts';
import type { ReceiverConfiguration } from '../configuration.ts';
import { type DestinationReport, testDestination } from '../deliver/deliver.ts';
import type { DestinationStatus } from '../deliver/delivery.ts';
import { placeOf } from '../deliver/destination-kinds.ts';
import { resolveDestination } from '../deliver/resolve-destination.ts';
import type { DestinationSettings } from '../destination-settings.ts';
import type { ReceiverLedger } from '../ledger/ledger.ts';
import { abandonDeliveriesForm, retryDeliveriesForm } from '../operate/deliveries.ts';
import type { ReceiverSide } from './receiver-side.ts';

/** What these commands need from the program around them. */
export interface DestinationCommandParts {
  readonly side: ReceiverSide;
  readonly configurationOf: (command: Command) => ReceiverConfiguration;
  readonly statusesOf: (values: ReceiverConfiguration) => readonly DestinationStatus[];
  readonly withLedger: <T>(
    values: ReceiverConfiguration,
    act: (ledger: ReceiverLedger) => T | Promise<T>,
  ) => Promise<T>;
}

export function addDestinationCommands(program: Command, parts: DestinationCommandParts): void {
  const { side, configurationOf, statusesOf, withLedger } = parts;
  const isJson = (command: Command) => command.optsWithGlobals<GlobalOptions>().json;
  const destinations = program
    .command('destinations')
    .description('list the PACS and what is waiting for each')
    .action((_options, command: Command) => {
      const values = configurationOf(command);
      const statuses = statusesOf(values);
      if (isJson(command)) return print(JSON.stringify({ destinations: statuses }));
      if (statuses.length === 0)
        return print('there are no destinations: see [[destinations]] in docs/pacs.md');
      print(destinationTable(values.destinations, statuses));
    });
  destinations
    .command('test [name]')
    .description('send each PACS, or one, a C-ECHO or an HTTP request, and show what it answers')
    .action((name: string | undefined, _options, command: Command) =>
      testDestinations(configurationOf(command).destinations, name, isJson(command)),
    );
  addAskCommand(destinations, side, {
    usage: 'retry <name>',
    description: 'deliver now what is waiting for a destination, and try again what failed there',
    form: retryDeliveriesForm,
    reason: 'tried again',
    fields: ([destination = '']) => ({ destination }),
  });
  addAskCommand(destinations, side, {
    usage: 'abandon <name>',
    description: 'give up what a destination has not taken yet',
    form: abandonDeliveriesForm,
    fields: ([destination = '']) => ({ destination }),
  });

  program
    .command('deliveries <study>')
    .description('show what happened to each instance of a study at each destination')
    .action(async (studyUid: string, _options, command: Command) => {
      if (!isUid(studyUid)) throw new DiodeError('E_USAGE', 'this is not a Study Instance UID');
      const rows = await withLedger(configurationOf(command), (ledger) => ledger.deliveries.list(studyUid));
      if (isJson(command)) return print(JSON.stringify({ deliveries: rows }));
      if (rows.length === 0) return print('no instance of this study was queued for a destination');
      print(deliveryTable(rows));
    });
}

/** One line for each destination that has something open, for `status`. */
export function deliveryLines(statuses: readonly DestinationStatus[]): string[] {
  return statuses.map(({ name, waiting, failed, oldestWaitingMs, code }) => {
    const oldest = waiting === 0 ? '' : `, the oldest for ${durationText(oldestWaitingMs)}`;
    const why = code === undefined ? '' : `, last problem ${code}`;
    return `deliver  ${name}: ${waiting} waiting${oldest}, ${failed} failed${why}`;
  });
}

async function testDestinations(
  all: readonly DestinationSettings[],
  name: string | undefined,
  isJson: boolean,
): Promise<void> {
  const asked = all.filter((each) => name === undefined || each.name === name);
  if (asked.length === 0)
    throw new DiodeError(
      'E_USAGE',
      name === undefined ? 'there are no destinations' : `there is no destination ${name}`,
    );
  const reports = await Promise.all(asked.map(report));
  if (isJson) print(JSON.stringify({ destinations: reports }));
  else
    print(
      table(
        ['destination', '', 'result', 'code'],
        reports.map((each) => [each.name, each.works ? 'works' : 'FAILS', each.found, each.code ?? '']),
      ),
    );
  if (reports.some(({ works }) => !works)) process.exitCode = 1;
}

async function report(settings: DestinationSettings): Promise<DestinationReport> {
  try {
    return await testDestination(resolveDestination(settings));
  } catch (error) {
    if (!(error instanceof DiodeError)) throw error;
    return { name: settings.name, works: false, found: error.message, code: error.code };
  }
}

function destinationTable(
  settings: readonly DestinationSettings[],
  statuses: readonly DestinationStatus[],
): string {
  const places = new Map(settings.map((each) => [each.name, placeOf(each)]));
  return table(
    ['destination', 'where', 'waiting', 'oldest', 'failed', 'last problem', 'tried again in'],
    statuses.map((each) => [
      each.name,
      places.get(each.name) ?? 'not in the configuration',
      each.waiting,
      each.waiting === 0 ? undefined : durationText(each.oldestWaitingMs),
      each.failed,
      each.code,
      each.retryInMs === 0 ? undefined : durationText(each.retryInMs),
    ]),
  );
}

function deliveryTable(rows: ReturnType<ReceiverLedger['deliveries']['list']>): string {
  return table(
    ['instance', 'destination', 'state', 'tried', 'code', 'status', 'the destination said'],
    rows.map((row) => [
      row.sopInstanceUid,
      row.destination,
      row.state,
      row.attempts,
      row.code,
      row.status === undefined ? undefined : `0x${row.status.toString(16).padStart(4, '0')}`,
      row.comment,
    ]),
  );
}
