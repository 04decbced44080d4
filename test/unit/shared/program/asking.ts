/** Asks operations for something as another process does: by a request, which the running program takes. */
import type { Answer } from '../../../../shared/program/answers.ts';
import { type Operation, Operations, type OperationsLedger } from '../../../../shared/program/operations.ts';
import { Requests } from '../../../../shared/program/requests.ts';

export const clock = { monotonicMs: () => 0, wallMs: () => 1000 } as const;

export type Ask = (verb: string, fields: unknown) => Answer | undefined;

export function asking(ledger: OperationsLedger, operations: readonly Operation[]): Ask {
  const requests = new Requests(':memory:');
  const running = new Operations({ operations, requests, ledger, clock });
  return (verb, fields) => {
    const id = requests.ask(verb, { ...(fields as object) });
    running.step();
    return requests.answerOf(id);
  };
}
