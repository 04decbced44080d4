/**
 * What a sender host that was taken over can do with its key and what it sees, a function for each. Most are small, so
 * that ten thousand seeds can be played; each is now and then so large that it reaches a bound by itself.
 */
import { errorCatalogue } from '../../shared/errors.ts';
import { at, objectType } from '../../shared/wire/datagram.ts';
import { limits } from '../../shared/wire/limits.ts';
import { rollState } from '../../shared/wire/roll.ts';
import { transferSyntaxes } from '../harness/dicom-writer.ts';
import { hostileFiles } from '../harness/hostile-files.ts';
import { uidFrom } from '../harness/synthetic-instance.ts';
import { ctImage, encodeHeader, encodePart10 } from '../harness/unchecked-writer.ts';
import { type HostilePeer, hexOf, type Speaker, seen, type Victim } from './hostile-peer.ts';

/** @param many how often, or how large: a small number as a rule, and at times the other one */
export type Power = (peer: HostilePeer, many: (few: number, most: number) => number) => void;

const uint32Max = 0xffff_ffff;
const { manifest, beacon, roll, instance } = objectType;
/** Files that take long to make or to look at are left out: expensiveFiles below is of that kind. */
const quickHostileFiles = hostileFiles.filter(
  ({ name }) => !/^(file: empty|elements|nesting|deflate: a bomb)/.test(name),
);

function times(count: number, act: (index: number) => void): void {
  for (let index = 0; index < count; index += 1) act(index);
}

/** As a victim speaks, but under the peer's own key: newer than anything before unless said otherwise. */
function as(peer: HostilePeer, victim: Victim, counter = uint32Max): Speaker {
  return { senderId: victim.senderId, counter, random: peer.random.word() };
}

