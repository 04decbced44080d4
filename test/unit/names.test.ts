/**
 * Goal: a verb has one meaning everywhere. *Hold* is what the quarantine does, *release* is what happens to a study; a
 * queue is paused, a link stopped, a spool keeps, memory is used, an association is closed. Method: every name in the
 * sources and tests is taken apart into its words, and where these verbs belong stands here as data.
 */
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import {
  filesBelow,
  isTest,
  placeOf,
  readSource,
  type SourceFile,
  sourceFolders,
  walk,
} from './source-tree.ts';

const sources = sourceFolders
  .flatMap((folder) => filesBelow(folder))
  .filter((path) => path.endsWith('.ts'))
  .map((path) => readSource(path));

interface Verb {
  readonly words: ReadonlySet<string>;
  /** Files, and folders with a slash, in which the verb has its one meaning. */
  readonly places: readonly string[];
  /** Names that mean it wherever they stand, or are DICOM's own. */
  readonly names: ReadonlySet<string>;
}

/** What the quarantine does with an instance. */
const hold: Verb = {
  words: new Set(['hold', 'holds', 'held', 'holding', 'holder', 'holdable']),
  names: new Set(['heldBecause', 'heldInstances', 'E_HELD_UNKNOWN']),
  places: [
    'receiver/clearance/clearance.ts',
    'receiver/commands/quarantine-commands.ts',
    'receiver/commands/quarantine.ts',
    'receiver/configuration.ts',
    'receiver/gate/',
    'receiver/ledger/holds.ts',
    'receiver/ledger/instance-records.ts',
    'receiver/ledger/ledger.ts',
    'receiver/ledger/sender-account.ts',
    'receiver/ledger/study-patients.ts',
    'receiver/ledger/study-records.ts',
    'receiver/ledger/study-state.ts',
    'receiver/ledger/vault-files.ts',
    'receiver/main.ts',
    'receiver/operate/',
    'receiver/pipeline/gate-thread.ts',
    'receiver/pipeline/instance-keeping.ts',
    'receiver/pipeline/pipeline.ts',
    'receiver/pipeline/stages.ts',
    'receiver/pipeline/thread-inspector.ts',
    'receiver/release/preparation.ts',
    'receiver/release/release.ts',
    'receiver/studies/deciding.ts',
    'receiver/studies/holding.ts',
    'receiver/studies/release-gate.ts',
    'receiver/studies/studies.ts',
    'receiver/vault/outgoing.ts',
    'receiver/watch/hold-alarms.ts',
    'shared/console/event-lines.ts',
    'shared/errors.ts',
    'shared/program/event-catalogue.ts',
    'test/harness/demo-account.ts',
    'test/harness/demo.ts',
    'test/network/demo.test.ts',
    'test/network/operations.test.ts',
    'test/network/outgoing-bytes.test.ts',
    'test/simulation/hostile-account.ts',
    'test/simulation/hostile-files.test.ts',
    'test/simulation/hostile-floods.ts',
    'test/simulation/hostile-link.ts',
    'test/simulation/malware-scan.test.ts',
    'test/simulation/operations.test.ts',
    'test/simulation/quarantine.test.ts',
    'test/unit/dicom-corpus.test.ts',
    'test/unit/names.test.ts',
    'test/unit/shared/console/events-command.test.ts',
    'test/unit/shared/program/events.test.ts',
    'test/unit/receiver/clearance/',
    'test/unit/receiver/commands/sender-commands.test.ts',
    'test/unit/receiver/deliver/one-uid.test.ts',
    'test/unit/receiver/gate/',
    'test/unit/receiver/high.ts',
    'test/unit/receiver/operate/',
    'test/unit/receiver/pipeline/keeping.test.ts',
    'test/unit/receiver/release/under-way.test.ts',
    'test/unit/receiver/studies/',
    'test/unit/receiver/vault/outgoing.test.ts',
    'test/unit/receiver/watch/hold-alarms.test.ts',
    'test/unit/receiver/watch/sender-admission.test.ts',
  ],
};

