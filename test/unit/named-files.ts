/** What a page names in backticks: files, and names that are declared in them. */
import ts from 'typescript';
import { readSource, walk } from './source-tree.ts';

/** Every text in backticks on one line, in order. */
export function quoted(text: string): string[] {
  return [...text.matchAll(/`([^`\n]+)`/g)].map(([, inside = '']) => inside);
}

/** Whether a quoted text is the path of a file or, ending in a slash, of a folder. */
export function isPath(text: string): boolean {
  return /^[\w.-]+(\/[\w.-]+)*\/$|^([\w.-]+\/)+[\w.-]+\.(ts|md)$/.test(text);
}

const known = new Map<string, ReadonlySet<string>>();

/** The names of what a file declares: functions, classes, members, types, variables and properties. */
export function declaredIn(path: string): ReadonlySet<string> {
  const before = known.get(path);
  if (before !== undefined) return before;
  const names = new Set<string>();
  walk(readSource(path).tree, (node) => {
    if (!isDeclaration(node) || node.name === undefined) return;
    if (ts.isIdentifier(node.name) || ts.isPrivateIdentifier(node.name) || ts.isStringLiteral(node.name))
      names.add(node.name.text);
  });
  known.set(path, names);
  return names;
}

function isDeclaration(node: ts.Node): node is ts.Node & { readonly name?: ts.Node } {
  return (
    ts.isFunctionDeclaration(node) ||
    ts.isClassElement(node) ||
    ts.isClassDeclaration(node) ||
    ts.isInterfaceDeclaration(node) ||
    ts.isTypeAliasDeclaration(node) ||
    ts.isTypeElement(node) ||
    ts.isVariableDeclaration(node) ||
    ts.isPropertyAssignment(node) ||
    ts.isShorthandPropertyAssignment(node) ||
    ts.isMethodDeclaration(node)
  );
}
