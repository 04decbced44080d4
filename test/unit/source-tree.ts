/** Reads the repository as a tree of files and their imports, for the test of the architecture. */
import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, normalize, relative } from 'node:path';
import ts from 'typescript';
import { repositoryRoot } from '../harness/repository-root.ts';

export const root = repositoryRoot();
export const sourceFolders = ['sender', 'receiver', 'shared', 'test'];
export const isTest = (path: string) => path.startsWith('test/');

const leftOut = new Set(['node_modules', '.git', 'dist', 'coverage']);
const filesMax = 10_000;

/** All files below a folder, relative to the root; what is installed or built is left out. */
export function filesBelow(folder: string): string[] {
  const found: string[] = [];
  const folders = [join(root, folder)];
  for (let next = folders.pop(); next !== undefined && found.length < filesMax; next = folders.pop()) {
    for (const entry of readdirSync(next, { withFileTypes: true })) {
      const path = join(next, entry.name);
      // In a linked work tree .git is a file.
      if (leftOut.has(entry.name)) continue;
      if (entry.isDirectory()) folders.push(path);
      else if (entry.isFile()) found.push(relative(root, path));
    }
  }
  return found.sort();
}

export interface Import {
  /** A package or built-in (`node:fs`), or a path from the root, its ending as in the source: .ts. */
  readonly target: string;
  /** Gone after compilation. */
  readonly typeOnly: boolean;
  readonly names: readonly string[];
}

export interface SourceFile {
  /** From the root; of a built file the place its source has. */
  readonly path: string;
  readonly text: string;
  readonly lines: number;
  readonly tree: ts.SourceFile;
  readonly imports: readonly Import[];
}

/** Parses a file. `path` is from the root; a file in dist/ counts as its source. */
export function readSource(path: string): SourceFile {
  const text = readFileSync(join(root, path), 'utf8');
  const tree = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const place = sourceOf(path);
  const imports: Import[] = [];
  walk(tree, (node) => {
    const found = importOf(node);
    if (found !== undefined) imports.push({ ...found, target: resolveTarget(place, found.target) });
  });
  return { path: place, text, lines: text.trimEnd().split('\n').length, tree, imports };
}

/** Calls for every node of a tree. */
export function walk(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node);
  ts.forEachChild(node, (child) => walk(child, visit));
}

/** Where a node stands, for a message. */
export function placeOf(source: SourceFile, node: ts.Node): string {
  const { line } = source.tree.getLineAndCharacterOfPosition(node.getStart(source.tree));
  return `${source.path}:${line + 1}`;
}

function sourceOf(path: string): string {
  return path.startsWith('dist/') ? path.slice('dist/'.length).replace(/\.js$/, '.ts') : path;
}

function resolveTarget(from: string, target: string): string {
  if (!target.startsWith('.')) return target;
  return normalize(join(dirname(from), target)).replace(/\.js$/, '.ts');
}

function importOf(node: ts.Node): Import | undefined {
  if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier)) {
    const clause = node.importClause;
    const bindings = clause?.namedBindings;
    const elements = bindings !== undefined && ts.isNamedImports(bindings) ? [...bindings.elements] : [];
    const allTypes =
      elements.length > 0 && clause?.name === undefined && elements.every((element) => element.isTypeOnly);
    return {
      target: node.moduleSpecifier.text,
      typeOnly: clause?.phaseModifier === ts.SyntaxKind.TypeKeyword || allTypes,
      names: elements.map((element) => (element.propertyName ?? element.name).text),
    };
  }
  if (ts.isExportDeclaration(node) && node.moduleSpecifier && ts.isStringLiteral(node.moduleSpecifier)) {
    return { target: node.moduleSpecifier.text, typeOnly: node.isTypeOnly, names: [] };
  }
  if (ts.isCallExpression(node)) return importCall(node);
  if (ts.isNewExpression(node) && node.expression.getText() === 'URL') {
    // A thread's file: new URL('./encode-thread.js', import.meta.url).
    const [file, base] = node.arguments ?? [];
    if (file === undefined || !ts.isStringLiteral(file) || base?.getText() !== 'import.meta.url')
      return undefined;
    return /\.js$/.test(file.text) ? { target: file.text, typeOnly: false, names: [] } : undefined;
  }
  return undefined;
}

/** `import('…')`, `require('…')`, `createRequire(…)('…')`. */
function importCall(node: ts.CallExpression): Import | undefined {
  const [argument] = node.arguments;
  if (argument === undefined || !ts.isStringLiteral(argument)) return undefined;
  const called = node.expression.getText();
  const loads =
    node.expression.kind === ts.SyntaxKind.ImportKeyword ||
    /^require(\.resolve)?$/.test(called) ||
    /^createRequire\(.*\)$/s.test(called);
  return loads ? { target: argument.text, typeOnly: false, names: [] } : undefined;
}

/** The package an import names: `zod` of `zod/v4`. Undefined for a file or a built-in. */
export function packageOf(target: string): string | undefined {
  if (target.startsWith('node:') || target.endsWith('.ts') || target.endsWith('.json')) return undefined;
  const [first = '', second = ''] = target.split('/');
  return first.startsWith('@') ? `${first}/${second}` : first;
}

/** A file's name without its endings: `siphash` of `siphash.test.ts`. */
export function stem(path: string): string {
  return basename(path).split('.')[0] ?? '';
}
