/**
 * What a ticket asks for: exactly what is missing, as long as that fits; then whole series, then whole studies. What
 * fits in no case is left for another ticket.
 */
import type { ManifestEntry } from '../../shared/wire/manifest.ts';
import type { TicketRange, TicketStudy } from '../../shared/wire/ticket.ts';
import type { ReceiverLedger } from '../ledger/ledger.ts';
import type { MissingRow } from './missing.ts';

/** A study to ask for. Places are those of a ticket: 0 is the manifest, 1 its first instance. */
export interface WantedStudy {
  readonly studyNumber: number;
  readonly revision: number;
  /** Ascending; undefined: all of it, since no manifest says what it consists of. */
  readonly places: readonly number[] | undefined;
  /** The series of each place, from place 1 on. */
  readonly seriesUids: readonly string[];
}

export type Rounding = 'exact' | 'series' | 'study';

export interface TicketPlan {
  readonly text: string;
  readonly studies: readonly { readonly study: TicketStudy; readonly rounding: Rounding }[];
  /** Studies that did not fit. */
  readonly left: readonly WantedStudy[];
}

/** What of the rows of one sender a ticket can ask for: all but what its sender has not closed, or holds no more. */
export function wantedStudies(ledger: ReceiverLedger, rows: readonly MissingRow[]): WantedStudy[] {
  const wanted = new Map<number, WantedStudy>();
  for (const row of rows) {
    if (row.studyNumber === undefined || row.expired) continue;
    const study = wantedStudy(ledger, row, row.studyNumber);
    if (study === undefined) continue;
    const before = wanted.get(study.studyNumber);
    wanted.set(study.studyNumber, before === undefined ? study : both(before, study));
  }
  return [...wanted.values()].sort((a, b) => a.studyNumber - b.studyNumber);
}

/**
 * Fits what is wanted into one ticket.
 * @param encode the text of a ticket for these studies; undefined when it is too large
 * @returns undefined when not even one study fits
 */
export function planTicket(
  wanted: readonly WantedStudy[],
  encode: (studies: readonly TicketStudy[]) => string | undefined,
): TicketPlan | undefined {
  const plans = wanted.map((study) => forms(study));
  const left: WantedStudy[] = [];
  while (plans.length > 0) {
    const studies = plans.map(({ form }) => ({ study: form.study, rounding: form.rounding }));
    const text = encode(studies.map(({ study }) => study));
    if (text !== undefined) return { text, studies, left };
    // The one that takes the most words is said in fewer; when all are, the last one waits.
    const longest = plans
      .filter(({ coarser }) => coarser.length > 0)
      .reduce<Plan | undefined>((most, plan) => (words(plan) > words(most) ? plan : most), undefined);
    if (longest !== undefined) longest.form = longest.coarser.shift() ?? longest.form;
    else left.unshift(...plans.splice(-1).map(({ wanted: study }) => study));
  }
  return undefined;
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
  const { studyNumber, revision, places, seriesUids } = wanted;
  const form = (ranges: readonly TicketRange[] | undefined, rounding: Rounding): Form => ({
    study: { studyNumber, revision, ranges },
    rounding,
  });
  if (places === undefined) return { wanted, form: form(undefined, 'exact'), coarser: [] };
  const exact = rangesOf(places);
  const touched = new Set(places.map((place) => seriesUids[place - 1]));
  const all = seriesUids.flatMap((uid, index) => (touched.has(uid) ? [index + 1] : []));
  const series = rangesOf([...new Set([...places, ...all])].sort((a, b) => a - b));
  const coarser = [form(undefined, 'study')];
  if (series.length < exact.length) coarser.unshift(form(series, 'series'));
  return { wanted, form: form(exact, 'exact'), coarser };
}

function words(plan: Plan | undefined): number {
  return plan?.form.study.ranges?.length ?? 0;
}

function rangesOf(places: readonly number[]): TicketRange[] {
  const ranges: { first: number; last: number }[] = [];
  for (const place of places) {
    const range = ranges.at(-1);
    if (range !== undefined && place === range.last + 1) range.last = place;
    else ranges.push({ first: place, last: place });
  }
  return ranges;
}

function wantedStudy(ledger: ReceiverLedger, row: MissingRow, studyNumber: number): WantedStudy | undefined {
  const { senderId, studyUid } = row;
  if (row.cause === 'study never seen' || studyUid === undefined)
    return { studyNumber, revision: 0, places: undefined, seriesUids: [] };
  const study = ledger.studies.get(senderId, studyUid);
  if (study === undefined) return { studyNumber, revision: 0, places: undefined, seriesUids: [] };
  const [newest] = ledger.manifests.above(senderId, studyUid, 0);
  const entries: readonly ManifestEntry[] = newest?.entries ?? [];
  const seriesUids = entries.map(({ seriesUid }) => seriesUid);
  const revision = newest?.revision ?? 0;
  if (row.cause === 'revision never seen') {
    // The manifest itself, and what it lists beyond the one that is there.
    const more = Math.max(0, (row.expected ?? 0) - entries.length);
    const places = [0, ...Array.from({ length: more }, (_, index) => entries.length + 1 + index)];
    return { studyNumber, revision, places, seriesUids };
  }
  const places = entries.flatMap(({ objectId }, index) =>
    ledger.instances.get(objectId) === undefined ? [index + 1] : [],
  );
  return places.length === 0 ? undefined : { studyNumber, revision, places, seriesUids };
}

function both(a: WantedStudy, b: WantedStudy): WantedStudy {
  if (a.places === undefined || b.places === undefined) return { ...a, places: undefined };
  return { ...a, places: [...new Set([...a.places, ...b.places])].sort((x, y) => x - y) };
}
