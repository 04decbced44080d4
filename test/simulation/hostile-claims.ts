/** What a hostile sender does under the names of others: their ids, their folders, their UIDs and their objects. */
import { at, objectType } from '../../shared/wire/datagram.ts';
import { rollState } from '../../shared/wire/roll.ts';
import { uidFrom } from '../harness/synthetic-instance.ts';
import type { HostilePeer, Speaker } from './hostile-peer.ts';
import { type Power, times } from './hostile-power.ts';
import { seen, type Victim } from './hostile-sight.ts';

const uint32Max = 0xffff_ffff;
const { instance } = objectType;

/** As a victim speaks, but under the peer's own key: newer than anything before unless said otherwise. */
function as(peer: HostilePeer, victim: Victim, counter = uint32Max): Speaker {
  return { senderId: victim.senderId, counter, random: peer.random.word() };
}

/** Names in the inbox are where senders meet: 1. */
export const namesOfFolders = {
  /** A study whose UID is the name that an honest study's folder gets where its UID is taken by somebody else. */
  takesNamesOfFolders: (peer) => {
    const { victim, random } = peer;
    const { studyUid, patientId } = random.pick(victim.files);
    const names = [`${studyUid}.${victim.senderId}`, `${studyUid}.1`].filter((uid) =>
      /^[0-9.]{1,64}$/.test(uid),
    );
    for (const name of names) peer.sendStudy([peer.file({ studyUid: name })], { studyUid: name });
    // The UID itself, which the patient is the same for: so there is nothing to hold.
    peer.sendStudy([peer.file({ studyUid, patientId })], { studyUid, stat: true });
  },
  /** Many revisions of one study, each with a name of its own. */
  takesNamesOfRevisions: (peer, many) => {
    const studyUid = uidFrom(peer.random);
    const files = Array.from({ length: many(3, 12) }, () => peer.file({ studyUid }));
    for (const revision of [2, 1, uint32Max, uint32Max, 3])
      peer.sendStudy(files.slice(0, 1 + peer.random.integer(files.length)), {
        studyUid,
        revision,
        studyNumber: 7,
      });
  },
} satisfies Record<string, Power>;

/** Under the ids of others, which are in clear: 2, and all of what a key that binds nobody can say. */
export const namesOfOthers = {
  /** A later revision of an honest study, with an instance that its scanner never made. */
  forgesRevisions: (peer) => {
    const { victim, random } = peer;
    const { studyUid, seriesUid, patientId } = random.pick(victim.files);
    const revision = random.pick([1, 2, uint32Max]);
    const forged = peer.file({ studyUid, seriesUid, patientId });
    peer.sendStudy([forged], { studyUid, revision }, as(peer, victim));
  },
  /** Instances without a list. */
  forgesInstances: (peer, many) => {
    const { victim, random } = peer;
    times(many(2, 30), () => {
      const { studyUid, seriesUid, sopInstanceUid, patientId } = random.pick(victim.files);
      const names = random.chance(0.5) ? { sopInstanceUid } : {};
      const { bytes } = peer.file({ studyUid, seriesUid, patientId, ...names });
      peer.sendObject(bytes, instance, as(peer, victim));
    });
  },
  /** A beacon that no later one of its sender is newer than. */
  speaksForOthers: (peer) => {
    const { victim, random } = peer;
    const highestStudyNumber = random.pick([0, 1, 1_000_000, Number.MAX_SAFE_INTEGER]);
    peer.sendBeacon({ highestStudyNumber, lowestRetainedStudyNumber: 0 }, as(peer, victim));
  },
  listsRollsOfOthers: (peer, many) => {
    const { victim, random } = peer;
    const entries = Array.from({ length: many(5, 200) }, (_, index) => {
      const { studyUid } = random.pick(victim.files);
      const state = random.pick([rollState.retained, rollState.tombstone]);
      return peer.rollEntry({ studyUid, studyNumber: index + 1, revision: uint32Max, state });
    });
    peer.sendBeacon({}, as(peer, victim, uint32Max - 1));
    peer.sendRoll(entries, as(peer, victim));
  },
} satisfies Record<string, Power>;

