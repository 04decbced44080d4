/** Holds a table of operations against examples: every verb has some, and each says what it takes and what it refuses. */
import { expect } from 'vitest';
import type { Operation } from '../../../../shared/program/operations.ts';

type Fields = Readonly<Record<string, unknown>>;

/** By verb, without who and why. */
export type Examples = Readonly<
  Record<string, { readonly good: readonly Fields[]; readonly malformed: readonly Fields[] }>
>;

const who = { byWhom: 'olga', reason: 'asked for' };

export function checkTable(operations: readonly Operation[], examples: Examples): void {
  expect(operations.map(({ verb }) => verb).sort()).toEqual(Object.keys(examples).sort());
  for (const { verb, schema, isAudited } of operations) {
    const { good = [], malformed = [] } = examples[verb] ?? {};
    const takes = (fields: Fields) => ({ verb, fields, taken: schema.safeParse(fields).success });
    const isTaken = expect.objectContaining({ taken: true });
    const isRefused = expect.objectContaining({ taken: false });
    const asker = isAudited ? who : {};
    for (const fields of good) {
      expect(takes({ ...fields, ...asker })).toEqual(isTaken);
      expect(takes({ ...fields, ...asker, patient: 'Doe^John' })).toEqual(isRefused);
      if (!isAudited) continue;
      expect(takes(fields)).toEqual(isRefused);
      for (const wrong of ['', undefined, 7, 'x'.repeat(1001)]) {
        expect(takes({ ...fields, ...who, reason: wrong })).toEqual(isRefused);
        expect(takes({ ...fields, ...who, byWhom: wrong })).toEqual(isRefused);
      }
    }
    for (const fields of malformed) expect(takes({ ...fields, ...asker })).toEqual(isRefused);
  }
}
