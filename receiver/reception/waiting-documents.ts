/**
 * Documents that came whole and are not read yet: bounded, and taken of each sender in turn. Where there is no room, the
 * sender with the most makes room, so that none of them costs another one anything but its turn.
 */
import { limits } from '../../shared/wire/limits.ts';
import type { AssembledObject } from '../assemble/assembler.ts';

/** Bytes of all that wait, and documents of one sender. */
const bytesMax = 2 * limits.documentBytesMax;
const ofSenderMax = 512;

interface OfSender {
  readonly documents: AssembledObject[];
  bytes: number;
}

export class WaitingDocuments {
  /** The sender whose turn it is first. */
  readonly #senders = new Map<string, OfSender>();
  readonly #groupOf: (senderId: string) => string;
  #bytes = 0;

  /** @param groupOf sender ids that count as one where turns and room are; each is its own when left out */
  constructor(groupOf: (senderId: string) => string = (senderId) => senderId) {
    this.#groupOf = groupOf;
  }

  get isEmpty(): boolean {
    return this.#senders.size === 0;
  }

  has(senderId: string): boolean {
    return this.#senders.has(this.#groupOf(senderId));
  }

  /** @returns what there was no room for: it comes again with a later pass */
  add(document: AssembledObject): AssembledObject[] {
    const group = this.#groupOf(document.senderId);
    let ofSender = this.#senders.get(group);
    if (ofSender === undefined) {
      ofSender = { documents: [], bytes: 0 };
      this.#senders.set(group, ofSender);
    }
    ofSender.documents.push(document);
    ofSender.bytes += document.bytes;
    this.#bytes += document.bytes;
    const dropped: AssembledObject[] = [];
    if (ofSender.documents.length > ofSenderMax) this.#drop(group, dropped);
    while (this.#bytes > bytesMax) this.#drop(this.#largest(), dropped);
    return dropped;
  }

  /** The next one, of the sender whose turn it is. */
  next(): AssembledObject | undefined {
    for (const [senderId, ofSender] of this.#senders) {
      const document = ofSender.documents.shift();
      this.#senders.delete(senderId);
      if (document === undefined) continue;
      this.#bytes -= document.bytes;
      ofSender.bytes -= document.bytes;
      if (ofSender.documents.length > 0) this.#senders.set(senderId, ofSender);
      return document;
    }
    return undefined;
  }

  #largest(): string {
    const [[first] = ['']] = this.#senders;
    let largest = first;
    for (const [senderId, { bytes }] of this.#senders)
      if (bytes > (this.#senders.get(largest)?.bytes ?? 0)) largest = senderId;
    return largest;
  }

  /** Drops the newest of a sender: what is before it is as it was sent. */
  #drop(senderId: string, dropped: AssembledObject[]): void {
    const ofSender = this.#senders.get(senderId);
    const document = ofSender?.documents.pop();
    if (ofSender === undefined || document === undefined) return;
    this.#bytes -= document.bytes;
    ofSender.bytes -= document.bytes;
    if (ofSender.documents.length === 0) this.#senders.delete(senderId);
    dropped.push(document);
  }
}