/** What belongs to others by its UID or by its object id: 5, and what has the same shape. */
export const claimsOnOthers = {
  /** The study, series and instance of an honest sender, with another patient. */
  reusesInstances: (peer, many) => {
    const { random, victim } = peer;
    times(many(1, 4), () => {
      const { studyUid, seriesUid, sopInstanceUid } = random.pick(victim.files);
      peer.contested.add(studyUid).add(sopInstanceUid);
      peer.sendStudy([peer.file({ studyUid, seriesUid, sopInstanceUid, patientId: 'ANOTHER' })], {
        studyUid,
      });
    });
  },
  reusesStudies: (peer) => {
    const { studyUid } = peer.random.pick(peer.victim.files);
    peer.contested.add(studyUid);
    peer.sendStudy([peer.file({ studyUid, patientId: 'ANOTHER' })], { studyUid });
  },
  /** A whole honest study, byte for byte, as a scanner sends it that sends to two. */
  copiesInstances: (peer) => {
    const { files } = peer.victim;
    const { studyUid } = peer.random.pick(files);
    const same = files.filter((file) => file.studyUid === studyUid);
    peer.sendStudy(same, { studyUid, stat: peer.random.chance(0.5) });
  },
  /** A list of its own that names the objects of others, before and after they come. */
  listsObjectsOfOthers: (peer, many) => {
    const ids = objectsOf(peer, instance).map(({ objectId }) => objectId);
    for (const chosen of peer.random.shuffle(ids).slice(0, many(3, 30)))
      peer.sendList([peer.entryOfNothing(chosen), peer.entryOfNothing()], { studyUid: uidFrom(peer.random) });
    const { studyUid } = peer.random.pick(peer.victim.files);
    if (ids.length > 0)
      peer.sendList(
        ids.map((id) => peer.entryOfNothing(id)),
        { studyUid },
      );
  },
  /** Says of each object of others, before it arrives, that its content is here: it need not be collected then. */
  passesOffObjectsOfOthers: (peer, many) => {
    const own = peer.file();
    const { studyUid } = own;
    peer.sendStudy([own], { studyUid });
    const known = new Set<string>();
    peer.whenKept(() =>
      peer.whenSeen((datagram) => {
        const { type, objectId } = seen(datagram);
        if (type !== instance || known.has(objectId) || known.size >= many(30, 300)) return;
        known.add(objectId);
        const ids = peer.random.shuffle([...known]).slice(0, 5);
        const entries = [objectId, ...ids].map((id) => ({ ...peer.entryOf(own), objectId: id }));
        peer.sendList([peer.entryOf(own), ...entries], { studyUid, revision: 1 + known.size });
      }),
    );
  },
  /** A symbol of chance in each block of others while it is collected, under the peer's own key. */
  spoilsBlocksOfOthers: (peer) => {
    const { random } = peer;
    const speaker = random.chance(0.5) ? peer.self : as(peer, peer.victim);
    peer.whenSeen((datagram) => {
      const { type, ...rest } = seen(datagram);
      peer.send([peer.datagram({ type, ...rest, speaker, encodingSymbolId: random.integer(255) })]);
    });
  },
  /** Each object id of others with another size, before anything of it arrives: so that theirs fits no more. */
  squatsOnObjectsOfOthers: (peer) => {
    const known = new Set<string>();
    peer.whenSeen((datagram) => {
      const { type, objectId } = seen(datagram);
      if (known.has(objectId)) return;
      known.add(objectId);
      peer.send([peer.datagram({ type, objectId, objectBytes: 100_000 })]);
    });
  },
  replaysRecordings: (peer) => {
    const { random, victim } = peer;
    const documents = victim.recorded.filter((datagram) => datagram[at.type] !== instance);
    peer.send(random.chance(0.5) ? documents.slice(0, 200) : random.shuffle([...documents]).slice(0, 200));
  },
} satisfies Record<string, Power>;

/** Objects of others that were seen on the fibre, each once. */
function objectsOf(peer: HostilePeer, type: 1 | 2): { objectId: string; type: 1 | 2 }[] {
  const ids = peer.victims.flatMap(({ recorded }) =>
    recorded.filter((datagram) => datagram[at.type] === type).map((datagram) => seen(datagram).objectId),
  );
  return [...new Set(ids)].map((objectId) => ({ objectId, type }));
}
