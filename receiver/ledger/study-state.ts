/** How far a study has come on this side, as the ledger writes it. */
export const studyState = {
  /** Instances without a manifest, or a manifest without instances: */
  announced: 'announced',
  receiving: 'receiving',
  incomplete: 'incomplete',
  held: 'held',
  /** Nothing of it is out, since its instances name two patients. */
  quarantined: 'quarantined',
  released: 'released',
} as const;
export type StudyState = (typeof studyState)[keyof typeof studyState];
