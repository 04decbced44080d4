/**
 * Whether instances are of one patient. A study with two patients is the worst thing this program could release.
 *
 * Compared are Patient ID, name and birth date, each as PS3.5 says that it is written: padding, character sets and
 * the component groups of a name make no difference; a value that is absent is no mismatch.
 * Everything here is PHI but for what {@link comparePatients} returns: the names of the attributes.
 */
import type { Patient } from '../../shared/dicom/instance-header.ts';
import { DiodeError } from '../../shared/errors.ts';

/** The attributes in which two patients differ. */
export type PatientAttribute = 'id' | 'name' | 'birthDate';

/** A patient ready for comparison; an absent value is missing. */
interface NormalPatient {
  id?: string;
  birthDate?: string;
  alphabeticName?: string;
  ideographicName?: string;
  phoneticName?: string;
}

const attributeOf = {
  id: 'id',
  birthDate: 'birthDate',
  alphabeticName: 'name',
  ideographicName: 'name',
  phoneticName: 'name',
} as const satisfies Record<keyof NormalPatient, PatientAttribute>;

const fields = ['id', 'birthDate', 'alphabeticName', 'ideographicName', 'phoneticName'] as const;

/** The attributes in which two patients differ; none if they may be one. */
export function comparePatients(first: Patient, second: Patient): readonly PatientAttribute[] {
  return differences([first, second]);
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
 * Judges a revision of a study before its release.
 * @param released patients of the instances that are in the inbox already, from earlier revisions
 * @param arriving patients of the instances that this revision would release
 */
export function judgePatients(released: Iterable<Patient>, arriving: Iterable<Patient>): PatientVerdict {
  const before = [...released];
  const attributes = differences([...before, ...arriving]);
  if (attributes.length === 0) return { verdict: 'pass' };
  const reason = new DiodeError(
    'E_PATIENT_MISMATCH',
    `its instances differ in the patient's ${attributes.join(', ')}`,
  );
  return { verdict: 'hold', scope: before.length > 0 ? 'revision' : 'study', reason };
}

/** Any two of them differ in an attribute exactly if that has two values among all, so one look at each is enough. */
function differences(patients: Iterable<Patient>): readonly PatientAttribute[] {
  const known: NormalPatient = {};
  const differing = new Set<PatientAttribute>();
  for (const patient of patients) {
    const normal = normalPatient(patient);
    for (const field of fields) {
      const value = normal[field];
      if (value === undefined) continue;
      const earlier = known[field];
      if (earlier === undefined) known[field] = value;
      else if (earlier !== value) differing.add(attributeOf[field]);
    }
  }
  return [...differing];
}

function normalPatient(patient: Patient): NormalPatient {
  const normal: NormalPatient = {};
  const [alphabetic, ideographic, phonetic] = (patient.name ?? '').split('=').map(normalName);
  const set = (field: keyof NormalPatient, value: string | undefined) => {
    if (value !== undefined && value !== '') normal[field] = value;
  };
  set('id', normalText(patient.id ?? ''));
  set('birthDate', normalDate(patient.birthDate ?? ''));
  set('alphabeticName', alphabetic);
  set('ideographicName', ideographic);
  set('phoneticName', phonetic);
  return normal;
}

/** NFKC: half-width and full-width forms of one name are one name. */
function normalText(text: string): string {
  return text.normalize('NFKC').replaceAll('\0', ' ').trim();
}

/** PN (PS3.5 section 6.2): components apart by `^`, those at the end left out if empty. Case is a matter of style. */
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
