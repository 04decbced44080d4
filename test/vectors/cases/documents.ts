/** Vectors of control documents: manifest, beacon, page of a roll. */
import { type Beacon, encodeBeacon } from '../../../shared/wire/beacon.ts';
import { fingerprintOf } from '../../../shared/wire/link-parameters.ts';
import { closeReason, encodeManifest, type Manifest, priority } from '../../../shared/wire/manifest.ts';
import { encodeRollPage, type RollPage, rollState } from '../../../shared/wire/roll.ts';
import { hex, type Named, type Refused } from '../vector-file.ts';
import { identity, senderId, session } from './parties.ts';

/** A document and what it says, or the code with which it is refused. */
export type DocumentVector<Value> = Named & { readonly document: string } & (
    | { readonly value: Value }
    | Refused
  );

export const manifestAbout = 'Manifests: what each says, or the code with which it is refused.';
export const beaconAbout = 'Beacons: what each says, or the code with which it is refused.';
export const rollAbout = 'Pages of a roll: what each says, or the code with which it is refused.';

/** Makes bad documents out of a good one. */
class Spoiler {
  readonly #good: Uint8Array;

  constructor(good: Uint8Array) {
    this.#good = good;
  }

  /** Bytes replaced at an offset. */
  with(offset: number, ...bytes: number[]): Uint8Array {
    const copy = this.#good.slice();
    copy.set(bytes, offset);
    return copy;
  }

