/** What a hostile sender sends that is hard to look at, or nothing at all. */
import { at, objectType } from '../../shared/wire/datagram.ts';
import { transferSyntaxes } from '../harness/dicom-writer.ts';
import { hostileFiles } from '../harness/hostile-files.ts';
import { uidFrom } from '../harness/synthetic-instance.ts';
import { ctImage, encodeHeader, encodePart10 } from '../harness/unchecked-writer.ts';
import type { HostilePeer } from './hostile-peer.ts';
import { type Power, times } from './hostile-power.ts';

const { manifest, beacon, roll, instance } = objectType;
/** Files that take long to make or to look at are left out: expensive ones are below. */
const quickHostileFiles = hostileFiles.filter(
  ({ name }) => !/^(file: empty|elements|nesting|deflate: a bomb)/.test(name),
);

/** What is hard to look at or is nothing at all: 8, and malformed everything. */
export const malformations = {
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
