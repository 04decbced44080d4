/**
 * Object ids whose content the receiver has under another id. An object id is bound to key and cut, so after a key was
 * revoked, or the datagram length changed, a sender plans what it keeps again and lists it under new ids. By UID and
 * hash it is the same instance: it is neither collected nor released a second time. That is said of objects of that
 * sender only: another one's object may be listed under its id by anybody.
 */
import { type LedgerDatabase, optionalText, text } from '../../shared/ledger-database.ts';
import type { ManifestEntry } from '../../shared/wire/manifest.ts';

/** Part of the receiver's schema. */
export const objectAliasesSchema = `
   CREATE TABLE object_aliases (
     sender_id TEXT NOT NULL,
     object_id TEXT NOT NULL,
     known_as TEXT NOT NULL,
     PRIMARY KEY (sender_id, object_id)
   ) WITHOUT ROWID;`;

export class ObjectAliases {
  readonly #database: LedgerDatabase;

  constructor(database: LedgerDatabase) {
    this.#database = database;
  }

  enter(senderId: string, objectId: string, knownAs: string): void {
    this.#database.run(
      `INSERT INTO object_aliases VALUES (?, ?, ?)
       ON CONFLICT (sender_id, object_id) DO UPDATE SET known_as = excluded.known_as`,
      senderId,
      objectId,
      knownAs,
    );
  }

  /**
   * Recognises instances of a sender that have no row, and whose very bytes are here under another id.
   * @param entries at most some thousand at a time
   * @returns their object ids: they need not be collected
   */
  recognise(
    senderId: string,
    entries: readonly Pick<ManifestEntry, 'objectId' | 'sopInstanceUid' | 'sha256' | 'bytes'>[],
  ): string[] {
    const asked = entries.map(({ objectId, sopInstanceUid, sha256, bytes }) => [
      objectId,
      sopInstanceUid,
      sha256,
      bytes,
    ]);
    const found = this.#database.all(
      `SELECT entry.value ->> 0 AS object_id, (SELECT object_id FROM instances WHERE sender_id = ?1
           AND sop_instance_uid = entry.value ->> 1 AND sha256 = entry.value ->> 2 AND bytes = entry.value ->> 3
           AND object_id <> entry.value ->> 0 ORDER BY arrival LIMIT 1) AS known_as
       FROM json_each(?2) AS entry WHERE known_as IS NOT NULL
         AND NOT EXISTS (SELECT 1 FROM instances WHERE object_id = entry.value ->> 0 AND sender_id = ?1)`,
      senderId,
      JSON.stringify(asked),
    );
    for (const row of found) this.enter(senderId, text(row, 'object_id'), text(row, 'known_as'));
    return found.map((row) => text(row, 'object_id'));
  }

  /** Senders that have any. */
  senderIds(): string[] {
    return this.#database
      .all('SELECT DISTINCT sender_id FROM object_aliases')
      .map((row) => text(row, 'sender_id'));
  }

  /**
   * All of a sender that is still here, a page at a time: what was purged since is wanted again.
   * @returns 16 bytes each, one behind the other; empty behind the last
   */
  objectIds(senderId: string, after: string, limit: number): { ids: Uint8Array; last: string } {
    const row = this.#database.get(
      `SELECT group_concat(object_id, '') AS ids, max(object_id) AS last FROM
         (SELECT object_aliases.object_id FROM object_aliases JOIN instances ON instances.object_id = known_as
          WHERE object_aliases.sender_id = ? AND object_aliases.object_id > ? ORDER BY object_aliases.object_id LIMIT ?)`,
      senderId,
      after,
      limit,
    );
    const ids = row === undefined ? undefined : optionalText(row, 'ids');
    if (row === undefined || ids === undefined) return { ids: new Uint8Array(0), last: after };
    return { ids: Buffer.from(ids, 'hex'), last: text(row, 'last') };
  }
}
