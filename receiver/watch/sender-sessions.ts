/**
 * Which beacons and rolls are new. A session is one run of a sender, (counter, random); within one the sequence of the
 * datagram says what is newer. Sessions that were heard are remembered with their last sequences, so a recording of
 * them stays a replay. No clock of the sender, and no wall clock, decides anything.
 *
 * A session with a lower counter than the newest one comes from a sender that was restored from an older disk image, or is a
 * recording that was never heard before. It is accepted once the newest session has been silent for as long as it takes
 * to raise the alarm about a silent sender.
 */
import type { HeardSession } from '../ledger/sender-records.ts';
import { sessionsMax } from '../ledger/sender-records.ts';

/** Where a document came, to tell whether it is new. */
export interface Moment {
  readonly senderId: string;
  readonly sessionCounter: number;
  readonly sessionRandom: number;
  readonly sequence: number;
}

export type Telling = 'beacon' | 'roll';

/** Where a document came, and which beacon or roll of its session it is: several datagrams of one object may open it. */
export interface Report extends Moment {
  readonly telling: Telling;
  readonly number: number;
}

/**
 * - `new`: newer than everything before
 * - `set back`: from a lower session, while the newest one is silent
 * - `waits`: from a lower session, while the newest one is not silent yet
 * - `replay`: was heard before, or could have been
 */
export type Newness = 'new' | 'set back' | 'waits' | 'replay';

interface Heard {
  newest: HeardSession;
  heardAtMs: number;
  /** Sessions before, by counter and random, the one that was left the longest ago first. */
  readonly left: Map<string, HeardSession>;
}

export class SenderSessions {
  readonly #silenceMs: number;
  readonly #heard = new Map<string, Heard>();

  constructor(silenceMs: number) {
    this.#silenceMs = silenceMs;
  }

  /** What an earlier run of this program had heard. Its silence counts from now. */
  load(senderId: string, newest: HeardSession, left: readonly HeardSession[], nowMs: number): void {
    const sessions = new Map(left.map((session) => [keyOf(session), session]));
    this.#heard.set(senderId, { newest, heardAtMs: nowMs, left: sessions });
  }

  /** Only looks up maps, since it is called for each object that a datagram would open. */
  newness(moment: Moment, telling: Telling, nowMs: number, toldNumber?: number): Newness {
    const heard = this.#heard.get(moment.senderId);
    if (heard === undefined) return 'new';
    const { newest, left, heardAtMs } = heard;
    if (isSame(moment, newest)) return isBeyond(moment, newest, telling, toldNumber) ? 'new' : 'replay';
    const before = left.get(keyOf(moment));
    if (before !== undefined && !isBeyond(moment, before, telling, toldNumber)) return 'replay';
    if (moment.sessionCounter > newest.sessionCounter) return 'new';
    // A roll alone never shows that its sender was set back.
    if (telling === 'roll') return 'replay';
    return nowMs - heardAtMs >= this.#silenceMs ? 'set back' : 'waits';
  }

  /** The sessions as they are when this is taken: the newest, and the one that is left for it. */
  after(moment: Report): { newest: HeardSession; left: HeardSession | undefined } {
    const heard = this.#heard.get(moment.senderId);
    const isLeft = heard !== undefined && !isSame(moment, heard.newest);
    const before = isLeft ? heard.left.get(keyOf(moment)) : heard?.newest;
    const { sessionCounter, sessionRandom, telling } = moment;
    const [beacon, roll] = telling === 'beacon' ? [moment, undefined] : [undefined, moment];
    const newest = {
      sessionCounter,
      sessionRandom,
      sequence: beacon?.sequence ?? before?.sequence ?? -1,
      rollSequence: roll?.sequence ?? before?.rollSequence ?? -1,
      beaconNumber: beacon?.number ?? before?.beaconNumber ?? 0,
      rollNumber: roll?.number ?? before?.rollNumber ?? 0,
    };
    return { newest, left: isLeft ? heard.newest : undefined };
  }

  /** It was accepted, and the ledger says so. */
  took(moment: Report, nowMs: number): void {
    const { newest, left } = this.after(moment);
    const heard = this.#heard.get(moment.senderId);
    if (heard === undefined) return this.load(moment.senderId, newest, [], nowMs);
    heard.newest = newest;
    heard.heardAtMs = Math.max(heard.heardAtMs, nowMs);
    if (left === undefined) return;
    heard.left.delete(keyOf(newest));
    heard.left.delete(keyOf(left));
    heard.left.set(keyOf(left), left);
    const [oldest] = heard.left.keys();
    if (heard.left.size > sessionsMax && oldest !== undefined) heard.left.delete(oldest);
  }

  /** Whether it is of the roll that was taken last: its pages come one by one, and none of them twice does harm. */
  isOfLastRoll(moment: Moment, rollNumber: number): boolean {
    const newest = this.#heard.get(moment.senderId)?.newest;
    return newest !== undefined && isSame(moment, newest) && newest.rollNumber === rollNumber;
  }
}

/** By the header, and by what the document says of itself as soon as that is known. */
function isBeyond(
  moment: Moment,
  last: HeardSession,
  telling: Telling,
  toldNumber: number | undefined,
): boolean {
  const [sequence, number] =
    telling === 'beacon' ? [last.sequence, last.beaconNumber] : [last.rollSequence, last.rollNumber - 1];
  return moment.sequence > sequence && (toldNumber === undefined || toldNumber > number);
}

function isSame(a: Omit<Moment, 'senderId' | 'sequence'>, b: HeardSession): boolean {
  return a.sessionCounter === b.sessionCounter && a.sessionRandom === b.sessionRandom;
}

function keyOf(session: { readonly sessionCounter: number; readonly sessionRandom: number }): string {
  return `${session.sessionCounter} ${session.sessionRandom}`;
}
