/** The events of the program itself: its starts and stops, and changes of configuration or keys. */
import { createHash } from 'node:crypto';
import type { Events } from './events.ts';

/** Of a fingerprint: enough to tell two configurations apart. */
const fingerprintDigits = 16;

interface EventLedger {
  readonly events: Events;
  transaction<T>(act: () => T): T;
}

export interface ProgramStart {
  readonly version: string;
  /** Its values: only a fingerprint of them is kept. */
  readonly configuration: object;
  readonly keyIds: readonly number[];
}

/** Enters a start, and before it the configuration and the keys if they changed. */
export function enterStart(ledger: EventLedger, start: ProgramStart, atMs: number): void {
  const fingerprint = createHash('sha256')
    .update(JSON.stringify(sorted(start.configuration)))
    .digest('hex')
    .slice(0, fingerprintDigits);
  ledger.transaction(() => {
    if (ledger.events.remember('configuration', fingerprint))
      ledger.events.enter({ kind: 'configuration', fingerprint }, atMs);
    enterKeys(ledger, start.keyIds, atMs);
    ledger.events.enter({ kind: 'started', version: start.version }, atMs);
  });
}

/** Enters the keys that are used from now on, if they changed. */
export function enterKeys(ledger: EventLedger, keyIds: readonly number[], atMs: number): void {
  const { events } = ledger;
  const keys = keyIds.length;
  ledger.transaction(() => {
    if (events.remember('keys', keyIds.join(' '))) events.enter({ kind: 'keys-read', keys }, atMs);
  });
}

/** The same values in whatever order they are written. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, of]) => [name, sorted(of)]),
  );
}
