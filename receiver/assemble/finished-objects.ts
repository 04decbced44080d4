/** Which objects are finished: their datagrams are dropped at once. */
import { type ObjectType, objectIdBytes, objectType } from '../../shared/wire/datagram.ts';
import { ObjectIdIndex } from './object-id-index.ts';

/** Beacons and rolls count only if they are new: remembering them merely saves work. */
const recentDocumentsMax = 4096;
/** Most senders never have any. */
const knownCapacity = 64;

export class FinishedObjects {
  readonly #kept = new ObjectIdIndex();
  /** What one sender's lists say about its own objects, by sender: they say nothing about those of others. */
  readonly #known = new Map<string, ObjectIdIndex>();
  #recentDocuments = new ObjectIdIndex();

  /** @param objectId 16 bytes */
  add(objectId: Uint8Array): void {
    this.#kept.set(objectId, 0, 1);
  }

  /** Many: 16 bytes each, one after another. */
  addAll(objectIds: Uint8Array): void {
    for (let at = 0; at + objectIdBytes <= objectIds.length; at += objectIdBytes)
      this.#kept.set(objectIds, at, 1);
  }

  /**
   * Content of a sender that is already here under another object id.
   * @param objectIds 16 bytes each, one after another
   */
  addKnown(senderId: string, objectIds: Uint8Array): void {
    const known = this.#known.get(senderId) ?? new ObjectIdIndex(knownCapacity);
    this.#known.set(senderId, known);
    for (let at = 0; at + objectIdBytes <= objectIds.length; at += objectIdBytes) known.set(objectIds, at, 1);
  }

  /** A document is complete; whether it counts is decided elsewhere. */
  addRecent(objectId: Uint8Array): void {
    if (this.#recentDocuments.size >= recentDocumentsMax) this.#recentDocuments = new ObjectIdIndex();
    this.#recentDocuments.set(objectId, 0, 1);
  }

  delete(objectId: Uint8Array): void {
    this.#kept.delete(objectId, 0);
    this.#recentDocuments.delete(objectId, 0);
    for (const known of this.#known.values()) known.delete(objectId, 0);
  }

  /** Whether a sender's object, whose id is at an offset, is finished. */
  has(senderId: string, type: ObjectType, bytes: Uint8Array, offset: number): boolean {
    const isKept = type === objectType.instance || type === objectType.manifest;
    if (isKept && this.#kept.find(bytes, offset) >= 0) return true;
    if (type === objectType.instance && this.#isKnown(senderId, bytes, offset)) return true;
    return this.#recentDocuments.find(bytes, offset) >= 0;
  }

  /** The same for anything that is kept. */
  keeps(senderId: string, objectId: Uint8Array): boolean {
    return this.#kept.find(objectId, 0) >= 0 || this.#isKnown(senderId, objectId, 0);
  }

  #isKnown(senderId: string, bytes: Uint8Array, offset: number): boolean {
    if (this.#known.size === 0) return false;
    return (this.#known.get(senderId)?.find(bytes, offset) ?? -1) >= 0;
  }
}
