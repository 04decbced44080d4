import { expect, it } from 'vitest';
import { limits } from '../../../../shared/wire/limits.ts';
import {
  checkManifest,
  closeReason,
  decodeManifest,
  encodeManifest,
  type ManifestEntry,
  ManifestWriter,
  priority,
} from '../../../../shared/wire/manifest.ts';

/** Instances of a study, as large as an entry may be. */
function entriesOf(count: number, series: number, titles = 0): ManifestEntry[] {
  const number = (value: number, characters: number) => String(value).padStart(characters, '0');
  return Array.from({ length: count }, (_, index) => ({
    sopInstanceUid: number(index, limits.uidCharactersMax),
    seriesUid: number(index % series, limits.uidCharactersMax),
    objectId: 'ab'.repeat(16),
    bytes: 1,
    sha256: 'cd'.repeat(32),
    ...(titles > 0 && { aeTitles: { calling: number(index % titles, 16), called: 'SIXTEEN LETTERS!' } }),
  }));
}

function manifestOf(entries: readonly ManifestEntry[]) {
  const study = { senderId: '07'.repeat(8), studyNumber: 1, revision: 1, studyUid: '1.2', closedAtMs: 0 };
  return { ...study, closedBecause: closeReason.quiet, priority: priority.routine, entries };
}

it.each([
  ['all of an ordinary study', 1000, 1, 1000],
  ['as many instances as the limit', limits.manifestEntriesMax, 2, limits.manifestEntriesMax],
  ['no more instances', limits.manifestEntriesMax + 1, 2, limits.manifestEntriesMax],
  ['no more series', 70_000, 66_000, limits.manifestSeriesMax],
])('a manifest can list %s', (_, count, series, most) => {
  const writer = new ManifestWriter();
  const taken = entriesOf(count, series).map((entry) => writer.add(entry));
  expect(writer.count).toBe(most);
  // The first ones, so that a ticket's places in the list are those of the ledger.
  expect(taken.indexOf(false)).toBe(most < count ? most : -1);
  expect(taken.lastIndexOf(true)).toBe(most - 1);
});

it('as large as it may be is a document within its limit', () => {
  const entries = entriesOf(limits.manifestEntriesMax, limits.manifestSeriesMax, limits.manifestAeTitlesMax);
  const document = encodeManifest(manifestOf(entries));
  expect(document.length).toBeLessThan(limits.documentBytesMax);
  expect(decodeManifest(document).entries).toHaveLength(entries.length);
});

it('of more pairs of AE titles than it can list has the first ones', () => {
  const count = limits.manifestAeTitlesMax + 2;
  const { entries } = decodeManifest(encodeManifest(manifestOf(entriesOf(count, 1, count))));
  expect(entries.filter(({ aeTitles }) => aeTitles === undefined)).toEqual(
    entries.slice(limits.manifestAeTitlesMax),
  );
});

it('counts for the sender of its datagrams alone, and none of it is believed before all of it is read', () => {
  const manifest = manifestOf(entriesOf(3, 1));
  const document = encodeManifest(manifest);
  const { entries, ...head } = manifest;
  expect(checkManifest(document, head.senderId)).toEqual({ ...head, count: entries.length });
  const refused = expect.objectContaining({ code: 'E_DOCUMENT' });
  expect(() => checkManifest(document, '08'.repeat(8))).toThrow(refused);
  // The series of the last entry, behind which are its titles, id, size and hash.
  const broken = document.slice();
  broken.set([0xff, 0xff], document.length - (2 + 2 + 16 + 8 + 32));
  expect(() => checkManifest(broken, head.senderId)).toThrow(refused);
});
