/** Answers what the command line asks of the running sender. */
import type { Alarms } from '../../shared/alarms.ts';
import { storageCodes } from '../../shared/errors.ts';
import type { Part } from '../../shared/program/part.ts';
import { answerRequest } from '../commands/answer.ts';
import type { SenderLedger } from '../ledger/ledger.ts';
import type { Sending } from './sending.ts';

const lookMs = 200;
const atOnce = 16;

export interface RequestsPartOptions {
  readonly ledger: SenderLedger;
  readonly sending: Sending;
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
    const { ledger, sending, alarms } = this.#options;
    alarms.during('requests', storageCodes, () => {
      for (const request of ledger.mailbox.open(atOnce))
        ledger.mailbox.answer(request.id, answerRequest(sending.dispatch, request));
    });
    sending.step();
  }
}
