/**
 * Goal: what one study or one sender does wrong concerns nobody else, and nothing that came is forgotten. Method: several
 * senders with the key, each sending what it likes, against a simulated high side.
 */
import { expect, it } from 'vitest';
import { accountOfMissing } from '../../receiver/studies/missing.ts';
import { objectType, protection } from '../../shared/wire/datagram.ts';
import { closeReason, encodeManifest, priority } from '../../shared/wire/manifest.ts';
import { Random } from '../harness/random.ts';
import { ctImage, encodePart10 } from '../harness/unchecked-writer.ts';
import { datagramsOf, identity, secret } from '../unit/receiver/assemble/datagrams.ts';
import { HighSide, inboxFolder } from './high-side.ts';
import { sha256Of } from './hostile-link.ts';
import { VirtualClock } from './virtual-clock.ts';

const parameters = {
  datagramBytes: 8972,
  sourceSymbols: 200,
  repairSymbols: 2,
  protection: protection.sealed,
} as const;
const honest = '07'.repeat(8);
/** Digits only: behind a dot it looks like the end of a UID. */
const digits = '1234567890123456';

class SeveralSenders {
  readonly time = new VirtualClock();
  readonly high: HighSide;
  #session = 0;

  constructor() {
    const limits = { memoryBytes: 64_000_000, deadlineMs: 60_000, spillBytes: 0 };
    const options = { parameters, secrets: new Map([[1, secret]]), ...limits };
    this.high = new HighSide(options, this.time.host(), new Random(1));
  }

  /** A study of one image. @param sendImage whether the image is sent as well as the list of it */
  study(
    senderId: string,
    studyUid: string,
    { number = 1, revision = 1, image = 1, sendImage = true, studyNumber = 1 } = {},
  ): void {
    const sopInstanceUid = `${studyUid}.9.${image}`.slice(0, 64);
    const dataSet = ctImage({ sopInstanceUid, studyUid, patientId: `P${number}` });
    const bytes = encodePart10({ preamble: '', dataSet });
    const from = this.#from(senderId);
    const { objectId } = datagramsOf(bytes, { from });
    const document = encodeManifest({
      senderId,
      studyNumber,
      revision,
      closedBecause: closeReason.quiet,
      priority: priority.routine,
      closedAtMs: 0,
      studyUid,
      entries: [
        { sopInstanceUid, seriesUid: '2.25.2', objectId, bytes: bytes.length, sha256: sha256Of(bytes) },
      ],
    });
    if (sendImage) this.#send(datagramsOf(bytes, { from, session: this.#nextSession() }).datagrams);
    const session = this.#nextSession();
    this.#send(datagramsOf(document, { type: objectType.manifest, from, session }).datagrams);
  }

  folders(): string[] {
    const paths = [...this.high.disk.contents(inboxFolder).keys()];
    return [...new Set(paths.map((path) => path.split('/')[0] ?? ''))].sort();
  }

  #from(senderId: string) {
    return { ...identity, parameters, senderId: new Uint8Array(Buffer.from(senderId, 'hex')) };
  }

  #send(datagrams: readonly Uint8Array[]): void {
    for (const datagram of datagrams) this.high.receive(datagram);
    for (let step = 0; step < 3; step += 1) {
      this.time.advance(1000);
      this.high.step();
    }
  }

  #nextSession(): number {
    this.#session += 1;
    return this.#session;
  }
}

it('a study has a name in the inbox that no other study can have, and no name stops the releases of others', () => {
  const link = new SeveralSenders();
  link.study(honest, `1.2.${digits}`, { number: 1 });
  link.study(honest, '1.2', { number: 2, studyNumber: 2 });
  link.study(digits, '1.2', { number: 2, image: 3 });
  link.study(honest, '1.5', { number: 4, studyNumber: 3 });
  expect(link.folders()).toEqual(['1.2', `1.2.${digits}`, `1.2.from-${digits}`, '1.5'].sort());
  expect(accountOfMissing(link.high.ledger, 10)).toEqual([]);
  expect(link.high.alarms.standing()).toEqual([]);
});

it('a list with a lower revision than what is released is kept, and what it misses is named after a restart', () => {
  const link = new SeveralSenders();
  link.study(honest, '1.2', { revision: 2 });
  expect(link.folders()).toEqual(['1.2']);
  link.study(honest, '1.2', { revision: 1, image: 2, sendImage: false });
  for (const life of ['this', 'the next']) {
    if (life === 'the next') link.high.restart('kill');
    link.high.step();
    expect(accountOfMissing(link.high.ledger, 10)).toMatchObject([
      { cause: 'instances missing', studyUid: '1.2', have: 0, expected: 1 },
    ]);
  }
  link.study(honest, '1.2', { revision: 1, image: 2 });
  expect(accountOfMissing(link.high.ledger, 10)).toEqual([]);
  expect(link.folders()).toEqual(['1.2', '1.2.rev3']);
});

it('two senders with a study of one UID do not end each other’s alarms', () => {
  const link = new SeveralSenders();
  link.study(honest, '1.2', { sendImage: false });
  link.time.advance(61_000);
  link.high.step();
  const standing = () => link.high.alarms.standing().map(({ code, subject }) => `${code} ${subject}`);
  expect(standing()).toEqual(['E_STUDY_INCOMPLETE 1.2']);
  link.study(digits, '1.2', { image: 2 });
  expect(link.folders()).toEqual(['1.2']);
  expect(standing()).toEqual(['E_STUDY_INCOMPLETE 1.2']);
  link.study(honest, '1.2');
  expect(standing()).toEqual([]);
});
