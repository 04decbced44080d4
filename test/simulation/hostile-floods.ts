/** What a hostile sender does without end: alarms, lists, numbers, sessions, memory and disk. */
import { errorCatalogue } from '../../shared/errors.ts';
import { objectType } from '../../shared/wire/datagram.ts';
import { limits } from '../../shared/wire/limits.ts';
import { uidFrom } from '../harness/synthetic-instance.ts';
import { ctImage, encodePart10 } from '../harness/unchecked-writer.ts';
import { type Power, times } from './hostile-power.ts';
import { hexOf } from './hostile-sight.ts';

const uint32Max = 0xffff_ffff;
const { manifest, beacon, roll, instance } = objectType;

/** The account and the alarms, which all senders share: 3. */
export const floodsOfTheAccount = {
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
export const endlessLists = {
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

/** Newness: 6. */
export const newness = {
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
export const room = {
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
