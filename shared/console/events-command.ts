/** `events`: what happened, to everything or to one study. It reads the ledger beside the running program. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import type { Clock } from '../clock.ts';
import { DiodeError } from '../errors.ts';
import { type EventKind, isEventKind } from '../program/event-catalogue.ts';
import type { EventFilter, Events } from '../program/events.ts';
import { isUid } from '../wire/limits.ts';
import type { GlobalOptions } from './command-line.ts';
import { eventJson, eventLine, kindNames } from './event-lines.ts';
import { sinceOption } from './since-option.ts';

/** What is read: a ledger that is opened for this alone. */
export interface EventReading {
  readonly events: Pick<Events, 'after' | 'newest' | 'lastNumber' | 'studiesEnding'>;
  /** UIDs of studies that have a number: one of each sender. */
  studiesNumbered(studyNumber: number): string[];
  close(): void;
}

export interface EventsCommandParts {
  readonly open: (command: Command) => EventReading;
  readonly clock: Clock;
  readonly print: (line: string) => void;
  /** Waits between two looks. @returns false when following is to end */
  readonly wait: () => Promise<boolean>;
}

interface EventsOptions {
  readonly since?: string;
  readonly kind?: string;
  readonly follow: boolean;
  readonly limit: string;
}

/** How soon those who follow see something new. */
const followMs = 500;
const limitDefault = 200;
const limitMax = 1_000_000;
/** Events that one look of those who follow reads. */
const followRows = 500;
/** Studies that are looked for: more than one is too many already. */
const studiesMax = 1000;

/** Waits between two looks, until somebody stops the process. */
export async function followingUntilStopped(): Promise<boolean> {
  await sleep(followMs);
  return true;
}

export function addEventsCommand(program: Command, parts: EventsCommandParts): void {
  program
    .command('events [study]')
    .description(
      'show what happened, oldest first; STUDY is a UID, the end of one, or a study number; times are UTC',
    )
    .option('--since <time>', 'only since then: 2h, 30m, 3d, 2026-11-30, "2026-11-30 14:00" or 14:00')
    .option('--kind <kind>', `only events of this kind: ${kindNames.join(', ')}`)
    .option('--follow', 'go on showing new events until stopped', false)
    .option('--limit <n>', 'show at most this many, the newest', String(limitDefault))
    .action(async (study: string | undefined, options: EventsOptions, command: Command) => {
      const { json } = command.optsWithGlobals<GlobalOptions>();
      const reading = parts.open(command);
      try {
        const hasAny = await tell(reading, parts, study, options, json);
        if (!hasAny) process.exitCode = 1;
      } finally {
        reading.close();
      }
    });
}

/** @returns false where a study was asked for and nothing is known of it */
async function tell(
  reading: EventReading,
  { clock, print, wait }: EventsCommandParts,
  study: string | undefined,
  options: EventsOptions,
  json: boolean,
): Promise<boolean> {
  const { events } = reading;
  const limit = limitOf(options.limit);
  const studyUid = study === undefined ? undefined : studyOf(reading, study);
  const filter: EventFilter = {
    studyUid,
    kind: kindOf(options.kind),
    sinceMs: options.since === undefined ? undefined : sinceOption(options.since, clock.wallMs()),
  };
  const lineOf = json ? eventJson : eventLine;
  const isUnknown = study !== undefined && studyUid === undefined;
  const behind = events.lastNumber();
  const found = isUnknown ? [] : events.newest(filter, limit + 1);
  const isMore = found.length > limit;
  if (isMore && !json) print(`… older events are not shown: use --limit, --since or a study`);
  for (const event of isMore ? found.slice(1) : found) print(lineOf(event));
  if (found.length === 0 && !json && !options.follow)
    print(study === undefined ? 'no events' : `nothing is known about a study ${study}`);
  if (options.follow && !isUnknown) await follow(events, behind, filter, { print, wait, lineOf, json });
  return study === undefined || found.length > 0;
}

async function follow(
  events: EventReading['events'],
  from: number,
  filter: EventFilter,
  {
    print,
    wait,
    lineOf,
    json,
  }: Pick<EventsCommandParts, 'print' | 'wait'> & {
    lineOf: typeof eventLine;
    json: boolean;
  },
): Promise<void> {
  let behind = from;
  while (await wait()) {
    const last = events.lastNumber();
    const page = events.after(behind, followRows, filter);
    if (page.forgottenTo > behind && !json) print('… some events were deleted before they could be shown');
    for (const event of page.events) print(lineOf(event));
    // What the filter left out is not looked at again.
    behind = page.isMore ? page.last : Math.max(page.last, last);
  }
}

/**
 * The study that a UID, its end, or a number names; undefined where nothing is known of it.
 * @throws DiodeError E_USAGE where it is none of these, or names several
 */
export function studyOf({ events, studiesNumbered }: EventReading, text: string): string | undefined {
  if (!/^[0-9.]{1,64}$/.test(text))
    throw new DiodeError('E_USAGE', 'give a study by its UID, the end of its UID, or its number');
  if (isUid(text) && events.newest({ studyUid: text }, 1).length > 0) return text;
  const studyNumber = Number(text);
  const numbered =
    /^[0-9]+$/.test(text) && Number.isSafeInteger(studyNumber) ? studiesNumbered(studyNumber) : [];
  const found = numbered.length > 0 ? numbered : events.studiesEnding(text, studiesMax);
  if (found.length <= 1) return found[0];
  const count = found.length === studiesMax ? `at least ${studiesMax}` : String(found.length);
  const what =
    numbered.length > 0
      ? 'have this number: give the UID'
      : 'have a UID that ends like this: give more of it';
  throw new DiodeError('E_USAGE', `${count} studies ${what}`);
}

function kindOf(text: string | undefined): EventKind | undefined {
  if (text === undefined || isEventKind(text)) return text;
  throw new DiodeError('E_USAGE', `there is no kind ${text}; there are ${kindNames.join(', ')}`);
}

function limitOf(text: string): number {
  const limit = Number(text);
  if (!/^[0-9]{1,7}$/.test(text) || limit < 1 || limit > limitMax)
    throw new DiodeError('E_USAGE', `--limit is a whole number from 1 to ${limitMax}`);
  return limit;
}