/** What happens to a study that is whole; and to the A-RELEASE of DICOM, inside its upper layer. */
const release: Verb = {
  words: new Set(['release', 'releases', 'released', 'releasing', 'releasable', 'unreleased']),
  names: new Set([
    'releasedRevision',
    'E_RELEASE',
    // Of the upper layer, where others ask it to answer an A-RELEASE.
    'respondRelease',
    'releaseMs',
    'releaseRequest',
    'releaseResponse',
  ]),
  places: [
    'receiver/clearance/',
    'receiver/commands/',
    'receiver/gate/',
    'receiver/ledger/',
    'receiver/main.ts',
    'receiver/operate/',
    'receiver/pipeline/',
    'receiver/program/pipeline-log.ts',
    'receiver/release/',
    'receiver/studies/',
    'receiver/vault/',
    'receiver/watch/',
    'shared/console/event-lines.ts',
    'shared/dicom/upper-layer/',
    'shared/program/event-catalogue.ts',
    'test/bench/',
    'test/fuzz/flood-run.ts',
    'test/harness/',
    'test/network/',
    'test/property/dicom-association.test.ts',
    'test/simulation/',
    'test/unit/hostile-files.test.ts',
    'test/unit/names.test.ts',
    'test/unit/shared/console/events-command.test.ts',
    'test/unit/shared/program/events.test.ts',
    'test/unit/receiver/clearance/',
    'test/unit/receiver/commands/',
    'test/unit/receiver/deliver/',
    'test/unit/receiver/gate/',
    'test/unit/receiver/high.ts',
    'test/unit/receiver/operate/',
    'test/unit/receiver/pipeline/',
    'test/unit/receiver/release/',
    'test/unit/receiver/studies/',
    'test/unit/receiver/vault/',
    'test/unit/receiver/watch/',
    'test/unit/shared/dicom/',
  ],
};

const isPlaceOf = ({ places }: Verb, path: string): boolean =>
  places.some((place) => (place.endsWith('/') ? path.startsWith(place) : path === place));

function wordsOf(name: string): string[] {
  return name
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1 $2')
    .split(/[^A-Za-z]+/)
    .map((word) => word.toLowerCase());
}

/** Names with one of the words, where they do not belong. */
function strayNames(verb: Verb, source: SourceFile): string[] {
  if (isPlaceOf(verb, source.path)) return [];
  const found: string[] = [];
  walk(source.tree, (node) => {
    if (!ts.isIdentifier(node) && !ts.isPrivateIdentifier(node)) return;
    if (verb.names.has(node.text) || !wordsOf(node.text).some((word) => verb.words.has(word))) return;
    found.push(`${placeOf(source, node)} ${node.text}`);
  });
  return found;
}

describe.each([
  ['hold', hold],
  ['release', release],
] as const)('the verb %s', (_name, verb) => {
  it('is in no name where it would mean something else', () => {
    expect(sources.flatMap((source) => strayNames(verb, source))).toEqual([]);
  });

  it('is looked for in each word of a name', () => {
    const [word = ''] = verb.words;
    const written = `class A { #is${word[0]?.toUpperCase()}${word.slice(1)}Now = 1; ${word}er_${word} = 2; other = 3 }`;
    const tree = ts.createSourceFile('a.ts', written, ts.ScriptTarget.Latest, true);
    const source = { path: 'sender/a.ts', text: written, lines: 1, tree, imports: [] };
    expect(strayNames(verb, source)).toHaveLength(2);
  });
});

it('no sentence of the sources says hold where the quarantine has no part in it', () => {
  const word = /\b(?:hold|holds|held|holding|holder)\b/i;
  const found = sources
    .filter(({ path }) => !isTest(path) && !isPlaceOf(hold, path))
    .flatMap(({ path, text }) =>
      text.split('\n').flatMap((line, index) => (word.test(line) ? [`${path}:${index + 1} ${line}`] : [])),
    );
  expect(found).toEqual([]);
});
