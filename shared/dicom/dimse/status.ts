/** Status codes of DIMSE services (PS3.7 annex C, PS3.4 table B.2-1), and what they mean for a delivery. */

export const dimseStatus = {
  success: 0x0000,
  processingFailure: 0x0110,
  duplicateInstance: 0x0111,
  noSuchInstance: 0x0112,
  invalidInstance: 0x0117,
  sopClassNotSupported: 0x0122,
  unrecognizedOperation: 0x0211,
  mistypedArgument: 0x0212,
  resourceLimitation: 0x0213,
  outOfResources: 0xa700,
  dataSetMismatch: 0xa900,
  cannotUnderstand: 0xc000,
} as const;

export type StatusKind = 'stored' | 'warning' | 'refused' | 'later';

/**
 * What a C-STORE status says: `stored`; stored with a `warning`; `refused`, so that sending it again changes nothing;
 * or try again `later`.
 */
export function storeStatusKind(status: number): StatusKind {
  if (status === dimseStatus.success) return 'stored';
  // Deliveries are repeated when a response was lost: an instance already there has arrived.
  if (status === dimseStatus.duplicateInstance) return 'warning';
  if (status >= 0xb000 && status <= 0xbfff) return 'warning';
  if (status === 0x0001 || status === 0x0107 || status === 0x0116) return 'warning';
  if (status >= 0xa700 && status <= 0xa7ff) return 'later';
  return 'refused';
}

/** `0xA700`. */
export function formatStatus(status: number): string {
  return `0x${status.toString(16).toUpperCase().padStart(4, '0')}`;
}
