/** The outcome for one instance and one destination. */
import type { ErrorCode } from '../../shared/errors.ts';
import type { InstanceFile } from './instance-file.ts';

/**
 * `delivered`: the destination has it, perhaps with a warning status. `refused`: sending it again would change nothing.
 * `failed`: it may work later. `untried`: the destination was given up before its turn; this is not an attempt.
 */
export type DeliveryOutcome = 'delivered' | 'refused' | 'failed' | 'untried';

export interface DeliveryResult {
  readonly file: InstanceFile;
  readonly outcome: DeliveryOutcome;
  /** Status of C-STORE, or the failure reason of STOW-RS, if there is one. */
  readonly status?: number;
  /** Why it was not delivered. */
  readonly code?: ErrorCode;
  /** What the destination said, at most 64 characters. It may contain PHI: for the operator's eyes, never for a log. */
  readonly comment?: string;
}
