/**
 * Whether instances are of one patient. A study with two patients is the worst thing this program could release.
 *
 * Patient ID, name and birth date are compared, each as PS3.5 defines it: padding, character sets and the component
 * groups of a name make no difference; an absent value is not a mismatch. A value that is not valid text in its character
 * set is compared byte by byte.
 *
 * Instances that name a patient must be connected: each shares a value with another one, and that one with the next. One
 * with only an id and one with only a name say nothing about each other. An instance that names no patient is ignored.
 */
import { createHmac } from 'node:crypto';
import type { Patient } from '../../shared/dicom/instance-header.ts';
import { DiodeError } from '../../shared/errors.ts';

/** The attributes in which two patients differ. */
export type PatientAttribute = 'id' | 'name' | 'birthDate';

/**
 * A patient ready for comparison, each value as it compares; an absent one is missing. As {@link normalPatient} makes
 * it, it is PHI; as {@link hashPatient} makes it, it says nothing to anyone without the key.
 */
export interface ComparablePatient {
  readonly id?: string;
  readonly birthDate?: string;
  readonly alphabeticName?: string;
  readonly ideographicName?: string;
  readonly phoneticName?: string;
}

const attributeOf = {
  id: 'id',
  birthDate: 'birthDate',
  alphabeticName: 'name',
  ideographicName: 'name',
  phoneticName: 'name',
} as const satisfies Record<keyof ComparablePatient, PatientAttribute>;

const fields = ['id', 'birthDate', 'alphabeticName', 'ideographicName', 'phoneticName'] as const;
/** Of HMAC-SHA-256: 128 bits are enough to tell apart all patients there will ever be. */
const hashBytes = 16;

/** The attributes in which two patients differ, or all that they name if they share none; empty if they may be the same. */
export function comparePatients(first: Patient, second: Patient): readonly PatientAttribute[] {
  const { differing, unconnected } = compare([], [normalPatient(first), normalPatient(second)]);
  return differing.length > 0 ? differing : unconnected;
}

export type PatientVerdict =
  | { readonly verdict: 'pass' }
  | {
      readonly verdict: 'hold';
      /** What is held: the whole study, or only the revision that brought the other patient. */
      readonly scope: 'study' | 'revision';
      readonly reason: DiodeError;
    };

/**
 * Judges a revision of a study before its release. All patients are hashed under one key, or none is.
 * @param released patients of the instances that are already in the inbox; if a person let several in, each of
 *   their values counts as this patient's
 * @param arriving patients of the instances that this revision would release
 */
export function judgePatients(
  released: Iterable<ComparablePatient>,
  arriving: Iterable<ComparablePatient>,
): PatientVerdict {
  const before = [...released];
  const { differing, unconnected } = compare(before, arriving);
  if (differing.length === 0 && unconnected.length === 0) return { verdict: 'pass' };
  const detail =
    differing.length > 0
      ? `its instances differ in the patient's ${differing.join(', ')}`
      : `its instances identify a patient by ${unconnected.join(' or ')}, and some have none of these in common`;
  const reason = new DiodeError('E_PATIENT_MISMATCH', detail);
  return { verdict: 'hold', scope: before.length > 0 ? 'revision' : 'study', reason };
}

interface Comparison {
  readonly differing: readonly PatientAttribute[];
  /** Everything that is named, if it falls into patients that share no value; otherwise empty. */
  readonly unconnected: readonly PatientAttribute[];
}

/**
 * Some two differ in an attribute exactly if it has two values among all, so one pass is enough. And if no two differ,
 * each field has one value, or several that count as one: then patients are connected exactly as their fields are.
 */
