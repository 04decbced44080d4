/**
 * Goal: the rules of CONTRIBUTING.md are kept by every file: the language, sizes and names of files, and what the
 * repository must not name. Method: all sources are parsed, all texts searched.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import {
  filesBelow,
  isTest,
  packageOf,
  placeOf,
  readSource,
  root,
  sourceFolders,
  stem,
  walk,
} from './source-tree.ts';

const linesMax = 400;
/** Each with the reason why it is one idea and not two. */
const longer: Readonly<Record<string, string>> = {
  'shared/errors.ts': 'one catalogue, an entry for each code',
};

const sources = sourceFolders
  .flatMap(filesBelow)
  .filter((path) => path.endsWith('.ts'))
  .map(readSource);
// The kernels' language only looks like TypeScript: `x as i32`, numeric types, no modules.
const programs = sources.filter(({ path }) => !path.endsWith('.assembly.ts'));

describe('the language', () => {
  it('is the strict part of TypeScript: no any, no !, nothing that is not erasable', () => {
    const found: string[] = [];
    for (const source of programs) {
      walk(source.tree, (node) => {
        if (isForbidden(node)) found.push(`${placeOf(source, node)} ${ts.SyntaxKind[node.kind]}`);
      });
    }
    expect(found).toEqual([]);
  });

  it('has imports that end in .ts', () => {
    const offending: string[] = [];
    for (const source of programs) {
      walk(source.tree, (node) => {
        if (!ts.isImportDeclaration(node) || !ts.isStringLiteral(node.moduleSpecifier)) return;
        const { text } = node.moduleSpecifier;
        if (text.startsWith('.') && !/\.(ts|json)$/.test(text)) offending.push(placeOf(source, node));
      });
    }
    expect(offending).toEqual([]);
  });

  it('silences no checker', () => {
    const marks = ['ts-ignore', 'ts-nocheck', 'ts-expect-error', 'biome-ignore'].map(
      (mark) => new RegExp(`[@/ ]${mark}\\b`),
    );
    const offending = programs.filter(
      ({ path, text }) => !path.endsWith('repository.test.ts') && marks.some((mark) => mark.test(text)),
    );
    expect(offending.map(({ path }) => path)).toEqual([]);
  });
});

describe('the files', () => {
  it('are short enough to be one idea', () => {
    const long = sources.filter(({ lines }) => lines > linesMax).map(({ path }) => path);
    expect(long.filter((path) => longer[path] === undefined)).toEqual([]);
    // An exception that is none any more leaves the list.
    expect(Object.keys(longer).filter((path) => !long.includes(path))).toEqual([]);
  });

  it('have names in kebab-case that say what is in them', () => {
    const code = sourceFolders.flatMap(filesBelow).filter((path) => !/\.(md|json|wasm)$/.test(path));
    const kebab = /^[a-z0-9]+(-[a-z0-9]+)*$/;
    expect(
      code.filter((path) => !path.split('/').every((part) => kebab.test(part.split('.')[0] ?? ''))),
    ).toEqual([]);
    expect(sources.filter(({ path }) => saysNothing(stem(path))).map(({ path }) => path)).toEqual([]);
  });

  it('declare nothing whose name says nothing', () => {
    const found: string[] = [];
    for (const source of programs) {
      walk(source.tree, (node) => {
        const declares =
          ts.isClassDeclaration(node) || ts.isFunctionDeclaration(node) || ts.isInterfaceDeclaration(node);
        if (declares && saysNothing(node.name?.text ?? '')) found.push(placeOf(source, node));
      });
    }
    expect(found).toEqual([]);
  });
});

describe('the repository', () => {
  const texts = filesBelow('.')
    .filter((path) => !/\.(wasm|dcm|png)$/.test(path))
    .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }));

  it('names no place of one machine', () => {
    const home = /(^|[^\w.])\/(work|home|root|Users|mnt|workspace)\/\w/;
    expect(texts.filter(({ text }) => home.test(text)).map(({ path }) => path)).toEqual([]);
  });

  it('names no registry, and the lock file nothing to download from', () => {
    const registry = /registry[.]|npmjs[.]|artifactory|verdaccio|[.]tgz/;
    expect(texts.filter(({ text }) => registry.test(text)).map(({ path }) => path)).toEqual([
      'test/unit/repository.test.ts',
    ]);
    const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
    const entries: [string, Record<string, unknown>][] = Object.entries(lock.packages);
    expect(entries.filter(([, entry]) => 'resolved' in entry).map(([path]) => path)).toEqual([]);
    const unproven = entries.filter(([path, entry]) => path !== '' && !('integrity' in entry));
    expect(unproven.map(([path]) => path)).toEqual([]);
  });

  it('pins every dependency exactly, and uses each', () => {
    const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    const pins: Record<string, string> = { ...manifest.dependencies, ...manifest.devDependencies };
    expect(Object.entries(pins).filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([]);
    // These are programs, or types of Node.
    const used = new Set(['@biomejs/biome', '@types/node', 'assemblyscript']);
    const usedByPrograms = new Set<string>();
    for (const { path, imports } of sources) {
      for (const { target } of imports) {
        const name = packageOf(target);
        if (name === undefined) continue;
        used.add(name);
        if (!isTest(path)) usedByPrograms.add(name);
      }
    }
    expect(Object.keys(pins).filter((name) => !used.has(name))).toEqual([]);
    const undeclared = [...usedByPrograms].filter((name) => !(name in manifest.dependencies));
    expect(undeclared).toEqual([]);
    expect(Object.keys(manifest.dependencies).filter((name) => !usedByPrograms.has(name))).toEqual([]);
  });
});

function isForbidden(node: ts.Node): boolean {
  if (node.kind === ts.SyntaxKind.AnyKeyword) return true;
  if (ts.isNonNullExpression(node) || ts.isEnumDeclaration(node)) return true;
  if (ts.isModuleDeclaration(node)) return !isDeclared(node);
  return ts.isParameter(node) && ts.isParameterPropertyDeclaration(node, node.parent);
}

function saysNothing(name: string): boolean {
  return /util(s|ity|ities)?$|helpers?$|manager$|^misc$|^common$/i.test(name);
}

/** Of `declare global { namespace … }` nothing is left after compilation. */
function isDeclared(node: ts.Node): boolean {
  for (let outer = node; !ts.isSourceFile(outer); outer = outer.parent) {
    const modifiers = ts.canHaveModifiers(outer) ? ts.getModifiers(outer) : undefined;
    if (modifiers?.some(({ kind }) => kind === ts.SyntaxKind.DeclareKeyword) === true) return true;
  }
  return false;
}
