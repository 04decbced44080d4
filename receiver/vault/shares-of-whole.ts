/**
 * Which sender has most of the whole objects in the vault. Above a mark of its disk, a sender that has far more than others
 * may begin nothing more, so that the rest up to the high-water mark is left to them: perfectly valid studies can fill a
 * disk, too.
 */

export interface WholeBytes {
  /** By sender id; read anew now and then. */
  readonly ofSenders: () => ReadonlyMap<string, number>;
  /** Sender ids in use, including those that have nothing in the vault. */
  readonly senderIds: () => readonly string[];
  /** Sender ids of one key name count as one: whoever has the key can have many. */
  readonly groupOf: (senderId: string) => string;
}

/** This many times an even share of all whole objects is too much, */
const tooMuch = 1.5;
/** but this part of an even share of the disk is never too much, whoever filled it. */
const ownShare = 0.5;

export class SharesOfWhole {
  readonly #whole: WholeBytes | undefined;
  /** By group. */
  #bytes: ReadonlyMap<string, number> = new Map();
  /** What one group may have. */
  #mostBytes = Number.POSITIVE_INFINITY;

  constructor(whole: WholeBytes | undefined) {
    this.#whole = whole;
  }

  /** Reads who has how much. Call it every second or so. @param diskBytes up to the high-water mark */
  look(diskBytes: number): void {
    if (this.#whole === undefined) return;
    const { ofSenders, senderIds, groupOf } = this.#whole;
    const bytes = new Map<string, number>(senderIds().map((senderId) => [groupOf(senderId), 0]));
    let all = 0;
    for (const [senderId, used] of ofSenders()) {
      const group = groupOf(senderId);
      bytes.set(group, (bytes.get(group) ?? 0) + used);
      all += used;
    }
    const most = Math.max((all / bytes.size) * tooMuch, (diskBytes / bytes.size) * ownShare);
    this.#bytes = bytes;
    this.#mostBytes = bytes.size > 1 ? most : Number.POSITIVE_INFINITY;
  }

  /** Whether a sender has so much that the rest is for others. @param moreBytes what it is about to get */
  isOver(senderId: string, moreBytes: number): boolean {
    if (this.#whole === undefined || this.#mostBytes === Number.POSITIVE_INFINITY) return false;
    return (this.#bytes.get(this.#whole.groupOf(senderId)) ?? 0) + moreBytes > this.#mostBytes;
  }
}
