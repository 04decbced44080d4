/**
 * What the running receiver does about held instances when a person asks.
 *
 * - Release: everything it is held for now counts as allowed, and it goes out the usual way: with its study if that is
 *   not out yet, otherwise as a supplement.
 * - Purge: the bytes are deleted; the row stays, so that the passes that still come do not bring it back.
 * - Purge with `again`: as if it had never come. The next pass, or another sending, brings it.
 */
import { z } from 'zod';
import type { Clock } from '../../shared/clock.ts';
import { countText } from '../../shared/console/quantities.ts';
import { DiodeError, type ErrorCode } from '../../shared/errors.ts';
import { fieldText, type NewEvent } from '../../shared/program/event-catalogue.ts';
import { EventGroups } from '../../shared/program/event-groups.ts';
import {
  type Acted,
  auditedForm,
  type Operation,
  operation,
  whoFields,
} from '../../shared/program/operations.ts';
import type { HeldInstance } from '../ledger/holds.ts';
import type { ReceiverLedger } from '../ledger/ledger.ts';
import type { StudyRecord } from '../ledger/study-records.ts';
import type { Studies } from '../studies/studies.ts';
import { outcomeOf, placeOf, toldOf } from './outcome.ts';

const heldId = z.string().regex(/^[0-9a-f.]{1,64}$/);

export const releaseHeldForm = auditedForm(
  'quarantine-release',
  z.strictObject({ ...whoFields, id: heldId }),
);
export const purgeHeldForm = auditedForm(
  'quarantine-purge',
  z.strictObject({ ...whoFields, id: heldId, again: z.boolean().optional() }),
);

export interface QuarantineParts {
  readonly ledger: ReceiverLedger;
  readonly studies: Pick<Studies, 'reopen'>;
  /** Releases at once what is ready: a person is waiting. */
  readonly releaseReady: () => void;
  /** Collects objects again when they come: their rows are gone, and their bytes go. @returns those the disk could not delete */
  readonly collectAgain: (objectIds: readonly string[]) => ReadonlyMap<string, DiodeError>;
  /** Deletes the bytes of objects that are kept out from now on. @returns those the disk could not delete */
  readonly removeBytes: (objectIds: readonly string[]) => ReadonlyMap<string, DiodeError>;
  readonly hasInbox: boolean;
  readonly clock: Clock;
}

/** Instances that one request may name: a study at its largest. */
const namedMax = 200_000;

interface Asked {
  readonly id: string;
  readonly byWhom: string;
}

export function quarantineOperations(parts: QuarantineParts): readonly Operation[] {
  return [
    operation(releaseHeldForm, (asked) => release(parts, asked)),
    operation(purgeHeldForm, (asked) =>
      asked.again === true ? purgeAgain(parts, asked) : purge(parts, asked),
    ),
  ];
}

/** @throws DiodeError E_HELD_UNKNOWN, E_USAGE if several ids begin like this */
export function heldUnder(ledger: ReceiverLedger, id: string, limit: number): HeldInstance[] {
  const found = ledger.holds.named(id, limit);
  const [first] = found;
  if (first === undefined) throw new DiodeError('E_HELD_UNKNOWN');
  if (first.objectId.startsWith(id) && found.length > 1)
    throw new DiodeError(
      'E_USAGE',
      `${found.length} held instances have an id that begins like this: give more of it`,
    );
  return found;
}

function release(parts: QuarantineParts, { id, byWhom }: Asked): Acted {
  const { ledger, hasInbox } = parts;
  const named = heldUnder(ledger, id, namedMax).filter(({ heldBecause }) => heldBecause !== 'E_PURGED');
  if (named.length === 0)
    throw new DiodeError(
      'E_STUDY_STATE',
      'it was purged: purge it with --again to accept it when it is sent again',
    );
  const unreadable = named.find(({ sopInstanceUid }) => sopInstanceUid === '0');
  if (unreadable !== undefined)
    throw new DiodeError('E_STUDY_STATE', 'its UIDs cannot be read, so it belongs to no study');
  for (const held of named) {
    if (studyOf(ledger, held)?.expected === undefined)
      throw new DiodeError(
        'E_STUDY_STATE',
        'the manifest of its study has not come yet: release it after that',
      );
  }
  for (const held of named) ledger.holds.approve(held.objectId, codesAgainst(held));
  reopen(parts, named);
  enterEvents(parts, named, { kind: 'let-through', byWhom });
  const lastRelease = ledger.releases.lastId();
  return {
    audit: { action: 'quarantine release', subjects: named.map(({ objectId }) => objectId) },
    told: {
      detail: `${countText(named.length, 'instance')} let through: released unless held for another reason`,
      facts: { instances: named.length },
    },
    afterwards: () => {
      parts.releaseReady();
      return toldOf(outcomeOf(ledger, named, lastRelease), hasInbox);
    },
  };
}

