/**
 * Goal: the folder tree stays the architecture. Method: every source file is parsed, and every built one, and
 * what they import is compared with the rules that stand here as data.
 */
import { existsSync } from 'node:fs';
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
  type SourceFile,
  sourceFolders,
  walk,
} from './source-tree.ts';

/**
 * The stages of each side in the order of a study's way: folders, and what is wired around them. A file belongs to
 * the first stage that names it, and imports that one and earlier ones. `base` is what a side is configured with, and belongs to no stage.
 */
const stages: Readonly<Record<'sender' | 'receiver', readonly (readonly [string, readonly string[]])[]>> = {
  sender: [
    ['base', ['configuration.ts', 'identity.ts', 'places.ts']],
    ['intake', ['intake/']],
    ['ledger', ['ledger/']],
    ['spool', ['spool/']],
    ['schedule', ['schedule/']],
    ['encode', ['encode/']],
    ['pace', ['link/pace.ts']],
    ['link', ['link/']],
    ['calibrate', ['calibrate/']],
    ['dispatch', ['dispatch/']],
    ['operate', ['operate/']],
    ['wiring', ['data-plane.ts', 'scanner-port.ts', 'status.ts']],
    ['commands', ['commands/']],
    ['program', ['program/', 'main.ts']],
  ],
  receiver: [
    ['base', ['configuration.ts', 'destination-settings.ts', 'places.ts']],
    ['pause', ['link/pause.ts']],
    ['link', ['link/link.ts', 'link/link-health.ts']],
    ['admission', ['link/']],
    ['assemble', ['assemble/']],
    ['gate', ['gate/']],
    ['ledger', ['ledger/']],
    ['vault', ['vault/']],
    ['clearance', ['clearance/']],
    ['studies', ['studies/']],
    ['watch', ['watch/']],
    ['release', ['release/']],
    ['pipeline', ['pipeline/']],
    ['deliver', ['deliver/']],
    ['calibrate', ['calibrate/']],
    ['operate', ['operate/']],
    ['wiring', ['status.ts']],
    ['commands', ['commands/']],
    ['program', ['program/', 'main.ts']],
  ],
};

/** A stage hands its work to the next through that one's type; who makes it is the wiring. */
const handedOver = [
  ['sender/intake/', 'sender/spool/spool.ts'],
  ['sender/intake/', 'sender/ledger/instance-records.ts'],
] as const;

/** Everything of Node that can open a connection or start a program, and which files may. Tests may as well. */
const networkModules = [
  'node:dgram',
  'node:net',
  'node:tls',
  'node:http',
  'node:https',
  'node:http2',
  'node:dns',
  'node:dns/promises',
  'node:child_process',
  'node:cluster',
  'node:inspector',
];
const networkAllowed: Readonly<Record<string, readonly string[]>> = {
  'sender/link/link.ts': ['node:dgram'],
  'receiver/link/link.ts': ['node:dgram'],
  'sender/intake/dicom-listener.ts': ['node:net', 'node:tls'],
  // Asks the name service whether a PACS is on the link, when a person runs doctor.
  'shared/doctor/place-findings.ts': ['node:dns/promises'],
  'receiver/clearance/malware-scanner.ts': ['node:net'],
  'receiver/deliver/peer-connection.ts': ['node:net', 'node:tls'],
  'receiver/deliver/http-request.ts': ['node:http', 'node:https'],
};

/** koffi calls C; these are all the functions it may. */
const foreignFunctionFile = 'shared/kernel-socket.ts';
const foreignFunctions = [
  ...['socket', 'setsockopt', 'getsockopt', 'bind', 'recv', 'close', 'mallopt', 'malloc_trim'],
  // Of Intel's ISA-L: they only compute.
  ...['ec_init_tables', 'ec_encode_data'],
];

