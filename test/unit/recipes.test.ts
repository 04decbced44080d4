/**
 * Goal: the recipes of CONTRIBUTING.md stay true: whoever follows one has touched all there is to touch. Method: what they
 * name exists; and for all keys, codes, operations, kinds and parts of today the sources that name each are counted. What
 * is wider than a recipe says stands here, with its reason, and leaves when it is so no more.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { receiverSettings } from '../../receiver/configuration.ts';
import { senderSettings } from '../../sender/configuration.ts';
import { allFields, type Settings } from '../../shared/config/settings.ts';
import { isErrorCode } from '../../shared/errors.ts';
import { eventKinds } from '../../shared/program/event-catalogue.ts';
import { declaredIn, isPath, quoted } from './named-files.ts';
import { filesBelow, isTest, placeOf, readSource, root, sourceFolders, walk } from './source-tree.ts';

const page = readFileSync(join(root, 'CONTRIBUTING.md'), 'utf8');
const recipes = (page.split('\n## Recipes\n')[1] ?? '').split('\n## ')[0]?.split('\n### ').slice(1) ?? [];
const sourcesMax = 3;

const sources = sourceFolders
  .flatMap(filesBelow)
  .filter((path) => path.endsWith('.ts') && !path.endsWith('.assembly.ts') && !isTest(path))
  .map((path) => {
    const file = readSource(path);
    const words = new Set<string>();
    walk(file.tree, (node) => {
      if (ts.isStringLiteralLike(node) || ts.isIdentifier(node)) words.add(node.text);
    });
    return { ...file, words };
  });
type Source = (typeof sources)[number];
const pathsWhere = (is: (source: Source) => boolean) => sources.filter(is).map(({ path }) => path);

/** Programs of their own, that run where the other does not: they look at a host, or open the link in its place. */
const apart = ['doctor', 'calibrate-command'];
/** Keys that more sources name, and why; fields of tables that are a word of other things as well. */
const widerKeys: Readonly<Record<string, string>> = {
  keyFile: 'commands that make tickets, show bindings or keys read the key ring themselves',
  'link.address': 'every place off the link is measured by it, in the settings',
  'inbox.folder': 'other settings must be outside it, and a message about folders names it',
  destinations: 'the list as such: what is in it has a mapping of its own',
  name: 'a word',
  kind: 'a word',
  host: 'a word',
  port: 'a word',
  senders: 'a word',
  priority: 'a word',
};
/** Tables of codes: a new code need not stand in one, unless it is one of these. */
const codeTables: Readonly<Record<string, string>> = {
  'shared/errors.ts': 'the catalogue',
  'shared/program/alarm-severity.ts': 'those that are no warnings',
  'receiver/link/admission.ts': 'why a datagram is refused',
  'receiver/link/refusal-watch.ts': 'how many refused datagrams are an alarm',
  'receiver/watch/sender-admission.ts': 'how long an alarm about a foreign sender stands',
};
/** Operations that both sides have: the table of each has a line. */
const onBothSides = ['acknowledge-alarm'];

