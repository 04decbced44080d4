/** What an earlier life of the receiver left, for the assembler: what is finished, and what was being collected. */
import type { Assembler } from '../assemble/assembler.ts';
import type { ReceiverLedger } from '../ledger/ledger.ts';
import type { SpillArea } from '../vault/spill.ts';
import type { Vault } from '../vault/vault.ts';

const finishedPage = 10_000;

/** Tells the assembler of everything that is durable here: a million ids in a second or two. */
export function loadFinished(ledger: ReceiverLedger, assembler: Assembler): void {
  let after = '';
  for (;;) {
    const { ids, last } = ledger.instances.finishedObjectIds(after, finishedPage);
    if (ids.length === 0) break;
    assembler.finishAll(ids);
    after = last;
  }
  for (const objectId of ledger.files.lost()) assembler.unfinish(objectId);
  for (const objectId of ledger.manifests.objectIds()) assembler.finish(objectId);
  for (const objectId of ledger.knownContent.objectIds()) assembler.finish(objectId);
}

/** Goes on with what was being collected. */
export function resumeCollecting(options: {
  readonly assembler: Assembler;
  readonly vault: Vault;
  readonly spill: SpillArea;
  readonly secrets: ReadonlyMap<number, Uint8Array>;
}): void {
  const { assembler, vault, spill, secrets } = options;
  const resumed = new Map(
    vault.incoming
      .resumable()
      .map((object) => [object.facts.objectId, { ...object, spilledBlocks: [] as number[] }]),
  );
  for (const { facts, blockNumber } of spill.found) {
    const object = resumed.get(facts.objectId) ?? {
      facts,
      finishedBlocks: new Uint8Array(0),
      spilledBlocks: [],
    };
    object.spilledBlocks.push(blockNumber);
    resumed.set(facts.objectId, object);
  }
  for (const object of resumed.values()) {
    assembler.resume(object);
    // What is finished, or what there is no room for, needs no slots.
    if (assembler.touchedAtMs(object.facts.objectId) !== undefined) continue;
    spill.drop(object.facts.objectId);
    // Under a key that left the ring it can never be completed.
    if (!secrets.has(object.facts.keyId)) vault.incoming.discard(object.facts.objectId);
  }
}
