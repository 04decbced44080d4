/**
 * Which studies have had all of their planned passes. Passes of an object only grow, so of each study it is remembered how
 * far it was looked through: however long it is, each of its objects is looked at once or twice.
 */
import { type LedgerDatabase, number, text } from '../../shared/ledger-database.ts';
import { objectType } from '../../shared/wire/datagram.ts';

/** A study all of whose objects have had the planned passes, but for those that can't be read. */
export interface TransmittedStudy {
  readonly studyUid: string;
  readonly studyNumber: number;
  readonly revision: number;
  readonly instances: number;
  readonly unreadable: number;
}

/** Studies that are remembered; one that was forgotten is looked through from its beginning. */
const rememberedMax = 1000;

export class TransmittedStudies {
  readonly #database: LedgerDatabase;
  /** By Study UID: the place of an instance; those before it have had their passes. */
  readonly #reached = new Map<string, number>();

  constructor(database: LedgerDatabase) {
    this.#database = database;
  }

  /** What was looked at may have been taken back. */
  forget(): void {
    this.#reached.clear();
  }

  /**
   * Of some objects one more pass each was counted, in this transaction.
   * @returns the closed studies that have all of their passes by that
   */
  by(objectIds: readonly string[], passesPlanned: number): TransmittedStudy[] {
    const rows = this.#database.all(
      `SELECT DISTINCT studies.study_uid, study_number, revision, instances FROM json_each(?1) AS counted
         JOIN objects ON objects.object_id = counted.value JOIN studies ON studies.study_uid = objects.study_uid
       WHERE (objects.passes = ?2 OR (unreadable = 1 AND objects.passes < ?2)) AND open = 0`,
      JSON.stringify(objectIds),
      passesPlanned,
    );
    return rows.flatMap((row) => {
      const studyUid = text(row, 'study_uid');
      if (!this.#isThrough(studyUid, passesPlanned)) return [];
      return {
        studyUid,
        studyNumber: number(row, 'study_number'),
        revision: number(row, 'revision'),
        instances: number(row, 'instances'),
        unreadable: this.#unreadable(studyUid),
      };
    });
  }

  #isThrough(studyUid: string, passesPlanned: number): boolean {
    const waiting = (type: number, from: number) =>
      this.#database.get(
        `SELECT intake FROM objects WHERE study_uid = ? AND type = ? AND intake >= ? AND passes < ? AND unreadable = 0
         ORDER BY intake LIMIT 1`,
        studyUid,
        type,
        from,
        passesPlanned,
      );
    const instance = waiting(objectType.instance, this.#reached.get(studyUid) ?? 0);
    this.#reached.delete(studyUid);
    if (instance !== undefined) {
      this.#reached.set(studyUid, number(instance, 'intake'));
      const [oldest] = this.#reached.keys();
      if (this.#reached.size > rememberedMax && oldest !== undefined) this.#reached.delete(oldest);
      return false;
    }
    return waiting(objectType.manifest, 0) === undefined;
  }

  #unreadable(studyUid: string): number {
    const sql =
      'SELECT count(*) AS unreadable FROM objects WHERE study_uid = ? AND type = ? AND unreadable = 1';
    return number(this.#database.get(sql, studyUid, objectType.instance) ?? {}, 'unreadable');
  }
}
