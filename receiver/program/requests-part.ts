/** Answers what the command line asks of the running receiver. */
import type { Alarms } from '../../shared/alarms.ts';
import type { Clock } from '../../shared/clock.ts';
import { storageCodes } from '../../shared/errors.ts';
import type { Part } from '../../shared/program/part.ts';
import { answerRequest } from '../commands/answer.ts';
import { answerDeliveryRequest } from '../deliver/delivery-requests.ts';
import type { DeliveryService } from '../deliver/delivery-service.ts';
import type { ReceiverLedger } from '../ledger/ledger.ts';
import type { Pipeline } from '../pipeline/pipeline.ts';

const lookMs = 200;
const atOnce = 16;

export interface RequestsPartOptions {
  readonly ledger: ReceiverLedger;
  readonly pipeline: Pipeline;
  readonly delivery: DeliveryService;
  readonly clock: Clock;
  readonly alarms: Alarms;
}

export class RequestsPart implements Part {
  readonly name = 'requests';
  readonly chores = [{ everyMs: lookMs, act: () => this.#answer() }];
  readonly #options: RequestsPartOptions;

  constructor(options: RequestsPartOptions) {
    this.#options = options;
  }

  #answer(): void {
    const { ledger, pipeline, delivery, clock, alarms } = this.#options;
    alarms.during('requests', storageCodes, () => {
      for (const request of ledger.mailbox.open(atOnce)) {
        const parts = { service: delivery, ledger, clock };
        const answer = answerDeliveryRequest(parts, request) ?? answerRequest(pipeline, ledger, request);
        ledger.mailbox.answer(request.id, answer);
      }
    });
  }
}
