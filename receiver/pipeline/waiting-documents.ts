/**
 * Documents that came whole and are not read yet: bounded, and next is one of the sender whose documents took least time
 * so far. Where there is no room, the sender with the most makes room, so that none of them costs another one anything.
 */
import { objectType } from '../../shared/wire/datagram.ts';
import { limits } from '../../shared/wire/limits.ts';
import type { AssembledObject } from '../assemble/assembler.ts';
import { SenderQueues } from './sender-queues.ts';

/** Bytes of all that wait, and documents of one sender. */
const bytesMax = 2 * limits.documentBytesMax;
const ofSenderMax = 512;
/** A turn costs this much at least: where no time passes, turns are by count. */
const turnMs = 0.01;

export interface WaitingDocument {
  readonly document: AssembledObject;
  /** When it came, on the monotonic clock. */
  readonly cameMs: number;
  /** Whose turn it is at the cost of. */
  readonly group: string;
}

interface Place {
  waiting: WaitingDocument;
}

interface OfGroup {
  count: number;
  bytes: number;
}

export class WaitingDocuments {
  readonly #queues = new SenderQueues<Place>();
  /** Of those that something waits of. */
  readonly #groups = new Map<string, OfGroup>();
  /** The newest beacon that waits, by its sender. */
  readonly #beacons = new Map<string, Place>();
  readonly #groupOf: (senderId: string) => string;
  #bytes = 0;

  /** @param groupOf sender ids that count as one where turns and room are; each is its own when left out */
  constructor(groupOf: (senderId: string) => string = (senderId) => senderId) {
    this.#groupOf = groupOf;
  }

  get isEmpty(): boolean {
    return this.#queues.size === 0;
  }

  /** When the newest beacon that waits of a sender came; undefined when none waits. */
  beaconCameMs(senderId: string): number | undefined {
    return this.#beacons.get(senderId)?.waiting.cameMs;
  }

  /** @returns what there was no room for: it comes again with a later pass */
  add(document: AssembledObject, cameMs = 0): AssembledObject[] {
    const group = this.#groupOf(document.senderId);
    const waiting = { document, cameMs, group };
    const beacon = this.#beacons.get(document.senderId);
    if (beacon !== undefined && isNewerBeacon(document, beacon.waiting.document)) {
      // Whoever reads the newer one has no use for the older, and its place is the earlier one.
      this.#count(beacon.waiting, -1);
      beacon.waiting = waiting;
    } else {
      const place = { waiting };
      this.#queues.add(group, place);
      if (document.type === objectType.beacon) this.#beacons.set(document.senderId, place);
    }
    this.#count(waiting, 1);
    const dropped: AssembledObject[] = [];
    if ((this.#groups.get(group)?.count ?? 0) > ofSenderMax) this.#drop(group, dropped);
    while (this.#bytes > bytesMax) this.#drop(this.#largest(), dropped);
    return dropped;
  }

  /**
   * The next one, of those whose group may have a turn now. What it took is told to {@link took}.
   * @param mayRead every group when left out
   */
  next(mayRead?: (group: string) => boolean): WaitingDocument | undefined {
    const taken = this.#queues.take(1, mayRead);
    const [place] = taken?.items ?? [];
    if (place === undefined) return undefined;
    this.#left(place);
    this.took(place.waiting.group, turnMs);
    return place.waiting;
  }

  /** How long the document of a group took. */
  took(group: string, ms: number): void {
    this.#queues.charge(group, ms);
  }

  #largest(): string {
    let largest = { group: '', bytes: 0 };
    for (const [group, { bytes }] of this.#groups) if (bytes > largest.bytes) largest = { group, bytes };
    return largest.group;
  }

  /** Drops the newest of a group: what is before it is as it was sent. */
  #drop(group: string, dropped: AssembledObject[]): void {
    const place = this.#queues.dropLast(group);
    if (place === undefined) return;
    this.#left(place);
    dropped.push(place.waiting.document);
  }

  #left(place: Place): void {
    const { senderId } = place.waiting.document;
    this.#count(place.waiting, -1);
    if (this.#beacons.get(senderId) === place) this.#beacons.delete(senderId);
  }

  #count({ group, document }: WaitingDocument, more: 1 | -1): void {
    const ofGroup = this.#groups.get(group) ?? { count: 0, bytes: 0 };
    ofGroup.count += more;
    ofGroup.bytes += more * document.bytes;
    this.#bytes += more * document.bytes;
    if (ofGroup.count === 0) this.#groups.delete(group);
    else this.#groups.set(group, ofGroup);
  }
}

/** Both are of one sender. Of another session, only who reads them can tell which one counts. */
function isNewerBeacon(newer: AssembledObject, older: AssembledObject): boolean {
  return (
    newer.type === objectType.beacon &&
    newer.keyId === older.keyId &&
    newer.sessionCounter === older.sessionCounter &&
    newer.sessionRandom === older.sessionRandom &&
    newer.sequence > older.sequence
  );
}
