/**
 * What a ticket asks for: exactly what is missing, as long as that fits; otherwise whole series, then whole studies. What
 * does not fit at all is left for another ticket.
 */
import { limits } from '../../shared/wire/limits.ts';
import type { TicketRange, TicketStudy } from '../../shared/wire/ticket.ts';
import type { ReceiverLedger } from '../ledger/ledger.ts';
import type { MissingRow } from './missing.ts';

/**
 * A study to ask for, in places of a ticket: 0 is the manifest, 1 its first instance. Only ranges, since the number of
 * instances is whatever a sender claims.
 */
export interface WantedStudy {
  readonly studyNumber: number;
  readonly revision: number;
  /** Ascending, with at least one place between two of them; undefined: the whole study, since no manifest says what it consists of. */
  readonly ranges: readonly TicketRange[] | undefined;
  /** The same rounded up to whole series; undefined if that is not shorter. */
  readonly series: readonly TicketRange[] | undefined;
}

export type Rounding = 'exact' | 'series' | 'study';

export interface TicketPlan {
  readonly text: string;
  readonly studies: readonly { readonly study: TicketStudy; readonly rounding: Rounding }[];
  /** Studies that did not fit. */
  readonly left: readonly WantedStudy[];
}

/** A range takes at least two bytes and a study three, so more than this never fit into a ticket. */
const rangesMax = 300;
const studiesMax = 200;

/** The rows of one sender that a ticket can ask for: all except what its sender has not closed, or no longer has. */
export function wantedStudies(ledger: ReceiverLedger, rows: readonly MissingRow[]): WantedStudy[] {
  const wanted = new Map<number, WantedStudy>();
  const later = new Set<number>();
  for (const row of rows) {
    if (row.studyNumber === undefined || row.expired || row.cause === 'complete, not released') continue;
    // A roll may name a study that no sender can have: it cannot be asked for.
    if (row.studyNumber < 1) continue;
    // The others are for another ticket, and reading a list takes a while.
    if (wanted.size >= studiesMax && !wanted.has(row.studyNumber)) {
      later.add(row.studyNumber);
      continue;
    }
    const study = wantedStudy(ledger, row, row.studyNumber);
    if (study === undefined) continue;
    const before = wanted.get(study.studyNumber);
    wanted.set(study.studyNumber, before === undefined ? study : both(before, study));
  }
  const inOrder = [...wanted.values()].sort((a, b) => a.studyNumber - b.studyNumber);
  const others = [...later].map((studyNumber) => ({
    studyNumber,
    revision: 0,
    ranges: undefined,
    series: undefined,
  }));
  return [...inOrder, ...others];
}

/**
 * Fits what is wanted into one ticket.
 * @param encode the text of a ticket for these studies; undefined if it is too large
 * @returns undefined if not even one study fits
 */
export function planTicket(
  wanted: readonly WantedStudy[],
  encode: (studies: readonly TicketStudy[]) => string | undefined,
): TicketPlan | undefined {
  const plans = wanted.slice(0, studiesMax).map((study) => forms(study));
  const left = wanted.slice(studiesMax);
  while (plans.length > 0) {
    // What can't fit is rounded up before it is even tried.
    if (coarsenLargest(plans, rangesMax)) continue;
    const studies = plans.map(({ form }) => ({ study: form.study, rounding: form.rounding }));
    const text = encode(studies.map(({ study }) => study));
    if (text !== undefined) return { text, studies, left };
    // If it is still too large, the last one waits.
    if (!coarsenLargest(plans, 0)) left.unshift(...plans.splice(-1).map(({ wanted: study }) => study));
  }
  return undefined;
}

/**
 * Shortens the study that takes the most space.
 * @returns false if none takes more than the given space, or none can be shortened
 */
function coarsenLargest(plans: readonly Plan[], most: number): boolean {
  if (plans.reduce((sum, plan) => sum + words(plan), 0) <= most) return false;
  const longest = plans
    .filter(({ coarser }) => coarser.length > 0)
    .reduce<Plan | undefined>((longer, plan) => (words(plan) > words(longer) ? plan : longer), undefined);
  if (longest === undefined) return false;
  longest.form = longest.coarser.shift() ?? longest.form;
  return true;
}