function purge(parts: QuarantineParts, { id, byWhom }: Asked): Acted {
  const { ledger } = parts;
  const named = heldUnder(ledger, id, namedMax).filter(({ heldBecause }) => heldBecause !== 'E_PURGED');
  if (named.length === 0) throw new DiodeError('E_STUDY_STATE', 'it was already purged');
  const objectIds = named.map(({ objectId }) => objectId);
  for (const objectId of objectIds) ledger.instances.hold(objectId, 'E_PURGED');
  enterEvents(parts, named, { kind: 'purged', byWhom, again: false });
  // If the program ends before they are deleted, or the disk refuses, they are found again here.
  ledger.files.markRemoved(objectIds);
  ledger.removableObjects.enterDue(objectIds);
  const told = {
    detail: `${countText(named.length, 'instance')} purged: kept out if sent again`,
    facts: { instances: named.length },
  };
  return {
    audit: { action: 'quarantine purge', subjects: objectIds },
    told,
    afterwards: () => {
      const refusals = parts.removeBytes(objectIds);
      ledger.removableObjects.forget(objectIds.filter((objectId) => !refusals.has(objectId)));
      parts.releaseReady();
      const left = { notDeleted: refusals.size };
      if (refusals.size === 0) return { ...told, facts: { ...told.facts, ...left } };
      const [{ code } = { code: 'E_DISK' }] = refusals.values();
      const rest = `the disk could not delete ${refusals.size} of them yet (${code}): this is tried again`;
      return { detail: `${told.detail}; ${rest}`, facts: { ...told.facts, ...left } };
    },
  };
}

function purgeAgain(parts: QuarantineParts, { id, byWhom }: Asked): Acted {
  const { ledger } = parts;
  const named = heldUnder(ledger, id, namedMax);
  const objectIds = named.map(({ objectId }) => objectId);
  for (const objectId of objectIds) ledger.holds.forget(objectId);
  enterEvents(parts, named, { kind: 'purged', byWhom, again: true });
  // What comes in their place must not be removed.
  ledger.removableObjects.forget(objectIds);
  reopen(parts, named);
  const told = {
    detail: `${countText(named.length, 'instance')} forgotten: accepted if sent again`,
    facts: { instances: named.length },
  };
  return {
    audit: { action: 'quarantine purge again', subjects: objectIds },
    told,
    afterwards: () => {
      // What the disk could not delete is replaced when they come.
      parts.collectAgain(objectIds);
      parts.releaseReady();
      return told;
    },
  };
}

/** A person decides about everything that `quarantine show` lists. */
function codesAgainst({ heldBecause, reasons, approved }: HeldInstance): ErrorCode[] {
  return [...new Set([...approved, ...reasons, heldBecause])];
}

/** The newest lists of these studies are looked at again. */
function reopen({ ledger, studies }: QuarantineParts, named: readonly HeldInstance[]): void {
  const byStudy = new Map(named.map((held) => [`${held.senderId} ${placeOf(held)}`, held]));
  for (const held of byStudy.values()) {
    if (studyOf(ledger, held) !== undefined) studies.reopen(held.senderId, placeOf(held));
  }
}

function studyOf(ledger: ReceiverLedger, held: HeldInstance): StudyRecord | undefined {
  return ledger.studies.get(held.senderId, placeOf(held));
}

type Decision =
  | { readonly kind: 'let-through'; readonly byWhom: string }
  | { readonly kind: 'purged'; readonly byWhom: string; readonly again: boolean };

/** What a person decided: one event for each study. The reason is only in the audit, since it is free text. */
function enterEvents(
  { ledger, clock }: QuarantineParts,
  named: readonly HeldInstance[],
  decision: Decision,
): void {
  const groups = new EventGroups();
  const what = { ...decision, byWhom: fieldText(decision.byWhom) };
  for (const held of named) {
    const { senderId } = held;
    const event: NewEvent = { ...what, senderId, studyUid: placeOf(held), instances: 1 };
    groups.add(event);
  }
  groups.enterInto(ledger.events, clock.wallMs());
}
