/**
 * Says in which line of a TOML document a key stands: the parser keeps no positions. A line scan is enough,
 * since it only reads what the parser has found valid; where it finds nothing, the message has no line.
 */

/** A key of a table or assignment: bare or quoted parts, joined by dots. */
const part = String.raw`(?:[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*')`;
const keyPattern = String.raw`${part}(?:\s*\.\s*${part})*`;
const tableLine = new RegExp(String.raw`^\s*\[\[?\s*(${keyPattern})\s*\]`);
const assignmentLine = new RegExp(String.raw`^\s*(${keyPattern})\s*=(.*)$`);
const partsOfKey = new RegExp(part, 'g');
const linesMax = 10_000;

/** Line numbers, from 1, by key path: of tables and of assignments. The first of two alike counts. */
export function keyLines(text: string): ReadonlyMap<string, number> {
  const lines = new Map<string, number>();
  let table = '';
  let multiLine: string | undefined;
  for (const [index, line] of text.split('\n', linesMax).entries()) {
    if (multiLine !== undefined) {
      if (line.includes(multiLine)) multiLine = undefined;
      continue;
    }
    const opened = tableLine.exec(line)?.[1];
    const [, assigned, value = ''] = assignmentLine.exec(line) ?? [];
    if (opened !== undefined) table = `${pathOf(opened)}.`;
    const key = opened === undefined ? assigned && table + pathOf(assigned) : pathOf(opened);
    if (key !== undefined && !lines.has(key)) lines.set(key, index + 1);
    multiLine = unclosed(value);
  }
  return lines;
}

/** The line of a key, or of the inline table that it stands in. */
export function lineOfKey(lines: ReadonlyMap<string, number>, key: string): number | undefined {
  for (let parts = key.split('.'); parts.length > 0; parts = parts.slice(0, -1)) {
    const line = lines.get(parts.join('.'));
    if (line !== undefined) return line;
  }
  return undefined;
}

/** One part of a key path. A quoted name with a dot stays quoted: it is no path, and no table's key. */
export function keyPart(name: string): string {
  return name.includes('.') ? JSON.stringify(name) : name;
}

function pathOf(key: string): string {
  const names = key.match(partsOfKey) ?? [];
  return names.map((name) => keyPart(name.replace(/^["']|["']$/g, ''))).join('.');
}

/** The quotes that end a text of several lines, when this line begins one: what looks like a key in it is none. */
function unclosed(value: string): string | undefined {
  return ['"""', "'''"].find((quotes) => value.split(quotes).length % 2 === 0);
}
