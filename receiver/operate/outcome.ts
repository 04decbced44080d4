/** What became of instances that a person let through: read from the ledger, so that the answer is what really happened. */
import { countText } from '../../shared/console/quantities.ts';
import type { Told } from '../../shared/program/operations.ts';
import type { HeldInstance } from '../ledger/holds.ts';
import type { ReceiverLedger } from '../ledger/ledger.ts';

type LetThrough = Pick<HeldInstance, 'objectId' | 'senderId' | 'studyUid' | 'claimedStudyUid'>;

export interface Outcome {
  /** Those that are out: how many by the name of their release. */
  readonly released: ReadonlyMap<string, number>;
  /** Those whose release is under way, counted the same way. */
  readonly underWay: ReadonlyMap<string, number>;
  /** The same content is already out from another sending. */
  readonly known: number;
  /** Still held for another reason: how many by its code. */
  readonly held: ReadonlyMap<string, number>;
  /** Their study is not whole yet. */
  readonly waiting: number;
  /** The destinations of those that are out. */
  readonly destinations: readonly string[];
}

/** Names that one answer lists. */
const namesMax = 20;

/** @param lastRelease the newest release before they were let through */
export function outcomeOf(
  ledger: ReceiverLedger,
  letThrough: readonly LetThrough[],
  lastRelease: number,
): Outcome {
  const releaseOf = new Map<string, { readonly target: string; readonly isDone: boolean }>();
  const places = new Map(letThrough.map((one) => [`${one.senderId} ${placeOf(one)}`, one]));
  for (const one of places.values()) {
    for (const { target, step, objectIds } of ledger.releases.ofStudyAfter(
      one.senderId,
      placeOf(one),
      lastRelease,
    ))
      for (const objectId of objectIds) releaseOf.set(objectId, { target, isDone: step === 'done' });
  }
  const released = new Map<string, number>();
  const underWay = new Map<string, number>();
  const held = new Map<string, number>();
  const out: string[] = [];
  let [known, waiting] = [0, 0];
  for (const { objectId } of letThrough) {
    const row = ledger.instances.get(objectId);
    const release = releaseOf.get(objectId);
    const isOut = row?.releasedRevision !== undefined;
    if (isOut) out.push(objectId);
    if (release !== undefined) add(isOut && release.isDone ? released : underWay, release.target);
    else if (isOut) known += 1;
    else if (row?.heldBecause !== undefined) add(held, row.heldBecause);
    else waiting += 1;
  }
  return { released, underWay, known, held, waiting, destinations: ledger.deliveries.destinationsOf(out) };
}

/** In one sentence. @param hasInbox without an inbox, a release goes to destinations only */
export function toldOf(outcome: Outcome, hasInbox: boolean): Told {
  const { released, underWay, known, held, waiting, destinations } = outcome;
  const as = (targets: ReadonlyMap<string, number>) =>
    hasInbox ? ` to the inbox as ${listText([...targets.keys()])}` : '';
  const instances = (count: number) => countText(count, 'instance');
  const queued = destinations.length === 0 ? '' : `, and queued for ${listText(destinations)}`;
  const parts = [
    ...(released.size === 0 ? [] : [`${instances(sum(released))} released${as(released)}${queued}`]),
    ...(underWay.size === 0 ? [] : [`${instances(sum(underWay))} being released${as(underWay)}`]),
    ...(known === 0 ? [] : [`${instances(known)} already out: the same content came in another sending`]),
    ...[...held].map(([code, count]) => `${instances(count)} held for another reason: ${code}`),
    ...(waiting === 0 ? [] : [`${instances(waiting)} let through, to be released with the whole study`]),
  ];
  const facts = {
    released: sum(released),
    underWay: sum(underWay),
    known,
    held: sum(held),
    waiting,
    ...(hasInbox && { folders: [...released.keys()].slice(0, namesMax) }),
    destinations: destinations.slice(0, namesMax),
  };
  return { detail: parts.join('; '), facts };
}

/** The study whose list has the instance. */
export function placeOf({
  claimedStudyUid,
  studyUid,
}: Pick<LetThrough, 'studyUid' | 'claimedStudyUid'>): string {
  return claimedStudyUid ?? studyUid;
}

function add(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

function sum(counts: ReadonlyMap<string, number>): number {
  return [...counts.values()].reduce((total, count) => total + count, 0);
}

function listText(names: readonly string[]): string {
  const more = names.length > namesMax ? ` and ${names.length - namesMax} more` : '';
  return `${names.slice(0, namesMax).join(', ')}${more}`;
}
