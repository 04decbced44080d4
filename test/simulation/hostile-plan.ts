/**
 * What the honest senders of a hostile seed have before them: their studies, the restarts of the receiver, and what
 * goes wrong without anybody's ill will. It is drawn before anything is played, so that the same can be played without
 * the hostile peer.
 */
import { type Priority, priority } from '../../shared/wire/manifest.ts';
import type { Random } from '../harness/random.ts';
import { smallInstance } from '../harness/small-instance.ts';
import { uidFrom } from '../harness/synthetic-instance.ts';
import type { End } from './high-side.ts';
import type { VictimFile, VictimInstance } from './hostile-sight.ts';

export interface PlannedFile extends VictimInstance {
  /** Which sender takes it in. */
  readonly sender: number;
  /** When, in rounds from 0. */
  readonly round: number;
  readonly urgency: Priority;
  /** Of a study of two patients: it has to be held. */
  readonly isMixed: boolean;
}

export interface HostilePlan {
  readonly senderIds: readonly string[];
  readonly rounds: number;
  readonly files: readonly PlannedFile[];
  /** How the receiver ends, by round; half of all plans have none. */
  readonly restarts: ReadonlyMap<number, End>;
  /** At the end: one of the second sender of which nothing but beacon and roll crosses. */
  readonly lost: PlannedFile | undefined;
  /** At the end the second sender says nothing any more. */
  readonly fallsSilent: boolean;
}

const sendersPlanned = 2;

export function drawPlan(random: Random): HostilePlan {
  const rounds = 2 + random.integer(3);
  // Digits alone make a UID of what stands behind a dot.
  const digits = () => Array.from({ length: 16 }, () => 1 + random.integer(9)).join('');
  const senderIds = Array.from({ length: sendersPlanned }, () =>
    random.chance(0.5) ? digits() : Buffer.from(random.bytes(8)).toString('hex'),
  );
  const files: PlannedFile[] = [];
  const studies = 2 + random.integer(3);
  for (let study = 0; study < studies; study += 1) files.push(...drawStudy(random, study, rounds));
  const ends: readonly End[] = ['stop', 'kill', 'power cut'];
  const restarts = new Map<number, End>();
  if (random.chance(0.5)) {
    for (let round = 0; round < rounds; round += 1)
      if (random.chance(0.5)) restarts.set(round, random.pick(ends));
  }
  const study = { studyUid: uidFrom(random), seriesUid: uidFrom(random), patientId: 'LOST' };
  const lost = drawFile(random, study, {
    sender: 1,
    round: rounds,
    urgency: priority.routine,
    isMixed: false,
  });
  const [losesOne, fallsSilent] = [random.chance(0.3), random.chance(0.3)];
  return { senderIds, rounds, files, restarts, lost: losesOne ? lost : undefined, fallsSilent };
}

function drawStudy(random: Random, study: number, rounds: number): PlannedFile[] {
  const names = { studyUid: uidFrom(random), seriesUid: uidFrom(random), patientId: `PATIENT-${study}` };
  const when = {
    sender: study % sendersPlanned,
    round: random.integer(rounds),
    urgency: random.chance(0.2) ? priority.stat : priority.routine,
  };
  const isMixed = random.chance(0.15);
  const files = Array.from({ length: (isMixed ? 2 : 1) + random.integer(3) }, (_, index) => {
    const patientId = isMixed && index === 0 ? 'SOMEBODY-ELSE' : names.patientId;
    return drawFile(random, { ...names, patientId }, { ...when, isMixed });
  });
  if (isMixed) return files;
  // A late instance: another revision. Or another sender has the same study as well.
  const more = { ...when, round: random.integer(rounds), isMixed };
  if (random.chance(0.2)) files.push(drawFile(random, names, more));
  if (random.chance(0.2)) files.push(drawFile(random, names, { ...more, sender: 1 - when.sender }));
  return files;
}

function drawFile(
  random: Random,
  names: Pick<VictimFile, 'studyUid' | 'seriesUid' | 'patientId'>,
  when: Pick<PlannedFile, 'sender' | 'round' | 'urgency' | 'isMixed'>,
): PlannedFile {
  const sopInstanceUid = uidFrom(random);
  const bytes = smallInstance({
    ...names,
    sopInstanceUid,
    patientName: `SYNTHETIC^${names.patientId}`,
    approximateBytes: 800 + random.integer(random.chance(0.1) ? 20_000 : 3000),
    random,
  });
  return { ...names, ...when, sopInstanceUid, bytes };
}
