/** What an earlier life of the receiver left, for the assembler: what is finished, and what was being collected. */
import type { Clock } from '../../shared/clock.ts';
import type { Assembler } from '../assemble/assembler.ts';
import { claimName, type ObjectFacts } from '../assemble/kept-state.ts';
import type { ReceiverLedger } from '../ledger/ledger.ts';
import type { SpillArea } from '../vault/spill.ts';
import type { Vault } from '../vault/vault.ts';

const finishedPage = 10_000;
const nothing = new Uint8Array(0);

/** Tells the assembler of everything that is durable here: a million ids in a second or two. */
export function loadFinished(ledger: ReceiverLedger, assembler: Assembler): void {
  const eachPage = (
    page: (after: string, limit: number) => { ids: Uint8Array; last: string },
    tell: (ids: Uint8Array) => void,
  ) => {
    let after = '';
    for (;;) {
      const { ids, last } = page(after, finishedPage);
      if (ids.length === 0) break;
      tell(ids);
      after = last;
    }
  };
  const finishAll = (ids: Uint8Array) => assembler.finishAll(ids);
  eachPage((after, limit) => ledger.instances.finishedObjectIds(after, limit), finishAll);
  for (let last = ''; ; ) {
    const lost = ledger.files.lost(last, finishedPage);
    for (const objectId of lost) assembler.unfinish(objectId);
    last = lost.at(-1) ?? last;
    if (lost.length < finishedPage) break;
  }
  eachPage((after, limit) => ledger.manifests.objectIds(after, limit), finishAll);
  for (const senderId of ledger.objectAliases.senderIds())
    eachPage(
      (after, limit) => ledger.objectAliases.objectIds(senderId, after, limit),
      (ids) => assembler.knowAll(senderId, ids),
    );
}

/** Goes on with what was being collected; what can't be gone on with takes no room. */
export function resumeCollecting(options: {
  readonly assembler: Assembler;
  readonly vault: Vault;
  readonly spill: SpillArea;
  readonly clock: Clock;
}): void {
  const { assembler, vault, spill, clock } = options;
  const nowMs = clock.monotonicMs();
  const spilled = new Map<string, { readonly facts: ObjectFacts; readonly blocks: number[] }>();
  for (const { facts, blockNumber } of spill.found) {
    const ofObject = spilled.get(claimName(facts)) ?? { facts, blocks: [] };
    ofObject.blocks.push(blockNumber);
    spilled.set(claimName(facts), ofObject);
  }
  const isCollected = (facts: ObjectFacts) => assembler.touchedAtMs(facts) !== undefined;
  // One at a time: which blocks of all of them are finished need not fit into memory.
  for (const { facts, finishedBlocks } of vault.incoming.resumable()) {
    const { blocks: spilledBlocks = [] } = spilled.get(claimName(facts)) ?? {};
    assembler.resume({ facts, finishedBlocks, spilledBlocks }, nowMs);
    if (!isCollected(facts)) vault.incoming.discard(facts);
  }
  for (const { facts, blocks } of spilled.values()) {
    if (!isCollected(facts))
      assembler.resume({ facts, finishedBlocks: nothing, spilledBlocks: blocks }, nowMs);
    if (!isCollected(facts)) spill.drop(facts);
  }
}