/** What does no I/O and reads no clock: bytes, time and randomness come in, effects go out. */
const core = [
  'sender/encode/',
  'sender/schedule/',
  'sender/link/pace.ts',
  'sender/calibrate/',
  'receiver/link/admission.ts',
  'receiver/link/pause.ts',
  'receiver/assemble/',
  'receiver/calibrate/',
  'receiver/gate/',
  'receiver/studies/',
  'shared/wire/',
  'shared/fec/',
  'shared/crypto/object-id.ts',
  'shared/crypto/keys.ts',
  'shared/crypto/seal.ts',
];
/** Where the core ends: the kernels' file, read once. It knows ledgers by their types alone. */
const coreEnds = ['shared/webassembly.ts'];
/** Modules of Node that only compute. */
const coreModules = ['node:crypto', 'node:path', 'node:util', 'node:zlib'];
/** One loads the reference engine's package; the other reads a descriptor that it is handed. */
const coreExceptions: Readonly<Record<string, string>> = {
  'shared/fec/reference-engine.ts': 'node:module',
  'shared/dicom/byte-window.ts': 'node:fs',
};
const impureNames =
  /^(random.*|setTimeout|setInterval|setImmediate|queueMicrotask|performance|fetch|process)$/;
const impureMembers = ['Date.now', 'Math.random', 'crypto.getRandomValues', 'crypto.randomUUID'];

// The kernels' language only looks like TypeScript.
const programs = sourceFolders
  .flatMap(filesBelow)
  .filter((path) => path.endsWith('.ts') && !path.endsWith('.assembly.ts'))
  .map(readSource);

