/**
 * What the gate found about each instance, and what people decided about those that are held: the part of the ledger
 * behind `quarantine`. It keeps no PHI: of a patient there are keyed hashes.
 */
import { z } from 'zod';
import { type ErrorCode, isErrorCode } from '../../shared/errors.ts';
import { type LedgerDatabase, number, optionalText, type Row, text } from '../../shared/ledger-database.ts';
import type { ComparablePatient } from '../gate/patients.ts';
import type { PreambleKind } from '../gate/preamble.ts';
import { goesOut } from './instance-records.ts';
import { type FileState, fileStateOf } from './vault-files.ts';

/** Part of the receiver's schema. */
export const holdsSchema = `
   CREATE TABLE inspections (
     object_id TEXT PRIMARY KEY,
     sop_class_uid TEXT,
     reasons TEXT NOT NULL,
     preamble TEXT NOT NULL,
     zero_preamble INTEGER NOT NULL,
     patient TEXT NOT NULL,
     approved TEXT NOT NULL DEFAULT '',
     claimed_study_uid TEXT,
     released_sha256 TEXT
   ) WITHOUT ROWID;
   CREATE INDEX instances_held ON instances (arrival) WHERE held_because IS NOT NULL;
   CREATE INDEX instances_standing ON instances (arrival)
     WHERE held_because IS NOT NULL AND held_because <> 'E_PURGED' AND held_because <> 'E_SCAN_WAITING';`;

/** What the release decision needs to know of an instance. */
export interface InspectionRecord {
  readonly objectId: string;
  /** Undefined where the file could not be read. */
  readonly sopClassUid: string | undefined;
  /** All that the gate found, the gravest first. */
  readonly reasons: readonly ErrorCode[];
  readonly preamble: PreambleKind;
  /** The released file gets a preamble of zeros. */
  readonly zeroPreamble: boolean;
  /** Hashed under the vault's patient key. */
  readonly patient: ComparablePatient;
  /** What a person let this instance through in spite of. */
  readonly approved: readonly ErrorCode[];
  /** The study whose manifest lists it, where that is another than the instance says. */
  readonly claimedStudyUid: string | undefined;
  /** Of the file as it is released, where that is not the file that came. */
  readonly releasedSha256: string | undefined;
}

export type Inspected = Omit<InspectionRecord, 'approved' | 'claimedStudyUid' | 'releasedSha256'>;

/** What the ledger says of the file that leaves for an instance. */
export interface OutgoingRecord {
  readonly senderId: string;
  readonly studyUid: string;
  readonly bytes: number;
  /** Of the file that came. */
  readonly sha256: string;
  readonly file: FileState;
  readonly zeroPreamble: boolean;
  /** Of the copy with a preamble of zeros, when that was made. */
  readonly releasedSha256: string | undefined;
}

/** One instance in `quarantine list`. */
export interface HeldInstance extends InspectionRecord {
  readonly senderId: string;
  readonly studyUid: string;
  readonly seriesUid: string;
  readonly sopInstanceUid: string;
  readonly bytes: number;
  /** Of the file that came. */
  readonly sha256: string;
  readonly heldBecause: ErrorCode;
  readonly receivedAtMs: number;
}

/** Whose images a sender has let out under a Study UID. */
export interface PatientOut {
  readonly senderId: string;
  readonly patient: ComparablePatient;
}

const patientSchema = z.strictObject({
  id: z.string().optional(),
  birthDate: z.string().optional(),
  alphabeticName: z.string().optional(),
  ideographicName: z.string().optional(),
  phoneticName: z.string().optional(),
});
/** Fewer digits of an object id than this are not accepted. */
const idDigitsMin = 6;
/** Senders that an alarm names: nearly always one on either side. */
const namedSendersMax = 4;

export class Holds {
  readonly #database: LedgerDatabase;

  constructor(database: LedgerDatabase) {
    this.#database = database;
  }