interface Form {
  readonly study: TicketStudy;
  readonly rounding: Rounding;
}

interface Plan {
  readonly wanted: WantedStudy;
  form: Form;
  /** What it can be rounded up to, in turn. */
  readonly coarser: Form[];
}

function forms(wanted: WantedStudy): Plan {
  const { studyNumber, revision, ranges, series } = wanted;
  const form = (of: readonly TicketRange[] | undefined, rounding: Rounding): Form => ({
    study: { studyNumber, revision, ranges: of },
    rounding,
  });
  if (ranges === undefined) return { wanted, form: form(undefined, 'exact'), coarser: [] };
  const coarser = [form(undefined, 'study')];
  if (series !== undefined) coarser.unshift(form(series, 'series'));
  return { wanted, form: form(ranges, 'exact'), coarser };
}

function words(plan: Plan | undefined): number {
  return plan?.form.study.ranges?.length ?? 0;
}

/** What to ask for from a list. @param seriesUids of each place, from place 1 on */
export function wantedOfList(
  studyNumber: number,
  revision: number,
  ranges: readonly TicketRange[],
  seriesUids: readonly string[],
): WantedStudy {
  const exact = joined(ranges);
  const touched = new Set<string>();
  for (const { first, last } of exact)
    for (let place = Math.max(1, first); place <= Math.min(last, seriesUids.length); place += 1)
      touched.add(seriesUids[place - 1] ?? '');
  const whole = seriesUids.flatMap((uid, index) =>
    touched.has(uid) ? [{ first: index + 1, last: index + 1 }] : [],
  );
  const series = joined([...exact, ...joined(whole)]);
  return { studyNumber, revision, ranges: exact, series: series.length < exact.length ? series : undefined };
}

/** Ranges in order, with adjacent ones merged. */
function joined(ranges: readonly TicketRange[]): TicketRange[] {
  const inOrder = [...ranges].sort((a, b) => a.first - b.first);
  const one: { first: number; last: number }[] = [];
  for (const { first, last } of inOrder) {
    const range = one.at(-1);
    if (range !== undefined && first <= range.last + 1) range.last = Math.max(range.last, last);
    else one.push({ first, last });
  }
  return one;
}

function wantedStudy(ledger: ReceiverLedger, row: MissingRow, studyNumber: number): WantedStudy | undefined {
  const { senderId, studyUid } = row;
  const all = { studyNumber, revision: 0, ranges: undefined, series: undefined };
  if (row.cause === 'study never seen' || studyUid === undefined) return all;
  // Its sender knows it by the revision it stated itself.
  const newest = ledger.manifests.newestAsStated(senderId, studyUid);
  if (newest === undefined) return all;
  const { revision, entries } = newest;
  const seriesUids = entries.map(({ seriesUid }) => seriesUid);
  if (row.cause === 'revision never seen') {
    // The manifest itself, and what it lists beyond the one that has arrived: no list is longer than a manifest can be.
    const last = Math.min(row.expected ?? 0, limits.manifestEntriesMax);
    const beyond = last > entries.length ? [{ first: entries.length + 1, last }] : [];
    return wantedOfList(studyNumber, revision, [{ first: 0, last: 0 }, ...beyond], seriesUids);
  }
  const ids = entries.map(({ objectId }) => objectId);
  const notHere = ledger.openManifests.notHere(senderId, ids);
  const ranges = entries.flatMap(({ objectId }, index) =>
    notHere.has(objectId) ? [{ first: index + 1, last: index + 1 }] : [],
  );
  return ranges.length === 0 ? undefined : wantedOfList(studyNumber, revision, ranges, seriesUids);
}

function both(a: WantedStudy, b: WantedStudy): WantedStudy {
  if (a.ranges === undefined || b.ranges === undefined) return { ...a, ranges: undefined, series: undefined };
  return { ...a, ranges: joined([...a.ranges, ...b.ranges]), series: undefined };
}
