/**
 * Goal: a full disk of the vault is one alarm, which stands as long as it is full and a moment more, whoever is refused
 * what and whatever else works meanwhile. Method: the real pipeline over a ledger, or files, that are refused now and then.
 */
import { expect, it } from 'vitest';
import { DiodeError } from '../../../../shared/errors.ts';
import { Random } from '../../../harness/random.ts';
import { HighSide } from '../../../simulation/high-side.ts';
import { VirtualClock } from '../../../simulation/virtual-clock.ts';
import { datagramsOf, identity, secret } from '../assemble/datagrams.ts';

function site() {
  const time = new VirtualClock();
  const { parameters, keyId } = identity;
  const limits = { memoryBytes: 1e6, deadlineMs: 60_000, spillBytes: 1e6 };
  const secrets = new Map([[keyId, secret]]);
  const high = new HighSide({ parameters, secrets, ...limits }, time.host(), new Random(1));
  let made = 0;
  const standing = () =>
    high.alarms.standing().flatMap(({ code, subject }) => (code === 'E_DISK_FULL' ? subject : []));
  /** Something comes each second. @returns what alarms of a full disk stood, second by second */
  const run = (seconds: number) =>
    Array.from({ length: seconds }, () => {
      made += 1;
      for (const datagram of datagramsOf(new Uint8Array(700).fill(made)).datagrams) high.receive(datagram);
      const stood = new Set<string>();
      for (let step = 0; step < 10; step += 1) {
        time.advance(100);
        high.step();
        for (const subject of standing()) stood.add(subject);
      }
      return [...stood];
    });
  const edges = () => [...high.alarmEdges].filter(([alarm]) => alarm.startsWith('E_DISK_FULL'));
  return { high, run, edges };
}

const room = 'room of the vault';

function refuseLedger(high: HighSide): () => void {
  let asked = 0;
  // What reads goes through, and of what writes some.
  high.ledgerRefuses = () => {
    asked += 1;
    if (asked % 3 !== 0) throw new DiodeError('E_DISK_FULL', 'the ledger refused an operation');
    return false;
  };
  return () => {
    high.ledgerRefuses = () => false;
  };
}

function refuseFiles(high: HighSide): () => void {
  const open = high.disk.open.bind(high.disk);
  let opened = 0;
  high.disk.open = (path, mode) => {
    const file = open(path, mode);
    opened += 1;
    if (opened % 2 === 0) return file;
    // As of a quota, or where inodes are short: it is measured as free.
    return { ...file, syncLater: (done) => done(new DiodeError('E_DISK_FULL', 'syncing a file (EDQUOT)')) };
  };
  return () => {
    high.disk.open = open;
  };
}

it.each([
  ['the ledger', refuseLedger],
  ['files', refuseFiles],
] as const)(
  'while %s are refused now and then, one alarm stands, begins once and ends once',
  (_what, refuse) => {
    const { high, run, edges } = site();
    expect(run(5).flat()).toEqual([]);
    const end = refuse(high);
    const [, ...stood] = run(60);
    expect(stood).toEqual(stood.map(() => [room]));
    end();
    expect(run(45).at(-1)).toEqual([]);
    expect(edges()).toEqual([[`E_DISK_FULL ${room}`, 2]]);
  },
);
