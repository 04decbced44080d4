/** What the running receiver does about instances that wait for a destination or have failed there. */
import { z } from 'zod';
import type { Clock } from '../../shared/clock.ts';
import { textForms } from '../../shared/config/text-forms.ts';
import { countText } from '../../shared/console/quantities.ts';
import { DiodeError } from '../../shared/errors.ts';
import {
  type Acted,
  auditedForm,
  type Operation,
  operation,
  whoFields,
} from '../../shared/program/operations.ts';
import { type DeliveryPlan, nowhere } from '../deliver/delivery-plan.ts';
import type { Moment } from '../ledger/deliveries.ts';
import type { ReceiverLedger } from '../ledger/ledger.ts';

const deliveryFields = { ...whoFields, destination: z.union([textForms.name.schema, z.literal(nowhere)]) };

export const retryDeliveriesForm = auditedForm('retry-deliveries', z.strictObject(deliveryFields));
export const abandonDeliveriesForm = auditedForm('abandon-deliveries', z.strictObject(deliveryFields));

export interface DeliveryParts {
  readonly ledger: ReceiverLedger;
  readonly clock: Clock;
  readonly deliveries: {
    readonly plan: Pick<DeliveryPlan, 'routeAgain'>;
    readonly runningTime: { nowMs(): number };
    isConfigured(destination: string): boolean;
    /** Tries a destination at once, because a person asks for it. */
    hurry(destination: string): void;
  };
}

/** Instances that get a new destination in one request: receiving waits for it. */
const rowsMax = 2000;

export function deliveryOperations(parts: DeliveryParts): readonly Operation[] {
  return [
    operation(retryDeliveriesForm, ({ destination }) => {
      const isConfigured = mustExist(parts, destination);
      return isConfigured ? retry(parts, destination) : routeAgain(parts, destination);
    }),
    operation(abandonDeliveriesForm, ({ destination }) => {
      mustExist(parts, destination);
      return abandon(parts, destination);
    }),
  ];
}

function retry(parts: DeliveryParts, destination: string): Acted {
  const { ledger, deliveries } = parts;
  const again = ledger.deliveries.retry(destination, momentOf(parts));
  const { waiting = 0, failed = 0 } = ledger.deliveries.open().get(destination) ?? {};
  const failedBefore = again === 0 ? '' : ` (${again} had failed)`;
  const left =
    failed === 0 ? '' : `; ${failed} withheld: different content went there under the same UID (E_CONFLICT)`;
  const told = {
    detail:
      waiting === 0
        ? `nothing is waiting for ${destination}${left}`
        : `${countText(waiting, 'instance')} queued for ${destination}${failedBefore}: tried right away${left}`,
    facts: { waiting, again, withheld: failed },
  };
  return {
    audit: { action: 'retry deliveries', subjects: [destination] },
    told,
    afterwards: () => {
      deliveries.hurry(destination);
      return told;
    },
  };
}

/** The configuration no longer has this destination: what waits for it goes by the current rules. */
function routeAgain({ ledger, deliveries }: DeliveryParts, destination: string): Acted {
  const rows = ledger.deliveries.openAt(destination, 0, rowsMax);
  const routed = deliveries.plan.routeAgain(rows, (objectId) => ledger.instances.get(objectId));
  const more = rows.length === rowsMax ? '; there may be more: run it again' : '';
  return {
    audit: { action: 'retry deliveries', subjects: [destination] },
    told: {
      detail: `another destination found for ${routed} of ${countText(rows.length, 'instance')}${more}`,
      facts: { routed, waiting: rows.length - routed },
    },
  };
}

function abandon(parts: DeliveryParts, destination: string): Acted {
  const given = parts.ledger.deliveries.abandonAll(destination, momentOf(parts));
  return {
    audit: { action: 'abandon deliveries', subjects: [destination] },
    told: {
      detail:
        given === 0
          ? `nothing was waiting for ${destination}`
          : `${countText(given, 'instance')} given up for ${destination}`,
      facts: { instances: given },
    },
  };
}

/** @returns whether the configuration has it */
function mustExist({ ledger, deliveries }: DeliveryParts, destination: string): boolean {
  const isConfigured = deliveries.isConfigured(destination);
  if (isConfigured || ledger.deliveries.openAt(destination, 0, 1).length > 0) return isConfigured;
  throw new DiodeError('E_USAGE', `there is no destination ${destination}, and nothing is waiting for one`);
}

function momentOf({ deliveries, clock }: DeliveryParts): Moment {
  return { nowMs: deliveries.runningTime.nowMs(), atMs: clock.wallMs() };
}
