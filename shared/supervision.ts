/**
 * No half-dead process: when any part dies, the whole program ends with a clear message and a non-zero
 * exit code, and its supervisor restarts it.
 */
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fstatSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { type Transferable, Worker } from 'node:worker_threads';
import { keepYoungRoom } from './collector.ts';
import { DiodeError, errorCauseCode } from './errors.ts';
import type { Log } from './log.ts';

/** Ends the process because of an error. Tests replace it. */
export type Die = (error: unknown) => void;

export function dieWith(log: Log): Die {
  return (error) => {
    const known =
      error instanceof DiodeError ? error : new DiodeError('E_INTERNAL', undefined, { cause: error });
    log.error('stopped by an error', { code: known.code, detail: known.message });
    if (!(error instanceof DiodeError)) console.error(error);
    process.exit(1);
  };
}

/** Starts a thread of this program. If it dies, so does the program. */
export function startThread<Message>(options: {
  file: URL;
  workerData: unknown;
  transfer?: readonly Transferable[];
  onMessage: (message: Message) => void;
  die: Die;
}): Worker {
  const worker = new Worker(options.file, {
    workerData: options.workerData,
    ...(options.transfer === undefined ? {} : { transferList: [...options.transfer] }),
  });
  worker.once('online', keepYoungRoom);
  worker.on('message', options.onMessage);
  worker.on('error', options.die);
  worker.on('exit', (code) => {
    if (code !== 0) options.die(new DiodeError('E_INTERNAL', `a thread ended with exit code ${code}`));
  });
  return worker;
}

/** Ends a thread on purpose: unlike its death, this does not end the program. */
export async function stopThread(worker: Worker): Promise<void> {
  worker.removeAllListeners('exit');
  await worker.terminate();
}

/** A promise that is settled from outside: for a thread's answer. */
export function deferred<T>() {
  let resolve: (value: T) => void = () => {};
  let reject: (error: unknown) => void = () => {};
  const promise = new Promise<T>((onValue, onError) => {
    resolve = onValue;
    reject = onError;
  });
  return { promise, resolve, reject };
}

/**
 * Makes an uncaught error end the process, SIGTERM and SIGINT stop it in order, and SIGHUP reload its keys.
 * One after another: a stop waits for a reload under way, and nothing follows a stop.
 */
export function superviseProcess(
  stop: () => Promise<void>,
  die: Die,
  readKeysAgain: () => Promise<void>,
): void {
  process.on('uncaughtException', die);
  process.on('unhandledRejection', die);
  let stopping = false;
  let readAgain = false;
  let work: Promise<void> = Promise.resolve();
  const onSignal = () => {
    if (stopping) return;
    stopping = true;
    work.then(stop).then(() => process.exit(0), die);
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  process.on('SIGHUP', () => {
    // A waiting reload reads what is there when its turn comes: more of them would read the same.
    if (stopping || readAgain) return;
    readAgain = true;
    work = work.then(async () => {
      readAgain = false;
      await readKeysAgain();
    });
    work.catch(die);
  });
}

/**
 * Ends the process if it can't start, after the command line has said why: threads and sockets that already exist
 * would keep alive a program that does nothing.
 */
export function endUnlessStarted(starting: Promise<unknown>): void {
  starting.catch(() => setImmediate(() => process.exit(1)));
}

/** A snapshot is padded to a multiple of this, so that the next one mostly has room in its place. */
const snapshotBytes = 8192;

/**
 * Writes a snapshot for the command line: completely or not at all, but not durably, since it is stale at once. On a full
 * disk it is written over the last one, where that takes no room: who looks then has to see that the program runs, and why
 * it does not go on.
 */
export function writeSnapshot(path: string, snapshot: unknown): void {
  const json = Buffer.from(JSON.stringify(snapshot));
  const text = padded(json, Math.ceil(json.length / snapshotBytes) * snapshotBytes);
  try {
    writeFileSync(`${path}.partial`, text, { mode: 0o640 });
    renameSync(`${path}.partial`, path);
  } catch {
    // A full disk has its own alarm.
    writeInPlace(path, text);
  }
}

function writeInPlace(path: string, text: Buffer): void {
  let file: number | undefined;
  try {
    file = openSync(path, 'r+');
    const { size } = fstatSync(file);
    if (text.length <= size) writeSync(file, padded(text, size), 0, size, 0);
  } catch {
    // A missing snapshot is shown as such.
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/** JSON ends with as many spaces as one likes. */
function padded(text: Buffer, bytes: number): Buffer {
  return Buffer.concat([text, Buffer.alloc(bytes - text.length, ' ')]);
}

/** One disk is not enough: a rename between two of its mounts is refused, and systemd mounts each writable path separately. */
function tryRename(from: string, to: string, which: string): void {
  const name = `.dicom-diode-${process.pid}-${randomBytes(4).toString('hex')}`;
  try {
    mkdirSync(join(from, name));
    renameSync(join(from, name), join(to, name));
  } catch (cause) {
    const code = errorCauseCode(cause);
    if (code !== 'EXDEV')
      throw new DiodeError(
        'E_FOLDER',
        `files cannot be moved between ${which} (${code ?? 'unknown cause'})`,
        {
          cause,
        },
      );
    throw new DiodeError(
      'E_CONFIG_DEVICE',
      `${which} are different mounts: files cannot be renamed between them`,
      {
        cause,
      },
    );
  } finally {
    for (const folder of [from, to]) rmSync(join(folder, name), { recursive: true, force: true });
  }
}

/**
 * Checks that folders exist, and that those that must share a file system do.
 * @throws DiodeError E_FOLDER, E_CONFIG_DEVICE
 */
export function checkFolders(folders: Readonly<Record<string, string>>, together: readonly string[]): void {
  const devices = new Map<string, number>();
  for (const [key, path] of Object.entries(folders)) {
    try {
      const facts = statSync(path);
      if (!facts.isDirectory()) throw new DiodeError('E_FOLDER', `${key} = ${path} is not a folder`);
      devices.set(key, facts.dev);
    } catch (cause) {
      if (cause instanceof DiodeError) throw cause;
      throw new DiodeError(
        'E_FOLDER',
        `${key} = ${path} cannot be used (${errorCauseCode(cause) ?? 'unknown cause'})`,
        { cause },
      );
    }
  }
  if (new Set(together.map((key) => devices.get(key))).size > 1) {
    throw new DiodeError('E_CONFIG_DEVICE', `${together.join(' and ')} are on different file systems`);
  }
  const [home, ...others] = together;
  for (const key of others) tryRename(folders[home ?? ''] ?? '', folders[key] ?? '', `${home} and ${key}`);
}
