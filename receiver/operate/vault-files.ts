/** What the running receiver does about vault files that differ from the ledger, as `verify` found: it collects them again. */
import { z } from 'zod';
import { countText } from '../../shared/console/quantities.ts';
import {
  type Acted,
  auditedForm,
  type Operation,
  operation,
  whoFields,
} from '../../shared/program/operations.ts';
import type { ReceiverLedger } from '../ledger/ledger.ts';
import type { LostFile } from '../pipeline/vault-watch.ts';

/** The most objects in one request, so that it stays short. */
export const collectAgainMax = 100;

export const collectAgainForm = auditedForm(
  'collect-again',
  z.strictObject({
    ...whoFields,
    objectIds: z
      .array(z.string().regex(/^[0-9a-f]{32}$/))
      .min(1)
      .max(collectAgainMax),
  }),
);

export interface VaultFileParts {
  readonly ledger: ReceiverLedger;
  readonly vaultWatch: { markLost(file: LostFile): void; setAside(file: LostFile): void };
}

export function vaultFileOperations(parts: VaultFileParts): readonly Operation[] {
  return [operation(collectAgainForm, ({ objectIds }) => collectAgain(parts, objectIds))];
}

/** What was removed on purpose in the meantime, or is already awaited, stays as it is. */
function collectAgain({ ledger, vaultWatch }: VaultFileParts, objectIds: readonly string[]): Acted {
  const lost = [...new Set(objectIds)]
    .filter((objectId) => ledger.files.stateOf(objectId) === 'there')
    .flatMap((objectId) => ledger.instances.get(objectId) ?? [])
    .filter(({ heldBecause }) => heldBecause !== 'E_PURGED');
  for (const file of lost) vaultWatch.markLost(file);
  const left = objectIds.length - lost.length;
  const rest = left === 0 ? '' : `; ${left} no longer in the vault, or already awaited`;
  const told = {
    detail: `${countText(lost.length, 'instance')} set aside, to be collected again${rest}`,
    facts: { instances: lost.length, left },
  };
  return {
    audit: { action: 'collect again', subjects: lost.map(({ objectId }) => objectId) },
    told,
    afterwards: () => {
      for (const file of lost) vaultWatch.setAside(file);
      return told;
    },
  };
}
