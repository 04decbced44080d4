/**
 * How urgent each alarm is, by its code.
 *
 *   critical  somebody is called, even at night: images do not cross or do not arrive, or something is wrong with them
 *   warning   somebody looks at it today: every code that this table does not name
 *   info      it is as expected, and ends by itself
 */
import type { ErrorCode } from '../errors.ts';

/** The most urgent first. */
export const severities = ['critical', 'warning', 'info'] as const;
export type Severity = (typeof severities)[number];

const severityByCode: Readonly<Partial<Record<ErrorCode, Severity>>> = {
  // Nothing can cross, or nothing can be kept.
  E_LINK_DOWN: 'critical',
  E_LINK_NEIGHBOUR: 'critical',
  E_LINK_MTU: 'critical',
  E_LINK_SEND: 'critical',
  E_NO_BEACON: 'critical',
  E_DISK: 'critical',
  E_DISK_FULL: 'critical',
  E_LEDGER: 'critical',
  E_WATCH_CROWDED: 'critical',
  // Images are missing, damaged, or somebody else's.
  E_STUDY_INCOMPLETE: 'critical',
  E_STUDY_MISSING: 'critical',
  E_SPOOL_DAMAGED: 'critical',
  E_VAULT_DAMAGED: 'critical',
  E_PATIENT_MISMATCH: 'critical',
  E_MALWARE: 'critical',
  E_SENDER_KEY: 'critical',
  E_SENDER_PLACES: 'critical',
  // They are here, but do not reach whoever is waiting for them.
  E_SCANNER: 'critical',
  E_RELEASE: 'critical',
  E_STUDIES_FULL: 'critical',
  E_SCAN_REFUSED: 'critical',
  E_INBOX_TAKEN: 'critical',
  E_DELIVERY_WAITING: 'critical',
  E_DELIVERY_FAILED: 'critical',
  E_DELIVERY_NOWHERE: 'critical',
  // Taken in once it stops changing.
  E_FILE_CHANGED: 'info',
  // Over soon, or it becomes another alarm.
  E_SCAN_WAITING: 'info',
};

export function severityOf(code: ErrorCode): Severity {
  return severityByCode[code] ?? 'warning';
}
