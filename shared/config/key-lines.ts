/**
 * Finds the line of a TOML document that a key is on: the parser keeps no positions. A line scan is enough,
 * because it only reads what the parser found valid; where it finds nothing, the message has no line.
 */

/** A key of a table or assignment: bare or quoted parts, joined by dots. */
const part = String.raw`(?:[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*')`;
const keyPattern = String.raw`${part}(?:\s*\.\s*${part})*`;
const tableLine = new RegExp(String.raw`^\s*(\[\[?)\s*(${keyPattern})\s*\]`);
const assignmentLine = new RegExp(String.raw`^\s*(${keyPattern})\s*=(.*)$`);
const partsOfKey = new RegExp(part, 'g');
const lastPart = /(?:\.[^.\]]*|\[\d+\])$/;
const linesMax = 10_000;

/**
 * Line numbers, from 1, by key path: of tables and of assignments. Of two equal keys, the first counts. The tables
 * of a list are counted from 1: `destinations[1].host`.
 */
export function keyLines(text: string): ReadonlyMap<string, number> {
  const lines = new Map<string, number>();
  const lists = new Map<string, number>();
  let table = '';
  let multiLine: string | undefined;
  for (const [index, line] of text.split('\n', linesMax).entries()) {
    if (multiLine !== undefined) {
      if (line.includes(multiLine)) multiLine = undefined;
      continue;
    }
    const [, brackets, opened] = tableLine.exec(line) ?? [];
    const [, assigned, value = ''] = assignmentLine.exec(line) ?? [];
    let key = assigned && table + pathOf(assigned);
    if (opened !== undefined) {
      key = numbered(pathOf(opened), lists);
      if (brackets === '[[') {
        if (!lines.has(key)) lines.set(key, index + 1);
        lists.set(key, (lists.get(key) ?? 0) + 1);
        key += `[${lists.get(key)}]`;
      }
      table = `${key}.`;
    }
    if (key !== undefined && !lines.has(key)) lines.set(key, index + 1);
    multiLine = unclosed(value);
  }
  return lines;
}

/** The line of a key, or of the inline table or list that contains it. */
export function lineOfKey(lines: ReadonlyMap<string, number>, key: string): number | undefined {
  for (let path = key; path !== ''; path = path.slice(0, Math.max(0, path.search(lastPart)))) {
    const line = lines.get(path);
    if (line !== undefined) return line;
  }
  return undefined;
}

/** The path of a table, with the number of each list's table that contains it: always the last one begun. */
function numbered(path: string, lists: ReadonlyMap<string, number>): string {
  let whole = '';
  for (const name of path.split('.')) {
    const count = lists.get(whole);
    whole = whole === '' ? name : `${whole}${count === undefined ? '' : `[${count}]`}.${name}`;
  }
  return whole;
}

/** One part of a key path. A quoted name with a dot stays quoted: it is not a path, nor a key of a table. */
export function keyPart(name: string): string {
  return name.includes('.') ? JSON.stringify(name) : name;
}

function pathOf(key: string): string {
  const names = key.match(partsOfKey) ?? [];
  return names.map((name) => keyPart(name.replace(/^["']|["']$/g, ''))).join('.');
}

/** The quotes that end a multi-line text, when this line begins one: what looks like a key inside it is not one. */
function unclosed(value: string): string | undefined {
  return ['"""', "'''"].find((quotes) => value.split(quotes).length % 2 === 0);
}
