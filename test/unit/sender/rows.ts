/** Rows and plans for tests of the low side. */
import { createHash } from 'node:crypto';
import type { InstanceRow } from '../../../sender/ledger/instance-records.ts';
import type { SpooledObject } from '../../../sender/ledger/spooled-objects.ts';
import { objectType } from '../../../shared/wire/datagram.ts';
import { priority } from '../../../shared/wire/manifest.ts';

/** An object id from a short name. */
export function idOf(name: string): string {
  return createHash('sha256').update(name).digest('hex').slice(0, 32);
}

export function spooled(name: string, change: Partial<SpooledObject> = {}): SpooledObject {
  return {
    intake: 1,
    objectId: name,
    type: objectType.instance,
    keyId: 1,
    sha256: createHash('sha256').update(name).digest('hex'),
    bytes: 1000,
    symbolBytes: 432,
    maximumSourceSymbols: 8,
    priority: priority.routine,
    passes: 0,
    studyUid: '1.2',
    ...change,
  };
}

export function instanceRow(name: string, change: Partial<InstanceRow> = {}): InstanceRow {
  const { intake, passes, type, ...common } = spooled(name);
  return {
    ...common,
    objectId: idOf(name),
    seriesUid: '1.2.1',
    sopInstanceUid: `1.2.1.${Number.parseInt(idOf(name).slice(0, 6), 16)}`,
    takenAtMs: 0,
    quietSeconds: 60,
    pieceTags: new Uint8Array(32),
    ...change,
  };
}
