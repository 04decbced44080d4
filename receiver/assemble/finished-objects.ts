/** Which objects are finished: their datagrams are dropped at once. */
import { type ObjectType, objectIdBytes, objectType } from '../../shared/wire/datagram.ts';
import { ObjectIdIndex } from './object-id-index.ts';

/** Beacons and rolls count by their newness: what is remembered of them only saves work. */
const recentDocumentsMax = 4096;

export class FinishedObjects {
  readonly #kept = new ObjectIdIndex();
  #recentDocuments = new ObjectIdIndex();

  /** @param objectId 16 bytes */
  add(objectId: Uint8Array): void {
    this.#kept.set(objectId, 0, 1);
  }

  /** Many: 16 bytes each, one behind the other. */
  addAll(objectIds: Uint8Array): void {
    for (let at = 0; at + objectIdBytes <= objectIds.length; at += objectIdBytes)
      this.#kept.set(objectIds, at, 1);
  }

  /** A document came whole; whether it counts is for others to say. */
  addRecent(objectId: Uint8Array): void {
    if (this.#recentDocuments.size >= recentDocumentsMax) this.#recentDocuments = new ObjectIdIndex();
    this.#recentDocuments.set(objectId, 0, 1);
  }

  delete(objectId: Uint8Array): void {
    this.#kept.delete(objectId, 0);
    this.#recentDocuments.delete(objectId, 0);
  }

  /** Whether the object is finished whose id stands at an offset. */
  has(type: ObjectType, bytes: Uint8Array, offset: number): boolean {
    const isKept = type === objectType.instance || type === objectType.manifest;
    if (isKept && this.#kept.find(bytes, offset) >= 0) return true;
    return this.#recentDocuments.find(bytes, offset) >= 0;
  }

  /** The same of what is kept, whatever it is. */
  keeps(objectId: Uint8Array): boolean {
    return this.#kept.find(objectId, 0) >= 0;
  }
}
