/**
 * What the running receiver does about held instances when a person asks. Each step is in the audit, with who and why,
 * in the same transaction as what it changes.
 *
 * - Release: all that is known against the instance now counts as allowed, and it goes out the usual way: with its
 *   study when that is not out yet, else as a supplement.
 * - Purge: the bytes are deleted; the row stays, so that the passes that still come do not bring it back.
 * - Purge with `again`: as if it had never come. The next pass, or another sending, brings it.
 */
import { z } from 'zod';
import { DiodeError, type ErrorCode } from '../../shared/errors.ts';
import type { HeldInstance } from '../ledger/holds.ts';
import type { ReceiverLedger } from '../ledger/ledger.ts';
import type { Pipeline } from '../pipeline/pipeline.ts';

export const quarantineVerbs = { release: 'quarantine-release', purge: 'quarantine-purge' } as const;

type Act = (pipeline: Pipeline, ledger: ReceiverLedger, parameters: unknown) => string;

const parametersSchema = z.strictObject({
  id: z.string().regex(/^[0-9a-f.]{1,64}$/),
  reason: z.string().min(1).max(1000),
  byWhom: z.string().min(1).max(200),
  again: z.boolean().optional(),
});
type Asked = z.infer<typeof parametersSchema>;

/** Instances that one request may name: a study at its largest. */
const namedMax = 200_000;

/** What a verb of the mailbox does, if it is one of these. */
export function quarantineVerb(verb: string): Act | undefined {
  if (verb === quarantineVerbs.release) return act(release);
  return verb === quarantineVerbs.purge ? act(purge) : undefined;
}

function act(what: (pipeline: Pipeline, ledger: ReceiverLedger, asked: Asked) => string): Act {
  return (pipeline, ledger, parameters) => {
    const parsed = parametersSchema.safeParse(parameters);
    if (!parsed.success) throw new DiodeError('E_USAGE', 'the request is malformed');
    return what(pipeline, ledger, parsed.data);
  };
}

/** @throws DiodeError E_HELD_UNKNOWN, E_USAGE for a beginning of several ids */
export function heldUnder(ledger: ReceiverLedger, id: string, limit: number): HeldInstance[] {
  const found = ledger.holds.named(id, limit);
  const [first] = found;
  if (first === undefined) throw new DiodeError('E_HELD_UNKNOWN');
  if (first.objectId.startsWith(id) && found.length > 1)
    throw new DiodeError('E_USAGE', `${found.length} held instances begin with this id: give more of it`);
  return found;
}

function release(pipeline: Pipeline, ledger: ReceiverLedger, asked: Asked): string {
  const named = heldUnder(ledger, asked.id, namedMax).filter(({ heldBecause }) => heldBecause !== 'E_PURGED');
  if (named.length === 0)
    throw new DiodeError('E_STUDY_STATE', 'its bytes were purged: purge it --again to have it sent again');
  const unreadable = named.find(({ sopInstanceUid }) => sopInstanceUid === '0');
  if (unreadable !== undefined)
    throw new DiodeError('E_STUDY_STATE', 'its UIDs can not be read, so it has no place in the inbox');
  for (const held of named) {
    if (studyOf(ledger, held)?.expected === undefined)
      throw new DiodeError('E_STUDY_STATE', 'no manifest of its study is there yet: release it then');
  }
  ledger.transaction(() => {
    for (const held of named) {
      audit(ledger, 'quarantine release', held, asked);
      ledger.holds.approve(held.objectId, codesAgainst(held));
    }
    reopen(pipeline, ledger, named);
  });
  pipeline.releaseReady();
  const out = named.filter(({ objectId }) => ledger.instances.get(objectId)?.releasedRevision !== undefined);
  const rest = named.length - out.length;
  const [first] = named;
  const folder = first === undefined ? undefined : newestTarget(ledger, first);
  if (out.length === 0) return `${rest} instances let through; they go out with their study`;
  return `${out.length} instances released to the inbox as ${folder}${rest > 0 ? `; ${rest} wait for their study or for another decision` : ''}`;
}

function purge(pipeline: Pipeline, ledger: ReceiverLedger, asked: Asked): string {
  const again = asked.again === true;
  const named = heldUnder(ledger, asked.id, namedMax).filter(
    ({ heldBecause }) => again || heldBecause !== 'E_PURGED',
  );
  if (named.length === 0) throw new DiodeError('E_STUDY_STATE', 'it was purged before');
  ledger.transaction(() => {
    for (const held of named) {
      audit(ledger, again ? 'quarantine purge again' : 'quarantine purge', held, asked);
      if (again) ledger.holds.forget(held.objectId);
      else ledger.instances.hold(held.objectId, 'E_PURGED');
    }
    if (again) reopen(pipeline, ledger, named);
  });
  for (const { objectId } of named) {
    if (again) pipeline.collectAgain(objectId);
    else pipeline.removeBytes(objectId);
  }
  pipeline.releaseReady();
  return again
    ? `${named.length} instances forgotten; the next pass brings them again`
    : `${named.length} instances purged; they are kept out when they are sent again`;
}

/** Everything a person sees in `quarantine show` is what they decide about. */
function codesAgainst({ heldBecause, reasons, approved }: HeldInstance): ErrorCode[] {
  return [...new Set([...approved, ...reasons, heldBecause])];
}

/** The studies' newest lists are decided about again. */
function reopen(pipeline: Pipeline, ledger: ReceiverLedger, named: readonly HeldInstance[]): void {
  const studies = new Map(named.map((held) => [`${held.senderId} ${placeOf(held)}`, held]));
  for (const held of studies.values()) {
    if (studyOf(ledger, held) !== undefined) pipeline.studies.reopen(held.senderId, placeOf(held));
  }
}

/** The study whose list has the instance. */
function placeOf({ claimedStudyUid, studyUid }: HeldInstance): string {
  return claimedStudyUid ?? studyUid;
}

function studyOf(ledger: ReceiverLedger, held: HeldInstance) {
  return ledger.studies.get(held.senderId, placeOf(held));
}

function newestTarget(ledger: ReceiverLedger, held: HeldInstance): string | undefined {
  return ledger.releases.ofStudy(held.senderId, placeOf(held)).at(-1)?.target;
}

function audit(ledger: ReceiverLedger, action: string, held: HeldInstance, { byWhom, reason }: Asked): void {
  ledger.audit.enter({ action, subject: held.objectId, byWhom, reason }, Date.now());
}
