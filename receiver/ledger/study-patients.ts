/**
 * Of which patient the instances of a study are, read some rows at a time: there may be 200,000 of one list, and as many
 * that are out. Part of the receiver's ledger.
 */
import { type LedgerDatabase, number, text } from '../../shared/ledger-database.ts';
import type { ComparablePatient } from '../gate/patients.ts';
import { codesOf, patientOf } from './holds.ts';
import { goesOut } from './instance-records.ts';

export class StudyPatients {
  readonly #database: LedgerDatabase;

  constructor(database: LedgerDatabase) {
    this.#database = database;
  }

  /**
   * Patients of what one sender has out of a Study UID, some rows at a time.
   * @returns the place to go on from; undefined behind the last
   */
  outAfter(
    { senderId, studyUid }: { readonly senderId: string; readonly studyUid: string },
    afterArrival: number,
    limit: number,
  ): { patients: ReadonlySet<ComparablePatient>; arrival: number | undefined } {
    const rows = this.#database.all(
      `SELECT arrival, patient, ${goesOut} AS goes_out FROM instances
       JOIN inspections ON inspections.object_id = instances.object_id
       WHERE study_uid = ? AND sender_id = ? AND arrival > ? ORDER BY arrival LIMIT ?`,
      studyUid,
      senderId,
      afterArrival,
      limit,
    );
    const [last] = rows.slice(-1);
    return {
      patients: new Set(rows.filter((row) => row['goes_out'] === 1).map(patientOf)),
      arrival: last === undefined || rows.length < limit ? undefined : number(last, 'arrival'),
    };
  }

  /** Senders of which something is here under a Study UID: one step in the index each. */
  sendersOf(studyUid: string): string[] {
    const found: string[] = [];
    for (let after = ''; ; after = found.at(-1) ?? '') {
      const next = this.#database.get(
        'SELECT min(sender_id) AS sender_id FROM instances WHERE study_uid = ? AND sender_id > ?',
        studyUid,
        after,
      );
      if (typeof next?.['sender_id'] !== 'string') return found;
      found.push(next['sender_id']);
    }
  }

  /** Of which patient each of these is, and which of them a person let through in spite of that. */
  of(objectIds: readonly string[]): { approved: string[]; rows: [string, ComparablePatient][] } {
    const rows = this.#database.all(
      `SELECT asked.value AS asked, patient, approved FROM json_each(?) AS asked
       LEFT JOIN inspections ON object_id = asked.value`,
      JSON.stringify(objectIds),
    );
    return {
      approved: rows
        .filter((row) => codesOf(row, 'approved').includes('E_PATIENT_MISMATCH'))
        .map((row) => text(row, 'asked')),
      rows: rows.map((row) => [text(row, 'asked'), patientOf(row)]),
    };
  }
}