function compare(accepted: Iterable<ComparablePatient>, arriving: Iterable<ComparablePatient>): Comparison {
  const known = new Map<keyof ComparablePatient, Set<string>>(fields.map((field) => [field, new Set()]));
  const differing = new Set<PatientAttribute>();
  const connected = new ConnectedFields();
  let isAccepted: keyof ComparablePatient | undefined;
  for (const patient of accepted) {
    for (const field of fields) {
      const value = patient[field];
      if (value === undefined) continue;
      known.get(field)?.add(value);
      // All that a person let in count as one patient.
      isAccepted ??= field;
      connected.connect(isAccepted, field);
    }
  }
  for (const patient of arriving) {
    let first: keyof ComparablePatient | undefined;
    for (const field of fields) {
      const value = patient[field];
      const values = known.get(field);
      if (value === undefined || values === undefined) continue;
      first ??= field;
      connected.connect(first, field);
      if (values.has(value)) continue;
      if (values.size > 0) differing.add(attributeOf[field]);
      else values.add(value);
    }
  }
  return { differing: [...differing], unconnected: connected.parts > 1 ? connected.attributes : [] };
}

/** Which fields of patients are connected by patients that have both. */
class ConnectedFields {
  readonly #partOf = new Map<keyof ComparablePatient, keyof ComparablePatient>();

  connect(first: keyof ComparablePatient, second: keyof ComparablePatient): void {
    const part = this.#partOf.get(first) ?? first;
    const other = this.#partOf.get(second) ?? second;
    this.#partOf.set(first, part);
    this.#partOf.set(second, part);
    if (other === part) return;
    for (const [field, its] of this.#partOf) if (its === other) this.#partOf.set(field, part);
  }

  /** How many separate parts the fields fall into. */
  get parts(): number {
    return new Set(this.#partOf.values()).size;
  }

  get attributes(): PatientAttribute[] {
    return [...new Set([...this.#partOf.keys()].map((field) => attributeOf[field]))];
  }
}

/** The values of a patient in comparable form. PHI. */
export function normalPatient(patient: Patient): ComparablePatient {
  const { undecoded = {} } = patient;
  const [alphabetic = '', ideographic = '', ...others] = (patient.name ?? '').split('=').map(normalName);
  return withoutAbsent({
    id: asBytes(undecoded.id) ?? normalText(patient.id ?? ''),
    birthDate: asBytes(undecoded.birthDate) ?? normalDate(patient.birthDate ?? ''),
    // It is then unknown where its groups begin, so the name is treated as one.
    alphabeticName: asBytes(undecoded.name) ?? alphabetic,
    ideographicName: undecoded.name === undefined ? ideographic : '',
    // There are three groups; anything after them would be lost.
    phoneticName: undecoded.name === undefined ? others.join('=').replace(/=+$/, '') : '',
  });
}

/** In a form that no text can have: normalText leaves no NUL. */
function asBytes(undecoded: string | undefined): string | undefined {
  return undecoded === undefined ? undefined : `\0bytes ${undecoded}`;
}

/** A patient as the ledger may keep it: a keyed hash of each value, which also depends on the attribute. */
export function hashPatient(patient: Patient, key: Uint8Array): ComparablePatient {
  const normal = normalPatient(patient);
  const hashed: Partial<Record<keyof ComparablePatient, string>> = {};
  for (const field of fields) {
    const value = normal[field];
    if (value === undefined) continue;
    const hmac = createHmac('sha256', key).update(`${field}\0${value}`).digest();
    hashed[field] = hmac.toString('hex', 0, hashBytes);
  }
  return hashed;
}

function withoutAbsent(values: Record<keyof ComparablePatient, string | undefined>): ComparablePatient {
  const present: Partial<Record<keyof ComparablePatient, string>> = {};
  for (const field of fields) {
    const value = values[field];
    if (value !== undefined && value !== '') present[field] = value;
  }
  return present;
}

/** NFKC: half-width and full-width forms of one name are one name. */
function normalText(text: string): string {
  return text.normalize('NFKC').replaceAll('\0', ' ').trim();
}

/** PN (PS3.5 section 6.2): components separated by `^`, trailing empty ones left out. Case is a matter of style. */
function normalName(group: string): string {
  const components = group
    .split('^')
    .map((component) => normalText(component).split(/ +/).join(' ').toUpperCase());
  while (components.at(-1) === '') components.pop();
  return components.join('^');
}

/** DA as YYYYMMDD; the older form has dots in it (PS3.5 table 6.2-1). */
function normalDate(date: string): string {
  return normalText(date).replaceAll('.', '');
}