  enter(inspected: Inspected): void {
    this.#database.run(
      `INSERT INTO inspections (object_id, sop_class_uid, reasons, preamble, zero_preamble, patient)
       VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (object_id) DO NOTHING`,
      inspected.objectId,
      inspected.sopClassUid ?? null,
      inspected.reasons.join(' '),
      inspected.preamble,
      inspected.zeroPreamble ? 1 : 0,
      JSON.stringify(inspected.patient),
    );
  }

  inspection(objectId: string): InspectionRecord | undefined {
    const row = this.#database.get('SELECT * FROM inspections WHERE object_id = ?', objectId);
    return row === undefined ? undefined : inspectionRecord(row);
  }

  /** Patients of what is out of a Study UID, or about to be, and who sent it, of all senders; equal ones count once. */
  patientsOut(studyUid: string): PatientOut[] {
    return this.#patientsOut('study_uid = ?', [studyUid]);
  }

  /** The same of all senders but one. */
  patientsOutOfOthers(senderId: string, studyUid: string): PatientOut[] {
    return [
      ...this.#patientsOut('study_uid = ? AND sender_id < ?', [studyUid, senderId]),
      ...this.#patientsOut('study_uid = ? AND sender_id > ?', [studyUid, senderId]),
    ];
  }

  /** A person lets an instance through in spite of all that is known against it now. */
  approve(objectId: string, codes: readonly ErrorCode[]): void {
    this.#database.run('UPDATE inspections SET approved = ? WHERE object_id = ?', codes.join(' '), objectId);
    this.#database.run('UPDATE instances SET held_because = NULL WHERE object_id = ?', objectId);
  }

  /** Whether a person let an instance through in spite of this. */
  isApproved(objectId: string, code: string): boolean {
    const row = this.#database.get('SELECT approved FROM inspections WHERE object_id = ?', objectId);
    return row !== undefined && codesOf(row, 'approved').some((approved) => approved === code);
  }

  /** Keeps whose manifest lists an instance that says something else. */
  claim(objectId: string, studyUid: string): void {
    this.#database.run(
      'UPDATE inspections SET claimed_study_uid = ? WHERE object_id = ?',
      studyUid,
      objectId,
    );
  }

  /** What the copy is that goes out; undefined when there is none any more. */
  keepReleasedSha256(objectId: string, sha256: string | undefined): void {
    this.#database.run(
      'UPDATE inspections SET released_sha256 = ? WHERE object_id = ?',
      sha256 ?? null,
      objectId,
    );
  }

  /** What has to leave for an instance. */
  outgoing(objectId: string): OutgoingRecord | undefined {
    const row = this.#database.get(
      `SELECT sender_id, study_uid, bytes, sha256, file_state, held_because, zero_preamble, released_sha256 FROM instances
       LEFT JOIN inspections ON inspections.object_id = instances.object_id WHERE instances.object_id = ?`,
      objectId,
    );
    if (row === undefined) return undefined;
    return {
      senderId: text(row, 'sender_id'),
      studyUid: text(row, 'study_uid'),
      bytes: number(row, 'bytes'),
      sha256: text(row, 'sha256'),
      file: row['held_because'] === 'E_PURGED' ? 'removed' : fileStateOf(number(row, 'file_state')),
      zeroPreamble: row['zero_preamble'] === 1,
      releasedSha256: optionalText(row, 'released_sha256'),
    };
  }

  /** Those of these that leave as a copy with a preamble of zeros. */
  zeroed(objectIds: readonly string[]): string[] {
    return this.#database
      .all(
        'SELECT object_id FROM json_each(?) AS asked JOIN inspections ON object_id = asked.value WHERE zero_preamble = 1',
        JSON.stringify(objectIds),
      )
      .map((row) => text(row, 'object_id'));
  }

  /** Ends a hold; the instance goes the usual way. */
  lift(objectId: string): void {
    this.#database.run('UPDATE instances SET held_because = NULL WHERE object_id = ?', objectId);
  }

  /** Forgets an instance altogether, as if it had never come. */
  forget(objectId: string): void {
    this.#database.run('DELETE FROM inspections WHERE object_id = ?', objectId);
    this.#database.run('DELETE FROM instances WHERE object_id = ?', objectId);
  }

  /** What is held, the oldest first. What was purged is listed on request only. */
  held(limit: number, which: 'waiting' | 'purged' = 'waiting'): HeldInstance[] {
    return this.#held(`held_because ${which === 'purged' ? '=' : '<>'} 'E_PURGED'`, [], limit);
  }

  /** Held instances that an id names: an object id or its beginning, or the UID of a study. */
  named(id: string, limit: number): HeldInstance[] {
    if (/^[0-9a-f]{6,32}$/.test(id) && id.length >= idDigitsMin) {
      const found = this.#held('instances.object_id >= ? AND instances.object_id < ?', [id, `${id}g`], limit);
      if (found.length > 0) return found;
    }
    return this.#held('(study_uid = ? OR claimed_study_uid = ?)', [id, id], limit);
  }

  /** For which reasons something of which study is held, but for what was purged and what waits for the scanner. */
  standing(limit: number): { studyUid: string; code: ErrorCode }[] {
    return this.#database
      .all(
        `SELECT coalesce(claimed_study_uid, study_uid) AS study_uid, held_because FROM instances
         LEFT JOIN inspections ON inspections.object_id = instances.object_id
         WHERE held_because IS NOT NULL AND held_because <> 'E_PURGED' AND held_because <> 'E_SCAN_WAITING'
         GROUP BY 1, 2 LIMIT ?`,
        limit,
      )
      .map((row) => ({
        studyUid: text(row, 'study_uid'),
        code: codeOf(text(row, 'held_because')),
      }));
  }

  /** Who sent what is held of a study, and who what stands against it; undefined where it is one sender alone. */
  whose(studyUid: string, code: 'E_CONFLICT' | 'E_PATIENT_MISMATCH'): string | undefined {
    const senders = (sql: string, ...values: string[]) =>
      this.#database.all(`${sql} LIMIT ${namedSendersMax}`, ...values).map((row) => text(row, 'sender_id'));
    const held = senders(
      'SELECT DISTINCT sender_id FROM instances WHERE study_uid = ? AND held_because = ?',
      studyUid,
      code,
    );
    const out =
      code === 'E_PATIENT_MISMATCH'
        ? senders(`SELECT DISTINCT sender_id FROM instances WHERE study_uid = ? AND ${goesOut}`, studyUid)
        : senders(
            `SELECT DISTINCT owner.sender_id FROM instances JOIN instances AS owner
               ON owner.sop_instance_uid = instances.sop_instance_uid AND owner.owns_uid = 1
             WHERE instances.study_uid = ? AND instances.held_because = 'E_CONFLICT'`,
            studyUid,
          );
    if (out.every((senderId) => held.includes(senderId))) return undefined;
    return `the held instances came from ${held.join(', ')}; those released under the same UID came from ${out.join(', ')}`;
  }

  /** Instances with this UID, from whatever sender: what a conflict is with. */
  underUid(
    sopInstanceUid: string,
    limit: number,
  ): {
    objectId: string;
    senderId: string;
    studyUid: string;
    sha256: string;
    releasedRevision: number | undefined;
  }[] {
    return this.#database
      .all(
        'SELECT * FROM instances WHERE sop_instance_uid = ? ORDER BY owns_uid IS NULL, arrival LIMIT ?',
        sopInstanceUid,
        limit,
      )
      .map((row) => ({
        objectId: text(row, 'object_id'),
        senderId: text(row, 'sender_id'),
        studyUid: text(row, 'study_uid'),
        sha256: text(row, 'sha256'),
        releasedRevision: row['released_revision'] === null ? undefined : number(row, 'released_revision'),
      }));
  }

  #patientsOut(condition: string, values: readonly string[]): PatientOut[] {
    return this.#database
      .all(
        `SELECT DISTINCT sender_id, patient FROM instances JOIN inspections ON inspections.object_id = instances.object_id
         WHERE ${condition} AND ${goesOut}`,
        ...values,
      )
      .map((row) => ({ senderId: text(row, 'sender_id'), patient: patientOf(row) }));
  }

  #held(condition: string, values: readonly string[], limit: number): HeldInstance[] {
    return this.#database
      .all(
        `SELECT instances.*, inspections.*, instances.object_id AS object_id FROM instances
         LEFT JOIN inspections ON inspections.object_id = instances.object_id
         WHERE held_because IS NOT NULL AND ${condition} ORDER BY arrival LIMIT ?`,
        ...values,
        limit,
      )
      .map((row) => ({
        ...inspectionRecord(row),
        senderId: text(row, 'sender_id'),
        studyUid: text(row, 'study_uid'),
        seriesUid: text(row, 'series_uid'),
        sopInstanceUid: text(row, 'sop_instance_uid'),
        bytes: number(row, 'bytes'),
        sha256: text(row, 'sha256'),
        heldBecause: codeOf(text(row, 'held_because')),
        receivedAtMs: number(row, 'received_at_ms'),
      }));
  }
}

