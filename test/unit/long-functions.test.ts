/**
 * Goal: a function is read at a glance. Method: every function of the sources is measured, from its first line to its
 * last.
 */
import ts from 'typescript';
import { expect, it } from 'vitest';
import { filesBelow, isTest, readSource, type SourceFile, sourceFolders, walk } from './source-tree.ts';

const linesMax = 70;

/** Files, from the root, and the functions in them that are too long, with their lines. */
function longFunctions(source: SourceFile): { readonly name: string; readonly lines: number }[] {
  const found: { name: string; lines: number }[] = [];
  walk(source.tree, (node) => {
    if (!ts.isFunctionLike(node) || !('body' in node) || node.body === undefined) return;
    const lineOf = (position: number) => source.tree.getLineAndCharacterOfPosition(position).line;
    const lines = lineOf(node.getEnd()) - lineOf(node.getStart(source.tree)) + 1;
    if (lines > linesMax) found.push({ name: `${source.path} ${nameOf(node)}`, lines });
  });
  return found;
}

function nameOf(node: ts.SignatureDeclaration): string {
  if (ts.isConstructorDeclaration(node)) return 'constructor';
  if (node.name !== undefined) return node.name.getText();
  const { parent } = node;
  return ts.isVariableDeclaration(parent) || ts.isPropertyAssignment(parent)
    ? parent.name.getText()
    : '(without a name)';
}

it(`no function of the sources has more than ${linesMax} lines`, () => {
  const sources = sourceFolders
    .flatMap((folder) => filesBelow(folder))
    // The kernels only look like TypeScript.
    .filter((path) => path.endsWith('.ts') && !path.endsWith('.assembly.ts') && !isTest(path));
  const long = sources.flatMap((path) => longFunctions(readSource(path)));
  expect(long).toEqual([]);
});