/** Names in the inbox are where senders meet: 1. */
const namesOfFolders = {
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
const namesOfOthers = {
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

/** The account and the alarms, which all senders share: 3. */
const floodsOfTheAccount = {
  claimsAbsurdNumbers: (peer) => {
    const { random } = peer;
    const highestStudyNumber = random.pick([12_000, uint32Max, Number.MAX_SAFE_INTEGER]);
    const lowestRetainedStudyNumber = random.pick([0, 1, highestStudyNumber]);
    peer.sendBeacon({ highestStudyNumber, lowestRetainedStudyNumber });
  },
  /** Up and down: what a sender that is set back leaves is named for good. */
  setsItselfBack: (peer, many) => {
    peer.sendBeacon({ highestStudyNumber: 0, lowestRetainedStudyNumber: 1 });
    times(many(2, 6), (index) => {
      peer.sendBeacon({ highestStudyNumber: 12_000 * (index + 1) });
      peer.sendBeacon({ highestStudyNumber: 12_000 * index });
    });
  },
  raisesEveryAlarm: (peer, many) => {
    const codes = Object.keys(errorCatalogue);
    const made = () => `E_${peer.random.word().toString(36).toUpperCase()}`;
    times(many(3, 40), (round) => {
      const known = Array.from(
        { length: 16 },
        (_, index) => codes[(round * 16 + index) % codes.length] ?? '',
      );
      const alarms = peer.random.chance(0.5) ? known : known.map(made);
      const rejected = known.map((code) => ({ code, count: peer.random.word() }));
      peer.sendBeacon({ alarms, rejected, queuedObjects: 9, oldestQueuedMs: 1e12, spoolBytes: 1e15 });
    });
  },
  mixesPatients: (peer, many) => {
    times(many(4, 60), (index) => {
      const studyUid = uidFrom(peer.random);
      const files = [1, 2].map((patient) => peer.file({ studyUid, patientId: `${index}-${patient}` }));
      peer.sendStudy(files, { studyUid });
    });
  },
  /** Each is held, and each under a study of its own. */
  sendsWhatIsHeld: (peer, many) => {
    times(many(10, 510), () => {
      const studyUid = uidFrom(peer.random);
      const sopInstanceUid = uidFrom(peer.random);
      const document = { studyUid, sopInstanceUid, sopClassUid: '1.2.840.10008.5.1.4.1.1.104.1' };
      peer.sendObject(encodePart10({ dataSet: ctImage(document) }), instance);
    });
  },
  leavesStudiesIncomplete: (peer, many) => {
    times(many(10, 1100), () => peer.sendList([peer.entryOfNothing()], { studyUid: uidFrom(peer.random) }));
  },
  leavesInstancesUnclaimed: (peer, many) => {
    times(many(10, 300), () => peer.sendObject(peer.file().bytes, instance));
  },
  /** Each second one writes a line to the log, unless something bounds it. */
  alternatesDocuments: (peer, many) => {
    const studyUid = uidFrom(peer.random);
    times(many(20, 300), () => {
      peer.sendObject(peer.random.bytes(60), manifest);
      peer.sendList([peer.entryOfNothing()], { studyUid });
      peer.sendObject(peer.random.bytes(50), beacon);
      peer.sendBeacon();
    });
  },
} satisfies Record<string, Power>;

/** Revisions and rolls of its own that lead nowhere: 4, 9, 13. */
const endlessLists = {
  revisesItsStudies: (peer, many) => {
    const { random } = peer;
    const studyUid = uidFrom(random);
    times(many(6, 60), () => {
      const revision = random.pick([0, 1, 2, 17, random.word(), uint32Max]);
      const studyNumber = random.pick([0, 1, 2, Number.MAX_SAFE_INTEGER]);
      const entries = [peer.entryOfNothing(), peer.entryOf(peer.file({ studyUid }))];
      peer.sendList(entries, { studyUid, revision, studyNumber });
      peer.sendRoll([peer.rollEntry({ studyUid, revision, studyNumber })]);
    });
  },
  namesWhatNeverComes: (peer, many) => {
    peer.sendBeacon();
    peer.sendRoll(Array.from({ length: many(30, 2000) }, () => peer.rollEntry()));
  },
  /** A study that is whole, and a roll that says it has as many instances as a number can. */
  claimsCountlessInstances: (peer) => {
    const own = peer.file();
    const { studyUid } = own;
    const studyNumber = peer.nextStudyNumber();
    peer.sendStudy([own], { studyUid, studyNumber });
    peer.sendBeacon();
    peer.sendRoll([peer.rollEntry({ studyUid, studyNumber, revision: 2, instances: 4_294_967_294 })]);
  },
  listsWithoutEnd: (peer, many) => {
    const entries = Array.from({ length: many(200, 4000) }, () => peer.entryOfNothing());
    peer.sendList(entries, { studyUid: uidFrom(peer.random) });
  },
  numbersStudiesAbsurdly: (peer) => {
    for (const studyNumber of [0, 1, Number.MAX_SAFE_INTEGER]) {
      const studyUid = `1.${'2'.repeat(60)}.${peer.random.integer(9)}`;
      peer.sendList([peer.entryOfNothing()], { studyUid, studyNumber });
      peer.sendBeacon({ highestStudyNumber: studyNumber });
      peer.sendRoll([peer.rollEntry({ studyUid, studyNumber, revision: 0, instances: 0 })]);
    }
  },
} satisfies Record<string, Power>;

/** What belongs to others by its UID or by its object id: 5, and what has the same shape. */
const claimsOnOthers = {
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

/** Newness: 6. */
const newness = {
  exhaustsCounters: (peer) => {
    for (const counter of [uint32Max, uint32Max, 0, 1, peer.self.counter])
      peer.sendBeacon({}, { ...peer.self, counter, random: peer.random.word() });
  },
  beginsSessionsWithoutEnd: (peer, many) => {
    times(many(10, 200), (index) => {
      const speaker = { ...peer.self, counter: peer.self.counter + index, random: peer.random.word() };
      peer.sendBeacon({}, speaker);
      peer.send([peer.datagram({ type: instance, objectBytes: 1000, speaker })]);
    });
  },
} satisfies Record<string, Power>;

/** Memory and disk: 7, 10, 11, 14. */
const room = {
  claimsLargeDocuments: (peer, many) => {
    times(many(3, 40), () => {
      const type = peer.random.pick([manifest, beacon, roll]);
      const objectBytes = limits.documentBytesMax - peer.random.integer(2);
      peer.send([peer.datagram({ type, objectBytes, maximumSourceSymbols: limits.sourceSymbolsMax })]);
    });
  },
  /** The same in steps, the last ones so small that nothing fits behind them. */
  claimsManyDocuments: (peer, many) => {
    for (const objectBytes of [limits.documentBytesMax / 64, 10_000, 60]) {
      times(many(10, 140), () => {
        const type = peer.random.pick([manifest, beacon, roll]);
        peer.send([peer.datagram({ type, objectBytes })]);
      });
    }
  },
  /** Objects of which the beginning comes, and nothing more: they stand on the disk. */
  beginsHugeObjects: (peer, many) => {
    times(3, () => peer.send(peer.beginningOf(400_000_000, many(20, 900))));
  },
  /** All of it is good, and nobody fetches it. */
  fillsTheVault: (peer, many) => {
    times(many(2, 40), () => {
      const own = peer.file({ bytes: 20_000 });
      peer.sendStudy([own], { studyUid: own.studyUid });
    });
  },
  opensObjectsWithoutEnd: (peer, many) => {
    times(many(50, 700), () => {
      const objectBytes = peer.random.pick([1, 1000, 2 ** 31, limits.objectBytesMax]);
      const maximumSourceSymbols = limits.sourceSymbolsMax;
      peer.send([peer.datagram({ type: instance, objectBytes, maximumSourceSymbols })]);
    });
  },
  opensBlocksWithoutEnd: (peer, many) => {
    const objectId = hexOf(peer.random.bytes(16));
    times(many(50, 700), (blockNumber) =>
      peer.send([peer.datagram({ type: instance, objectId, objectBytes: 2 ** 31, blockNumber })]),
    );
  },
  speaksAsHundreds: (peer, many) => {
    times(many(70, 300), () => {
      const speaker = { ...peer.self, senderId: hexOf(peer.random.bytes(8)) };
      if (peer.random.chance(0.3)) peer.sendBeacon({}, speaker);
      else
        peer.send([
          peer.datagram({ type: peer.random.pick([instance, manifest]), objectBytes: 900, speaker }),
        ]);
    });
  },
} satisfies Record<string, Power>;

/** What is hard to look at or is nothing at all: 8, and malformed everything. */
const malformations = {
  /** Small on the link, and millions of elements behind the deflate stream. */
  sendsExpensiveFiles: (peer, many) => {
    const studyUid = uidFrom(peer.random);
    const sopInstanceUid = uidFrom(peer.random);
    const items = many(20_000, 3_000_000);
    const bytes = expensiveFile(studyUid, sopInstanceUid, items);
    if (items > 1_000_000) peer.tooExpensive.add(studyUid);
    peer.sendStudy([{ bytes, studyUid, sopInstanceUid, seriesUid: '2.25.2' }], { studyUid });
  },
  sendsHostileFiles: (peer, many) => {
    times(many(3, 12), () => {
      const bytes = peer.random.pick(quickHostileFiles).make();
      peer.sendStudy([{ bytes, studyUid: '2.25.1', seriesUid: '2.25.2', sopInstanceUid: '2.25.11' }], {
        studyUid: '2.25.1',
        revision: 1 + peer.random.integer(3),
      });
    });
  },
  /** Its own good datagrams and documents with bytes changed, tagged anew. */
  mutatesEverything: (peer, many) => {
    const { random } = peer;
    times(many(30, 300), () => {
      const studyUid = uidFrom(random);
      const document = peer.manifest([peer.entryOf(peer.file({ studyUid }))], { studyUid });
      const changed = random.chance(0.5) ? changedIn(peer, document) : document;
      const type = random.pick([manifest, beacon, roll, instance]);
      for (const datagram of peer.datagramsOf(changed, type)) {
        if (random.chance(0.6)) changedIn(peer, datagram.subarray(at.type, at.symbol));
        peer.send([peer.tagged(datagram)]);
      }
    });
  },
  /** Key ids of others, under which the tag is wrong; and what a calibration sends. */
  misusesKeysAndTypes: (peer, many) => {
    times(many(20, 200), () => {
      const { keyId } = peer.victim;
      const datagram = peer.datagram({ type: manifest, objectBytes: 900, keyId });
      if (peer.random.chance(0.5)) datagram[at.type] = 5;
      peer.send([peer.random.chance(0.5) ? datagram : peer.tagged(datagram)]);
    });
  },
} satisfies Record<string, Power>;

export const hostilePowers = {
  ...namesOfFolders,
  ...namesOfOthers,
  ...floodsOfTheAccount,
  ...endlessLists,
  ...claimsOnOthers,
  ...newness,
  ...room,
  ...malformations,
} satisfies Record<string, Power>;
export type PowerName = keyof typeof hostilePowers;
export const powerNames = Object.keys(hostilePowers) as PowerName[];

/** Objects of others that were seen on the fibre, each once. */
function objectsOf(peer: HostilePeer, type: 1 | 2): { objectId: string; type: 1 | 2 }[] {
  const ids = peer.victims.flatMap(({ recorded }) =>
    recorded.filter((datagram) => datagram[at.type] === type).map((datagram) => seen(datagram).objectId),
  );
  return [...new Set(ids)].map((objectId) => ({ objectId, type }));
}

/** Changes some bytes in place. */
function changedIn(peer: HostilePeer, bytes: Uint8Array): Uint8Array {
  times(1 + peer.random.integer(4), () => {
    bytes[peer.random.integer(bytes.length)] = peer.random.pick([
      0,
      1,
      0x7f,
      0x80,
      0xff,
      peer.random.integer(256),
    ]);
  });
  return bytes;
}

/** A deflated file with so many empty items, which is sound otherwise. */
function expensiveFile(studyUid: string, sopInstanceUid: string, items: number): Uint8Array {
  const { deflated } = transferSyntaxes;
  const empty = Buffer.alloc(items * 8);
  empty.fill(encodeHeader(0xfffe_e000, '', 0, deflated));
  return encodePart10({
    syntax: deflated,
    dataSet: ctImage({
      studyUid,
      sopInstanceUid,
      more: [{ tag: 0x0029_1010, representation: 'SQ', value: new Uint8Array(empty) }],
    }),
  });
}