function inspectionRecord(row: Row): InspectionRecord {
  const kinds = ['zero', 'tiff', 'executable', 'other'] as const;
  return {
    objectId: text(row, 'object_id'),
    sopClassUid: optionalText(row, 'sop_class_uid'),
    reasons: codesOf(row, 'reasons'),
    preamble: kinds.find((kind) => kind === row['preamble']) ?? 'other',
    zeroPreamble: row['zero_preamble'] === 1,
    patient: patientOf(row),
    approved: codesOf(row, 'approved'),
    claimedStudyUid: optionalText(row, 'claimed_study_uid'),
    releasedSha256: optionalText(row, 'released_sha256'),
  };
}

/** Instances of one study nearly always say the same, so that of the last one is kept. */
let lastPatient: { readonly text: string; readonly patient: ComparablePatient } = { text: '{}', patient: {} };

export function patientOf(row: Row): ComparablePatient {
  const json = optionalText(row, 'patient') ?? '{}';
  if (json !== lastPatient.text)
    lastPatient = { text: json, patient: patientSchema.parse(JSON.parse(json)) as ComparablePatient };
  return lastPatient.patient;
}

export function codesOf(row: Row, column: string): ErrorCode[] {
  return (optionalText(row, column) ?? '').split(' ').filter(isErrorCode);
}

/** A code of a newer version that used this ledger before is shown as it looks to this one. */
function codeOf(code: string): ErrorCode {
  return isErrorCode(code) ? code : 'E_INTERNAL';
}
