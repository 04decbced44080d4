/**
 * Sends broken conversations to the scanner port of a real sender: `npm run malformed [-- --cases N] [--seed S]`. First the
 * cases by name, then generated ones, several at a time, beside an association that does nothing wrong. Each has to end with
 * its connection closed by the sender; after all of them nothing is in the spool, memory and descriptors are as they were,
 * and the other association was answered throughout. The last line is one JSON object; exit code 1 when something is not
 * so. The same seed plays the same cases.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { associateRequest, control, dataPdu, echoRequest, verification } from './association-bytes.ts';
import { type MalformedCase, malformedCases } from './malformed-associations.ts';
import { malformedStream } from './malformed-streams.ts';
import { Processes } from './processes.ts';
import { Random } from './random.ts';
import { RawConnection, splitPdus } from './raw-connection.ts';
import { ScannerSide } from './scanner-side.ts';

const { values } = parseArgs({
  options: { cases: { type: 'string', default: '100000' }, seed: { type: 'string', default: '1' } },
});
const cases = Number(values.cases);
const atATime = 8;
/** A connection that the sender does not close in this time hangs: its own timers are set to a second. */
const hangMs = 20_000;
const bystanderEach = 50;
const grownMegabytesMax = 64;

const endings = { aborted: 0, rejected: 0, released: 0, closed: 0 };
const problems: string[] = [];
async function run(side: ScannerSide): Promise<void> {
  const pid = side.program.pid ?? 0;
  const bystander = await Bystander.at(side.port);
  // The sender writes its snapshot whenever it likes.
  const entries = () =>
    readdirSync(side.spool)
      .filter((name) => !name.startsWith('status.json'))
      .sort();
  const before = entries();
  for (const each of malformedCases) {
    const last = await playCase(side.port, each);
    if (each.flood === undefined && last !== 'aborted' && last !== 'rejected')
      problems.push(`${each.name}: ${last}`);
    await bystander.isServed();
  }

  const random = new Random(Number(values.seed));
  const startedMs = performance.now();
  // The heap has its size when a fifth is through.
  const settledAt = Math.floor(cases / 5);
  let settledBytes = 0;
  let next = 0;
  const player = async (): Promise<void> => {
    for (let number = next++; number < cases; number = next++) {
      const ending = await playPieces(side.port, malformedStream(random.fork(String(number))), number);
      if (ending === 'hangs') problems.push(`case ${number} of seed ${values.seed} was not closed`);
      else endings[ending] += 1;
      if (number % bystanderEach === 0) await bystander.isServed();
      if (number === settledAt) settledBytes = residentBytes(pid);
      if (number % 5000 === 4999)
        process.stderr.write(
          `${number + 1} of ${cases}, sender at ${Math.round(residentBytes(pid) / 1e6)} MB\n`,
        );
      if (problems.length > 20) throw new Error(problems.join('\n'));
    }
  };
  await Promise.all(Array.from({ length: atATime }, player));
  const seconds = (performance.now() - startedMs) / 1000;
  const grownMegabytes = (residentBytes(pid) - settledBytes) / 1e6;
  bystander.leave();

  for (const folder of ['arriving', 'objects', 'rejected'])
    if (readdirSync(`${side.spool}/${folder}`).length > 0) problems.push(`something is in ${folder}/`);
  const after = entries();
  if (after.join() !== before.join()) problems.push(`the spool has other entries: ${after.join(' ')}`);
  if (grownMegabytes > grownMegabytesMax) problems.push('memory is not flat');
  await new Promise((resolve) => setTimeout(resolve, 1500));
  const sockets = side.snapshot().associations.length;
  if (sockets > 0) problems.push(`${sockets} associations are still open`);
  if (side.program.exit !== undefined) problems.push('the sender has ended');
  const { counters } = side.snapshot();
  console.log(
    JSON.stringify({
      ok: problems.length === 0,
      named: malformedCases.length,
      cases,
      endings,
      echoes: bystander.echoes,
      seconds: Math.round(seconds),
      grownMegabytes: Math.round(grownMegabytes),
      descriptors: readdirSync(`/proc/${pid}/fd`).length,
      counters,
      problems,
    }),
  );
  if (problems.length > 0) process.exitCode = 1;
}

/** An association that does nothing wrong, and is to be answered whatever others do. */
class Bystander {
  readonly #connection: RawConnection;
  #last: Promise<void> = Promise.resolve();
  echoes = 0;

  private constructor(connection: RawConnection) {
    this.#connection = connection;
  }

  static async at(port: number): Promise<Bystander> {
    const connection = await RawConnection.to(port);
    const contexts = [{ id: 1, abstractSyntax: verification, transferSyntaxes: ['1.2.840.10008.1.2'] }];
    connection.send(associateRequest({ contexts }));
    await connection.pdus(1);
    return new Bystander(connection);
  }

  isServed(): Promise<void> {
    this.#last = this.#last.then(async () => {
      this.#connection.send(dataPdu(1, control.lastCommand, echoRequest()));
      this.echoes += 1;
      const heard = await this.#connection.pdus(this.echoes + 1);
      if (heard.length !== this.echoes + 1 || heard.at(-1)?.[0] !== 4)
        throw new Error('the association beside it was not answered');
    });
    return this.#last;
  }

  leave(): void {
    this.#connection.socket.destroy();
  }
}

type Ending = keyof typeof endings | 'hangs';

async function playCase(port: number, { bytes, flood }: MalformedCase): Promise<Ending> {
  const connection = await RawConnection.to(port, '127.0.0.2');
  connection.send(bytes);
  for (let piece = 0; flood !== undefined && piece < flood.pieces && connection.socket.writable; piece += 1) {
    if (connection.socket.write(flood.piece)) continue;
    const drained = new Promise((resolve) => connection.socket.once('drain', resolve));
    await Promise.race([drained, connection.closed]);
  }
  return endingOf(connection);
}

/** Each from an address of its own: a host that is refused often must not keep the next case out. */
async function playPieces(port: number, pieces: readonly Uint8Array[], number: number): Promise<Ending> {
  const address = `127.1.${(number >> 7) & 0xff}.${1 + (number & 0x7f)}`;
  const connection = await RawConnection.to(port, address);
  for (const piece of pieces) connection.socket.write(piece);
  connection.socket.end();
  return endingOf(connection);
}

async function endingOf(connection: RawConnection): Promise<Ending> {
  let hangs = false;
  const timer = setTimeout(() => {
    hangs = true;
    connection.socket.destroy();
  }, hangMs);
  const heard = await connection.closed;
  clearTimeout(timer);
  if (hangs) return 'hangs';
  const last = splitPdus(heard).at(-1)?.[0];
  return last === 7 ? 'aborted' : last === 3 ? 'rejected' : last === 6 ? 'released' : 'closed';
}

function residentBytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;
}

const processes = new Processes();
try {
  const side = await ScannerSide.start(processes, {
    settings: ['dicom.procedureSteps = true', 'dicom.associationSeconds = 1', 'dicom.pduSeconds = 1'],
  });
  await run(side);
} finally {
  await processes.cleanUp();
}
