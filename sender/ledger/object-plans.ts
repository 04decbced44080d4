/**
 * The ledger's view of plans: under which key and in which cut each spooled object goes out, and which of them can
 * not go out any more because their key left the ring or the link has another datagram length.
 */
import { type LedgerDatabase, number, text } from '../../shared/ledger-database.ts';
import { objectType } from '../../shared/wire/datagram.ts';
import { type CloseReason, closeReason } from '../../shared/wire/manifest.ts';
import type { ObjectPlan } from '../identity.ts';

/** What objects may be planned under now. */
export interface UsablePlans {
  readonly keyIds: readonly number[];
  readonly symbolBytes: number;
}

export interface StaleInstance {
  readonly objectId: string;
  readonly studyUid: string;
  /** 32 bytes as hexadecimal */
  readonly sha256: string;
  readonly bytes: number;
}

/** The id of no key. */
const noKeyId = 0;
const keysAre = 'key_id IN (SELECT value FROM json_each(?)) AND symbol_bytes = ?';

export class ObjectPlans {
  readonly #database: LedgerDatabase;

  constructor(database: LedgerDatabase) {
    this.#database = database;
  }

  /** This is another sender now: ids are bound to the sender, so nothing can go out as it is planned. */
  makeAllStale(): void {
    this.#database.run('UPDATE objects SET key_id = ?', noKeyId);
  }

  /** Instances that can't go out as they are planned, at most `limit`. */
  staleInstances(usable: UsablePlans, limit: number): StaleInstance[] {
    return this.#database
      .all(
        `SELECT object_id, study_uid, sha256, bytes FROM objects WHERE type = ? AND NOT (${keysAre}) ORDER BY intake LIMIT ?`,
        objectType.instance,
        JSON.stringify(usable.keyIds),
        usable.symbolBytes,
        limit,
      )
      .map((row) => ({
        objectId: text(row, 'object_id'),
        studyUid: text(row, 'study_uid'),
        sha256: text(row, 'sha256'),
        bytes: number(row, 'bytes'),
      }));
  }

  /**
   * Gives instances a new plan, and takes away the manifests that list them under the old one: one transaction.
   * What had its planned passes stays behind what is new; what was under way begins anew.
   */
  replan(changes: readonly { from: StaleInstance; to: ObjectPlan }[], passesPlanned: number): void {
    this.#database.transaction(() => {
      for (const { from, to } of changes) {
        this.#database.run(
          `UPDATE objects SET object_id = ?, key_id = ?, symbol_bytes = ?, maximum_source_symbols = ?,
             passes = CASE WHEN passes < ? THEN 0 ELSE passes END WHERE object_id = ?`,
          to.objectId,
          to.keyId,
          to.symbolBytes,
          to.maximumSourceSymbols,
          passesPlanned,
          from.objectId,
        );
        // What a ticket asked for is asked for still.
        this.#database.run(
          'UPDATE resends SET object_id = ? WHERE object_id = ?',
          to.objectId,
          from.objectId,
        );
      }
      for (const studyUid of new Set(changes.map(({ from }) => from.studyUid))) {
        this.#database.run(
          'DELETE FROM objects WHERE study_uid = ? AND type = ?',
          studyUid,
          objectType.manifest,
        );
      }
    });
  }

  /** Takes away manifests that can't go out as they are planned; their studies get new ones. */
  dropStaleManifests(usable: UsablePlans): void {
    this.#database.run(
      `DELETE FROM objects WHERE type = ? AND NOT (${keysAre})`,
      objectType.manifest,
      JSON.stringify(usable.keyIds),
      usable.symbolBytes,
    );
  }

  /** Closed studies whose instances are here and whose manifest is not, with the reason they were closed for. */
  studiesWithoutManifest(): { studyUid: string; closedBecause: CloseReason }[] {
    return this.#database
      .all(
        `SELECT study_uid, closed_because FROM studies WHERE open = 0 AND study_number IS NOT NULL
           AND EXISTS (SELECT 1 FROM objects WHERE objects.study_uid = studies.study_uid AND type = ?)
           AND NOT EXISTS (SELECT 1 FROM objects WHERE objects.study_uid = studies.study_uid AND type = ?)
         ORDER BY study_number`,
        objectType.instance,
        objectType.manifest,
      )
      .map((row) => ({
        studyUid: text(row, 'study_uid'),
        closedBecause:
          Object.values(closeReason).find((reason) => reason === row['closed_because']) ?? closeReason.forced,
      }));
  }
}