  /** A text of the document replaced by another one of the same length. */
  text(before: string, after: string): Uint8Array {
    return this.with(Buffer.from(this.#good).indexOf(before, 0, 'latin1'), ...Buffer.from(after, 'latin1'));
  }

  /** Where a text of the document has its length. */
  lengthOf(text: string): number {
    return Buffer.from(this.#good).indexOf(text, 0, 'latin1') - 1;
  }

  /** What every format must refuse. */
  common<Value>(): DocumentVector<Value>[] {
    return [
      refused('empty', new Uint8Array(0)),
      refused('another format', this.with(0, 2)),
      refused('format 0', this.with(0, 0)),
      refused('ends in its head', this.#good.slice(0, 20)),
      refused('one byte short', this.#good.slice(0, -1)),
      refused('one byte behind its end', new Uint8Array([...this.#good, 0])),
      refused('twice', new Uint8Array([...this.#good, ...this.#good])),
    ];
  }
}

function refused<Value>(name: string, document: Uint8Array): DocumentVector<Value> {
  return { name, document: hex(document), error: 'E_DOCUMENT' };
}

export function manifestVectors(): DocumentVector<Manifest>[] {
  const entry = (number: number, seriesUid = '1.2.840.99.1') => ({
    sopInstanceUid: `${seriesUid}.${number}`,
    seriesUid,
    objectId: number.toString(16).padStart(32, '0'),
    bytes: 527_000 + number,
    sha256: number.toString(16).padStart(64, 'a'),
  });
  const base: Manifest = {
    senderId: hex(senderId),
    studyNumber: 17,
    revision: 1,
    closedBecause: closeReason.quiet,
    priority: priority.routine,
    closedAtMs: 1_800_000_000_123,
    studyUid: '1.2.840.99',
    entries: [entry(1), entry(2), entry(3, '1.2.840.99.2')],
  };
  const says = (name: string, change: Partial<Manifest>): DocumentVector<Manifest> => {
    const value = { ...base, ...change };
    return { name, document: hex(encodeManifest(value)), value };
  };
  const document = encodeManifest({ ...base, entries: [entry(1)] });
  const scanner = { calling: 'CT1', called: 'DIODE' };
  const spoiler = new Spoiler(document);
  // Format, reason, priority, sender id, study number, revision, closed at.
  const studyUidAt = 1 + 1 + 1 + 8 + 8 + 4 + 8;
  const seriesCountAt = studyUidAt + 1 + base.studyUid.length;
  const titlesCountAt = seriesCountAt + 4 + 1 + '1.2.840.99.1'.length;
  const entryCountAt = titlesCountAt + 4;
  const seriesIndexAt = entryCountAt + 4 + 1 + '1.2.840.99.1.1'.length;
  const titled = new Spoiler(encodeManifest({ ...base, entries: [{ ...entry(1), aeTitles: scanner }] }));
  const titledEntryAt = titlesCountAt + 4 + (1 + scanner.calling.length) + (1 + scanner.called.length) + 4;
  const titlesNumberAt = titledEntryAt + 1 + '1.2.840.99.1.1'.length + 2;
  return [
    says('two series', {}),
    says('a later revision, urgent, closed by force', {
      revision: 3,
      priority: priority.stat,
      closedBecause: closeReason.forced,
    }),
    says('closed by a performed procedure step', { closedBecause: closeReason.mpps }),
    says('one SOP Instance UID twice, with other bytes', {
      entries: [entry(1), { ...entry(1), objectId: 'f'.repeat(32) }],
    }),
    says('UIDs of 1 and of 64 characters, numbers at their largest', {
      studyUid: '0',
      studyNumber: Number.MAX_SAFE_INTEGER,
      revision: 0xffff_ffff,
      entries: [{ ...entry(1), sopInstanceUid: `${'1.'.repeat(31)}12` }],
    }),
    says('over two associations, and one as a file', {
      entries: [
        { ...entry(1), aeTitles: scanner },
        entry(2),
        { ...entry(3), aeTitles: { calling: 'CT1', called: 'DIODE_STAT' } },
        { ...entry(4), aeTitles: scanner },
      ],
    }),
    says('AE titles of 1 and of 16 characters, with every kind of them', {
      entries: [
        { ...entry(1), aeTitles: { calling: '!', called: 'a Title, of 16 ~' } },
        { ...entry(2), aeTitles: { calling: '[0]/..:"\'%&<>|*?', called: '.' } },
      ],
    }),
    ...spoiler.common<Manifest>(),
    refused('more AE titles than there are', titled.with(titlesCountAt, 0, 0, 0, 2)),
    refused('4097 pairs of AE titles', titled.with(titlesCountAt, 0, 0, 0x10, 0x01)),
    refused('2^32 - 1 pairs of AE titles', titled.with(titlesCountAt, 255, 255, 255, 255)),
    refused('an empty AE title', titled.with(titled.lengthOf('CT1'), 0)),
    refused('an AE title of 17 characters', titled.with(titled.lengthOf('CT1'), 17)),
    refused('an AE title with a backslash', titled.text('DIODE', 'DI\\DE')),
    refused('an AE title with a line break', titled.text('DIODE', 'DI\nDE')),
    refused('an AE title that begins with a space', titled.text('DIODE', ' IODE')),
    refused('an AE title that ends with a space', titled.text('DIODE', 'DIOD ')),
    refused('an AE title of spaces', titled.text('CT1', '   ')),
    refused('an AE title beyond ASCII', titled.text('CT1', 'CT\u00e4')),
    refused('AE titles that are not listed', titled.with(titlesNumberAt, 0, 2)),
    refused(
      'AE titles without a list',
      spoiler.with(entryCountAt + 4 + 1 + '1.2.840.99.1.1'.length + 2, 0, 1),
    ),
    refused('an unknown reason', spoiler.with(1, 4)),
    refused('reason 0', spoiler.with(1, 0)),
    refused('an unknown priority', spoiler.with(2, 3)),
    refused('study number 0', spoiler.with(11, 0, 0, 0, 0, 0, 0, 0, 0)),
    refused('a study number of 2^53', spoiler.with(11, 0, 0x20, 0, 0, 0, 0, 0, 0)),
    refused('revision 0', spoiler.with(19, 0, 0, 0, 0)),
    refused('an empty UID', spoiler.with(studyUidAt, 0)),
    refused('a UID of 65 characters', spoiler.with(studyUidAt, 65)),
    refused('a UID that goes beyond the end', spoiler.with(entryCountAt + 4, 64)),
    refused('a UID that is a path', spoiler.text('1.2.840.99', '../840.99a')),
    refused('a UID of dots', spoiler.text('1.2.840.99', '..........')),
    refused('a UID with a letter', spoiler.text('1.2.840.99', '1.2.84O.99')),
    refused('a UID with a slash', spoiler.text('1.2.840.99', '1/2.840.99')),
    refused('a UID with a zero byte', spoiler.text('1.2.840.99', '1.2.840.9\0')),
    refused('a UID with a space', spoiler.text('1.2.840.99', '1.2.840.9 ')),
    refused('more series than there are', spoiler.with(seriesCountAt, 0, 0, 0, 2)),
    refused('65536 series', spoiler.with(seriesCountAt, 0, 1, 0, 0)),
    refused('no series, and an entry that names one', noSeries(document, seriesCountAt, entryCountAt)),
    refused('no entries', noEntries(document, entryCountAt)),
    refused('more entries than there are', spoiler.with(entryCountAt, 0, 0, 0, 2)),
    refused('200001 entries', spoiler.with(entryCountAt, 0, 3, 0x0d, 0x41)),
    refused('2^32 - 1 entries', spoiler.with(entryCountAt, 255, 255, 255, 255)),
    refused('a series that is not listed', spoiler.with(seriesIndexAt, 0, 1)),
  ];
}

function noSeries(document: Uint8Array, seriesCountAt: number, entryCountAt: number): Uint8Array {
  return new Uint8Array([...document.slice(0, seriesCountAt), 0, 0, 0, 0, ...document.slice(entryCountAt)]);
}

function noEntries(document: Uint8Array, entryCountAt: number): Uint8Array {
  return new Uint8Array([...document.slice(0, entryCountAt), 0, 0, 0, 0]);
}

export function beaconVectors(): DocumentVector<Beacon>[] {
  const { parameters } = identity;
  const base: Beacon = {
    senderId: hex(senderId),
    sessionCounter: session.counter,
    sessionRandom: session.random,
    beaconNumber: 61,
    fingerprint: fingerprintOf(parameters),
    parameters,
    clockMs: 1_800_000_060_000,
    upMs: 60_000,
    highestStudyNumber: 17,
    lowestRetainedStudyNumber: 3,
    queuedObjects: 812,
    queuedBytes: 428_000_000,
    oldestQueuedMs: 4200,
    spoolBytes: 9_000_000_000,
    spoolFreeBytes: 91_000_000_000,
    rejected: [
      { code: 'E_NOT_DICOM', count: 2 },
      { code: 'E_DICOMDIR', count: 1 },
    ],
    alarms: ['E_LINK_DOWN'],
  };
  const says = (name: string, change: Partial<Beacon>): DocumentVector<Beacon> => {
    const value = { ...base, ...change };
    return { name, document: hex(encodeBeacon(value)), value };
  };
  const codes = (count: number) =>
    Array.from({ length: count }, (_, index) => `E_${String.fromCharCode(65 + index)}`);
  const spoiler = new Spoiler(encodeBeacon(base));
  const rejectedCountAt = spoiler.lengthOf('E_NOT_DICOM') - 4;
  const alarmCountAt = spoiler.lengthOf('E_LINK_DOWN') - 4;
  return [
    says('a busy sender', {}),
    says('a new sender: nothing yet', {
      beaconNumber: 1,
      highestStudyNumber: 0,
      lowestRetainedStudyNumber: 0,
      queuedObjects: 0,
      queuedBytes: 0,
      oldestQueuedMs: 0,
      rejected: [],
      alarms: [],
    }),
    says('as many codes as there may be', {
      rejected: codes(16).map((code) => ({ code, count: Number.MAX_SAFE_INTEGER })),
      alarms: codes(16),
    }),
    says('a code this release does not know, as long as may be', { alarms: [`E_${'X'.repeat(38)}`] }),
    ...spoiler.common<Beacon>(),
    refused('an unknown protection', spoiler.with(37, 3)),
    refused('a beacon number of 2^53', spoiler.with(17, 0, 0x20, 0, 0, 0, 0, 0, 0)),
    refused('17 counters', spoiler.with(rejectedCountAt, 0, 0, 0, 17)),
    refused('2^32 - 1 counters', spoiler.with(rejectedCountAt, 255, 255, 255, 255)),
    refused('17 alarms', spoiler.with(alarmCountAt, 0, 0, 0, 17)),
    refused('more alarms than there are', spoiler.with(alarmCountAt, 0, 0, 0, 2)),
    refused('an empty code', spoiler.with(spoiler.lengthOf('E_LINK_DOWN'), 0)),
    refused('a code of 41 characters', spoiler.with(spoiler.lengthOf('E_NOT_DICOM'), 41)),
    refused('a code that is a sentence', spoiler.text('E_LINK_DOWN', 'link down! ')),
    refused('a code with a line break', spoiler.text('E_LINK_DOWN', 'E_LINK\nDOWN')),
  ];
}

export function rollVectors(): DocumentVector<RollPage>[] {
  const base: RollPage = {
    senderId: hex(senderId),
    sessionCounter: session.counter,
    sessionRandom: session.random,
    rollNumber: 4,
    page: 0,
    pages: 1,
    entries: [
      {
        studyNumber: 3,
        revision: 2,
        instances: 412,
        state: rollState.retained,
        manifestId: 'c'.repeat(32),
        studyUid: '1.2.840.99',
      },
      {
        studyNumber: 4,
        revision: 1,
        instances: 1,
        state: rollState.tombstone,
        manifestId: 'd'.repeat(32),
        studyUid: '1.2.840.100',
      },
    ],
  };
  const says = (name: string, change: Partial<RollPage>): DocumentVector<RollPage> => {
    const value = { ...base, ...change };
    return { name, document: hex(encodeRollPage(value)), value };
  };
  const spoiler = new Spoiler(encodeRollPage(base));
  // Format, sender id, session, random, roll number; then page, pages, count.
  const pageAt = 1 + 8 + 4 + 4 + 8;
  const firstEntryAt = pageAt + 12;
  return [
    says('two studies', {}),
    says('the last of three pages', { page: 2, pages: 3 }),
    says('a page without entries', { entries: [] }),
    ...spoiler.common<RollPage>(),
    refused('page 1 of 1', spoiler.with(pageAt, 0, 0, 0, 1)),
    refused('page 0 of 0', spoiler.with(pageAt + 4, 0, 0, 0, 0)),
    refused('more entries than there are', spoiler.with(pageAt + 8, 0, 0, 0, 3)),
    refused('4097 entries', spoiler.with(pageAt + 8, 0, 0, 0x10, 0x01)),
    refused('2^32 - 1 entries', spoiler.with(pageAt + 8, 255, 255, 255, 255)),
    refused('an unknown state', spoiler.with(firstEntryAt + 16, 3)),
    refused('a study number of 2^53', spoiler.with(firstEntryAt, 0, 0x20, 0, 0, 0, 0, 0, 0)),
    refused('a UID that is a path', spoiler.text('1.2.840.100', '../../../..')),
    refused('an empty UID', spoiler.with(spoiler.lengthOf('1.2.840.100'), 0)),
  ];
}
