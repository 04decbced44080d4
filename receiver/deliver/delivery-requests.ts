/** What the command line asks of the running receiver about its destinations. Its fields are checked: any process may write them. */
import { z } from 'zod';
import type { Clock } from '../../shared/clock.ts';
import { textForms } from '../../shared/config/text-forms.ts';
import { DiodeError } from '../../shared/errors.ts';
import type { Answer, Request } from '../../shared/mailbox.ts';
import type { ReceiverLedger } from '../ledger/ledger.ts';
import { nowhere } from './delivery-plan.ts';
import type { DeliveryService } from './delivery-service.ts';

export const deliveryVerbs = { retry: 'retry-deliveries', abandon: 'abandon-deliveries' } as const;

const destination = z.union([textForms.name.schema, z.literal(nowhere)]);
const byWhom = z.string().min(1).max(200);
const retryParameters = z.strictObject({ destination, byWhom });
const abandonParameters = z.strictObject({ destination, byWhom, reason: z.string().min(1).max(1000) });

/** Instances that are given a destination at once: receiving waits meanwhile. */
const rowsMax = 2000;

/** @returns undefined when it is another request */
export function answerDeliveryRequest(
  parts: { readonly service: DeliveryService; readonly ledger: ReceiverLedger; readonly clock: Clock },
  request: Request,
): Answer | undefined {
  try {
    if (request.verb === deliveryVerbs.retry)
      return { ok: true, detail: retry(parts, checked(retryParameters, request)) };
    if (request.verb === deliveryVerbs.abandon)
      return { ok: true, detail: abandon(parts, checked(abandonParameters, request)) };
    return undefined;
  } catch (error) {
    if (!(error instanceof DiodeError)) throw error;
    return { ok: false, code: error.code, detail: error.message };
  }
}

type Parts = Parameters<typeof answerDeliveryRequest>[0];

function retry({ service, ledger, clock }: Parts, asked: z.infer<typeof retryParameters>): string {
  const { deliveries } = ledger;
  const isConfigured = service.isConfigured(asked.destination);
  mustExist(ledger, asked.destination, isConfigured);
  audit(ledger, clock, 'retry deliveries', asked);
  if (isConfigured) {
    const moment = { nowMs: service.runningTime.nowMs(), atMs: clock.wallMs() };
    const again = ledger.transaction(() => deliveries.retry(asked.destination, moment));
    service.hurry(asked.destination);
    return `${asked.destination} is tried now; ${again} instances that had failed are in the queue again`;
  }
  const rows = deliveries.openAt(asked.destination, 0, rowsMax);
  const routed = ledger.transaction(() =>
    service.plan.routeAgain(rows, (objectId) => ledger.instances.get(objectId)),
  );
  const more = rows.length === rowsMax ? '; there may be more, run it again' : '';
  return `${routed} of ${rows.length} instances have a destination now${more}`;
}

function abandon({ service, ledger, clock }: Parts, asked: z.infer<typeof abandonParameters>): string {
  mustExist(ledger, asked.destination, service.isConfigured(asked.destination));
  audit(ledger, clock, 'abandon deliveries', asked);
  const moment = { nowMs: service.runningTime.nowMs(), atMs: clock.wallMs() };
  const given = ledger.transaction(() => ledger.deliveries.abandonAll(asked.destination, moment));
  return `${given} instances are given up for ${asked.destination}`;
}

function audit(
  ledger: ReceiverLedger,
  clock: Clock,
  action: string,
  asked: { readonly destination: string; readonly byWhom: string; readonly reason?: string },
): void {
  const { byWhom: who, reason = 'tried again' } = asked;
  ledger.audit.enter({ action, subject: asked.destination, byWhom: who, reason }, clock.wallMs());
}

function mustExist(ledger: ReceiverLedger, name: string, isConfigured: boolean): void {
  if (isConfigured || ledger.deliveries.openAt(name, 0, 1).length > 0) return;
  throw new DiodeError('E_USAGE', `there is no destination ${name}, and nothing waits for one`);
}

function checked<T>(schema: z.ZodType<T>, request: Request): T {
  const parsed = schema.safeParse(request.parameters);
  if (!parsed.success) throw new DiodeError('E_USAGE', 'the request is malformed');
  return parsed.data;
}