describe('the recipes of CONTRIBUTING.md', () => {
  it('are these', () => {
    expect(recipes.map((recipe) => recipe.split('\n', 1)[0])).toEqual([
      'A configuration key',
      'An alarm code',
      'A gate rule',
      'An operation',
      'A destination kind',
      'A part',
      'An event kind',
    ]);
  });

  it.each(recipes.map((recipe) => [recipe.split('\n', 1)[0], recipe]))(
    '%s: what it names exists',
    (_, recipe) => {
      const names = quoted(recipe ?? '');
      const paths = names.filter(isPath);
      expect(paths.length).toBeGreaterThan(2);
      expect(paths.filter((path) => !existsSync(join(root, path)))).toEqual([]);
      const files = paths.filter((path) => path.endsWith('.ts'));
      const declared = new Set(files.flatMap((path) => [...declaredIn(path)]));
      const plain = names.filter((name) => /^[A-Za-z]+$/.test(name));
      // A command of the programs.
      expect(plain.filter((name) => !declared.has(name) && name !== 'explain')).toEqual([]);
      for (const [, path = '', list = ''] of recipe?.matchAll(
        /`([^`\n]+\.ts)`\s\(((?:`\w+`(?:, | and )?)+)\)/g,
      ) ?? [])
        for (const name of quoted(list)) expect([...declaredIn(path)], path).toContain(name);
    },
  );
});

function fieldsOf(settings: Settings): string[] {
  return Object.entries(settings).flatMap(([key, { tables }]) => [
    key,
    ...(tables === undefined ? [] : Object.keys(allFields(tables))),
  ]);
}

describe.each([
  ['sender', fieldsOf(senderSettings)],
  ['receiver', fieldsOf(receiverSettings)],
] as const)('a configuration key of the %s', (side, keys) => {
  const settings = [`${side}/configuration.ts`, 'receiver/destination-settings.ts'];
  /** Without a dot a key is a word like others: only who has the settings can mean it. */
  const naming = (key: string) =>
    pathsWhere(
      ({ path, words, imports }) =>
        (path.startsWith(`${side}/`) || path.startsWith('shared/')) &&
        !apart.some((stem) => path === `${side}/commands/${stem}.ts`) &&
        words.has(key) &&
        (key.includes('.') ||
          settings.includes(path) ||
          imports.some(({ target }) => settings.includes(target))),
    );

  it('is named by three sources at most', () => {
    expect(keys.length).toBeGreaterThan(40);
    const wide = keys.filter((key) => naming(key).length > sourcesMax && widerKeys[key] === undefined);
    expect(wide.map((key) => [key, naming(key)])).toEqual([]);
  });

  it('is named by more than its configuration: nobody sets what has no effect', () => {
    expect(keys.filter((key) => naming(key).length < 2)).toEqual([]);
  });
});

it('the keys that are wider are still', () => {
  const all = [...fieldsOf(senderSettings), ...fieldsOf(receiverSettings)];
  const count = (key: string) => pathsWhere(({ words }) => words.has(key)).length;
  expect(Object.keys(widerKeys).filter((key) => !all.includes(key) || count(key) <= sourcesMax)).toEqual([]);
});

describe('an error code', () => {
  it('stands in no table of codes but those that are listed', () => {
    const tables = new Set<string>();
    for (const source of sources)
      walk(source.tree, (node) => {
        if (!ts.isObjectLiteralExpression(node)) return;
        const codes = node.properties.filter(({ name }) => name !== undefined && isErrorCode(name.getText()));
        if (codes.length > 1) tables.add(source.path);
      });
    expect([...tables].sort()).toEqual(Object.keys(codeTables).sort());
  });

  it('is asked for by no type: nothing wants an entry for every code', () => {
    const unions = ['ErrorCode', 'keyof typeof errorCatalogue'];
    expect(sources.flatMap((source) => exhaustive(source, unions))).toEqual([]);
  });

  it('is held under by the gate with no other source that names it than the catalogue', () => {
    const gate = only('receiver/gate/inspect.ts');
    const codes = [...gate.words].filter(isErrorCode);
    expect(codes.length).toBeGreaterThan(4);
    // These two are found elsewhere as well.
    const shared = ['E_INSTANCE_MISMATCH', 'E_DICOM_LENGTH'];
    const wide = codes.filter((code) => pathsWhere(({ words }) => words.has(code)).length > 2);
    expect(wide.sort()).toEqual(shared.sort());
  });
});

describe('an operation', () => {
  const forms = sources.flatMap((source) =>
    [...source.text.matchAll(/const (\w+Form) = (?:audited|plain)Form\(\s*'([\w-]+)'/g)].map(
      ([, form = '', verb = '']) => ({ form, verb, path: source.path }),
    ),
  );

  it('is one of these: every form is found', () => {
    const made = sources.map(({ text }) => [...text.matchAll(/= (audited|plain)Form\(/g)].length);
    expect(forms).toHaveLength(made.reduce((sum, count) => sum + count, 0));
    expect(forms.length).toBeGreaterThan(10);
  });

  it.each(forms)('$verb is in its file, a table and a command', ({ form, verb, path }) => {
    const table = [...only(path).words].filter((word) => /^[a-z]\w*Operations$/.test(word));
    expect(table).toHaveLength(1);
    const lists = pathsWhere(
      ({ words, imports }) =>
        imports.some(({ target }) => target === path) && table.some((name) => words.has(name)),
    );
    const asking = pathsWhere(({ path: at, words }) => words.has(form) && isTerminal(at));
    expect(lists).toHaveLength(onBothSides.includes(verb) ? 2 : 1);
    expect(asking).toHaveLength(1);
    const naming = pathsWhere(({ words }) => words.has(form));
    expect([...new Set([path, ...asking])].sort()).toEqual(naming.sort());
  });
});

describe('a destination kind', () => {
  const kinds = receiverSettings.destinations.tables?.kinds?.settings ?? {};

  it.each(Object.keys(kinds))('%s is named by its settings, its type, its file and the list', (kind) => {
    const naming = pathsWhere(({ path, text }) => path.startsWith('receiver/') && text.includes(`'${kind}'`));
    const allowed = /^receiver\/(destination-settings|deliver\/destination|deliver\/\w+-destination)\.ts$/;
    expect(naming.filter((path) => !allowed.test(path))).toEqual([]);
    expect(declaredIn('receiver/deliver/destination-kinds.ts')).toContain(kind);
  });
});

describe('a part', () => {
  const parts = sources.flatMap((source) =>
    [...source.text.matchAll(/^export class (\w+)(?:<\w+>)? implements Part\b/gm)].map(([, name = '']) => ({
      name,
      path: source.path,
    })),
  );

  it.each(parts)('$name of $path is made by the list of its side alone', ({ name, path }) => {
    const makers = pathsWhere(({ imports, text }) => {
      const has = imports.some((each) => each.target === path && each.names.includes(name));
      return has && text.includes(`new ${name}(`);
    });
    const lists = ['sender/program/sender.ts', 'receiver/program/receiver.ts'];
    const [side = ''] = path.split('/');
    expect(makers.sort()).toEqual(lists.filter((list) => side === 'shared' || list.startsWith(side)).sort());
  });

  it('is one of these', () => {
    expect(parts.length).toBeGreaterThan(14);
  });
});

describe('an event kind', () => {
  it('is asked for by the catalogue and the sentences alone', () => {
    const asking = sources.flatMap((source) => exhaustive(source, ['EventKind', "NewEvent['kind']"]));
    expect(asking.map((place) => place.split(':')[0])).toEqual([
      'shared/console/event-lines.ts',
      'shared/program/event-catalogue.ts',
    ]);
  });

  it('is entered somewhere', () => {
    const others = sources.filter(({ path }) => !/event-(catalogue|lines)\.ts$/.test(path));
    const kinds = Object.keys(eventKinds);
    expect(kinds.filter((kind) => !others.some(({ words }) => words.has(kind)))).toEqual([]);
  });
});

/** What runs in the terminal. */
function isTerminal(path: string): boolean {
  return /^((sender|receiver)\/commands|shared\/console)\//.test(path);
}

function only(path: string): Source {
  const found = sources.find((source) => source.path === path);
  if (found === undefined) throw new Error(`there is no ${path}`);
  return found;
}

/** Types that want something for every member of a union: Record and mapped types, unless they are partial. */
function exhaustive(source: Source, unions: readonly string[]): string[] {
  const found: string[] = [];
  walk(source.tree, (node) => {
    if (ts.isTypeReferenceNode(node) && node.typeName.getText() === 'Record') {
      const isPartial = ts.isTypeReferenceNode(node.parent) && node.parent.typeName.getText() === 'Partial';
      if (!isPartial && unions.includes(node.typeArguments?.[0]?.getText() ?? ''))
        found.push(`${placeOf(source, node)} ${node.getText()}`);
    }
    if (!ts.isMappedTypeNode(node) || node.questionToken !== undefined) return;
    if (unions.includes(node.typeParameter.constraint?.getText() ?? ''))
      found.push(`${placeOf(source, node)} ${node.getText()}`);
  });
  return found;
}
