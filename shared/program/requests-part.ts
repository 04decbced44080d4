/** Does what the command line asks of the running program. */

import type { Clock } from '../clock.ts';
import { storageCodes } from '../errors.ts';
import type { AlarmDesk } from './alarm-desk.ts';
import type { Alarms } from './alarms.ts';
import { type Operation, Operations, type OperationsLedger } from './operations.ts';
import type { Part } from './part.ts';
import type { Requests } from './requests.ts';

const lookMs = 200;

export interface RequestsPartOptions {
  readonly operations: readonly Operation[];
  readonly requests: Requests;
  readonly ledger: OperationsLedger;
  readonly clock: Clock;
  readonly alarms: Alarms;
  /** Called after each look, since some may have been done. */
  readonly onLooked?: () => void;
}

export class RequestsPart implements Part {
  readonly name = 'requests';
  readonly chores = [{ everyMs: lookMs, act: () => this.step() }];
  readonly #options: RequestsPartOptions;
  readonly #operations: Operations;
  readonly #desk: AlarmDesk;

  constructor(options: RequestsPartOptions) {
    const { operations, requests, ledger, clock } = options;
    this.#options = options;
    this.#desk = options.alarms.desk('requests');
    this.#operations = new Operations({ operations, requests, ledger, clock });
  }

  /** Does waiting requests. If the ledger refuses, that raises an alarm, and they are tried again. */
  step(): void {
    this.#desk.during('requests', storageCodes, () => this.#operations.step());
    this.#options.onLooked?.();
  }
}