describe.each([
  ['the sources', () => programs],
  ['the built output', built],
] as const)('%s', (name, files) => {
  const missing = name === 'the built output' && !existsSync(join(root, 'dist'));
  if (missing && process.env['CI'] === undefined) {
    it.skip('there is no dist/: npm run build makes it, and then it is looked at too', () => {});
    return;
  }

  it('is there', () => {
    expect(files().length).toBeGreaterThan(50);
  });

  it('keeps sender, receiver and what they share apart', () => {
    const top = (path: string) => path.split('/')[0] ?? '';
    const allowed: Readonly<Record<string, readonly string[]>> = {
      sender: ['sender', 'shared'],
      receiver: ['receiver', 'shared'],
      shared: ['shared'],
      test: ['test', 'sender', 'receiver', 'shared'],
    };
    expect(
      edges(files()).filter(({ from, target }) => {
        if (packageOf(target) !== undefined || target.startsWith('node:')) return false;
        return allowed[top(from)]?.includes(top(target)) !== true;
      }),
    ).toEqual([]);
  });

  it('opens sockets in the files that are listed, and nowhere else', () => {
    const offending = edges(files()).filter(
      ({ from, target }) =>
        !isTest(from) &&
        networkModules.includes(target.startsWith('node:') ? target : `node:${target}`) &&
        networkAllowed[from]?.includes(target) !== true,
    );
    expect(offending).toEqual([]);
    for (const [file, modules] of Object.entries(networkAllowed)) {
      const targets = edges(files()).filter(({ from }) => from === file);
      expect(targets.map(({ target }) => target)).toEqual(expect.arrayContaining([...modules]));
    }
  });

  it('has a sender that never takes anything from its link', () => {
    expect(
      mentions(only(files(), 'sender/link/link.ts'), /^(message|onMessage|read|recv.*|getRecv.*)$/),
    ).toEqual([]);
  });

  it('has a receiver that never sends on its link', () => {
    expect(
      mentions(only(files(), 'receiver/link/link.ts'), /^(send.*|getSend.*|setSend.*|connect|remote.*)$/),
    ).toEqual([]);
  });

  it('calls C in one file, and there the functions that are listed', () => {
    const callers = edges(files()).filter(({ target, typeOnly }) => target === 'koffi' && !typeOnly);
    expect(callers.every(({ from }) => from === foreignFunctionFile)).toBe(true);
    if (callers.length === 0) return;
    const declared: string[] = [];
    walk(only(files(), foreignFunctionFile).tree, (node) => {
      if (!ts.isCallExpression(node) || !/\.func$/.test(node.expression.getText())) return;
      declared.push(/(\w+)\(/.exec(node.arguments[0]?.getText() ?? '')?.[1] ?? 'unreadable');
    });
    expect([...new Set(declared)].sort()).toEqual([...foreignFunctions].sort());
  });

  it.each(['sender', 'receiver'] as const)('of the %s: no stage imports a later one', (side) => {
    expect(
      edges(files()).filter(({ from, target, typeOnly }) => {
        if (!from.startsWith(`${side}/`) || !target.startsWith(`${side}/`)) return false;
        const handed = handedOver.some(([stage, file]) => from.startsWith(stage) && target === file);
        return stageOf(target) > stageOf(from) && !(typeOnly && handed);
      }),
    ).toEqual([]);
  });

  it('hands a clock to what persons ask for: nothing of that reads one', () => {
    const asked = files().filter(({ path }) => /^(sender|receiver)\/(commands|operate)\//.test(path));
    expect(asked.length).toBeGreaterThan(20);
    const read = asked.flatMap(impurities).filter((found) => /Date/.test(found));
    expect(read).toEqual([]);
  });

  it('has a core that does no I/O and reads no clock', () => {
    const byPath = new Map(files().map((file) => [file.path, file]));
    const waiting = [...byPath.keys()].filter((path) => !isTest(path) && inCore(path));
    expect(waiting.length).toBeGreaterThan(20);
    const reached = new Set(waiting);
    const impure: string[] = [];
    for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
      const file = byPath.get(path);
      if (file === undefined) continue;
      impure.push(...impurities(file));
      for (const { target, typeOnly } of file.imports) {
        if (typeOnly || reached.has(target) || coreEnds.includes(target)) continue;
        reached.add(target);
        if (target.endsWith('.ts')) waiting.push(target);
      }
    }
    expect(impure).toEqual([]);
  });
});

let builtFiles: SourceFile[] | undefined;

function built(): readonly SourceFile[] {
  builtFiles ??= sourceFolders
    .flatMap((folder) => filesBelow(`dist/${folder}`))
    .filter((path) => path.endsWith('.js'))
    .map(readSource);
  return builtFiles;
}

interface Edge {
  readonly from: string;
  readonly target: string;
  readonly typeOnly: boolean;
}

function edges(files: readonly SourceFile[]): Edge[] {
  return files.flatMap(({ path, imports }) =>
    imports.map(({ target, typeOnly }) => ({ from: path, target, typeOnly })),
  );
}

function only(files: readonly SourceFile[], path: string): SourceFile {
  const found = files.find((file) => file.path === path);
  if (found === undefined) throw new Error(`there is no ${path}`);
  return found;
}

/** Which stage a file belongs to. A new file has to be put into the list. */
function stageOf(path: string): number {
  const [side = '', ...rest] = path.split('/');
  const place = rest.join('/');
  const found = (side === 'sender' ? stages.sender : stages.receiver).findIndex(([, members]) =>
    members.some((member) => (member.endsWith('/') ? place.startsWith(member) : place === member)),
  );
  if (found < 0) throw new Error(`${path} belongs to no stage: put it into the list of this test`);
  return found;
}

function inCore(path: string): boolean {
  return core.some((member) => (member.endsWith('/') ? path.startsWith(member) : path === member));
}

/** Names and texts in a file that match, comments apart. */
function mentions(file: SourceFile, pattern: RegExp): string[] {
  const found: string[] = [];
  walk(file.tree, (node) => {
    const named = ts.isIdentifier(node) || ts.isStringLiteral(node) || ts.isPrivateIdentifier(node);
    if (named && pattern.test(node.text)) found.push(`${placeOf(file, node)} ${node.text}`);
  });
  return found;
}

function impurities(file: SourceFile): string[] {
  const found: string[] = [];
  for (const { target, names, typeOnly } of file.imports) {
    if (typeOnly) continue;
    const computes = coreModules.includes(target) || coreExceptions[file.path] === target;
    if (target.startsWith('node:') && !computes) found.push(`${file.path} imports ${target}`);
    for (const name of names) {
      if (target.startsWith('node:') && impureNames.test(name)) found.push(`${file.path} imports ${name}`);
    }
  }
  walk(file.tree, (node) => {
    const isMember = ts.isPropertyAccessExpression(node) && impureMembers.includes(node.getText());
    const isNow = ts.isNewExpression(node) && node.expression.getText() === 'Date' && !node.arguments?.length;
    const isCalled =
      ts.isIdentifier(node) &&
      impureNames.test(node.text) &&
      ts.isCallExpression(node.parent) &&
      node.parent.expression === node;
    const isGlobal =
      ts.isIdentifier(node) &&
      impureNames.test(node.text) &&
      ts.isPropertyAccessExpression(node.parent) &&
      node.parent.expression === node;
    if (isMember || isNow || isCalled || isGlobal) found.push(`${placeOf(file, node)} ${node.getText()}`);
  });
  return found;
}
