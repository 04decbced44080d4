/**
 * Goal: an instance whose file is damaged is wanted again or is still named by its row, whatever is refused in between.
 * Method: the real watch over a simulated disk, with a ledger or disk that refuses one call.
 */
import { expect, it } from 'vitest';
import { VaultWatch } from '../../../../receiver/pipeline/vault-watch.ts';
import { DiodeError } from '../../../../shared/errors.ts';
import { protection } from '../../../../shared/wire/datagram.ts';
import { folders, High, instance, manifestOf, senderId } from '../high.ts';

const [a, b] = [instance('a'), instance('b')];

function watching() {
  const high = new High();
  high.store(a);
  high.manifest(manifestOf(1, [a, b]));
  high.release();
  const unfinished: string[] = [];
  const watch = new VaultWatch({
    ...high,
    disk: high.disk,
    parameters: { datagramBytes: 512, sourceSymbols: 8, repairSymbols: 4, protection: protection.sealed },
    secrets: () => new Map(),
    assembler: { unfinish: (id) => void unfinished.push(id), finish: () => {} },
    studies: () => high.studies,
    take: () => {},
  });
  const compare = () => {
    watch.compareAgain();
    high.time.advance(60_000);
    for (let step = 0; step < 20; step += 1, high.time.advance(20)) watch.step();
  };
  const isAside = () => high.disk.facts(`${folders.vault}/damaged/${a.objectId}`) !== undefined;
  const missing = () => {
    high.release();
    return high.ledger.openManifests.isAwaited(senderId, a.objectId);
  };
  return { high, watch, unfinished, compare, isAside, missing };
}

/** Refuses the next call of a method. */
function refuseOnce<K extends string>(
  target: Record<K, (...parameters: never[]) => unknown>,
  name: K,
  code: 'E_LEDGER' | 'E_DISK',
): void {
  const method = target[name];
  target[name] = () => {
    target[name] = method;
    throw new DiodeError(code);
  };
}

it('a damaged file is put aside, and its instance is wanted again', () => {
  const { high, watch, unfinished, isAside, missing } = watching();
  watch.lost(a);
  expect([unfinished, isAside(), missing()]).toEqual([[a.objectId], true, true]);
  expect(high.ledger.instances.get(a.objectId)).toBeUndefined();
  expect(high.standing()).toContain('E_VAULT_DAMAGED 1.2');
});

it.each(['markLost', 'open'] as const)(
  'a ledger that refuses (%s) leaves row and file as they are, and it is wanted again when it is found once more',
  (call) => {
    const { high, watch, unfinished, compare, isAside, missing } = watching();
    const { files, openManifests } = high.ledger;
    if (call === 'markLost') refuseOnce(files, 'markLost', 'E_LEDGER');
    else refuseOnce(openManifests, 'open', 'E_LEDGER');
    expect(() => watch.lost(a)).toThrow(expect.objectContaining({ code: 'E_LEDGER' }));
    expect(high.ledger.instances.get(a.objectId)).toBeDefined();
    expect([unfinished, isAside()]).toEqual([[], false]);
    expect(high.standing()).toContain('E_VAULT_DAMAGED 1.2');
    high.disk.remove(high.vault.objects.pathOf(a.objectId));
    compare();
    expect([unfinished, missing()]).toEqual([[a.objectId], true]);
  },
);

it('a file that the disk does not let go keeps nothing else from being compared', () => {
  const { high, unfinished, compare } = watching();
  const stuck = instance('stuck');
  high.store(stuck);
  high.ledger.files.markRemoved([stuck.objectId]);
  high.disk.remove(high.vault.objects.pathOf(a.objectId));
  const remove = high.disk.remove.bind(high.disk);
  high.disk.remove = (path) => {
    if (path === high.vault.objects.pathOf(stuck.objectId)) throw new DiodeError('E_DISK');
    remove(path);
  };
  compare();
  expect(unfinished).toEqual([a.objectId]);
  // Its removal is tried on, and has the alarm.
  expect(high.ledger.removableObjects.due(0, 10)).toEqual([stuck.objectId]);
});

it('a disk that does not put it aside changes nothing of that: it is wanted again', () => {
  const { high, watch, unfinished, compare, missing } = watching();
  refuseOnce(high.disk, 'rename', 'E_DISK');
  expect(() => watch.lost(a)).toThrow(expect.objectContaining({ code: 'E_DISK' }));
  expect([unfinished, missing()]).toEqual([[a.objectId], true]);
  compare();
  expect(high.disk.facts(`${folders.vault}/orphans/${a.objectId}`)).toBeDefined();
});
