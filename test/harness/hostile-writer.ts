/**
 * What a writer that means harm does in the watch folder, by kind: each act in a folder of its own, bounded in number and
 * time, drawn from its random stream. What it would like to get at is a file of others, which has the canary in it.
 */
import { execFile } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  ftruncateSync,
  linkSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { deflateRawSync } from 'node:zlib';
import { transferSyntaxes } from './dicom-writer.ts';
import type { HostileAct } from './hostile-acts.ts';
import { hostileFiles } from './hostile-files.ts';
import type { Random } from './random.ts';
import { ctImage, element, encodeElements, encodePart10 } from './unchecked-writer.ts';

const run = promisify(execFile);
/** Folders that lie there at the same time; the oldest are taken away. */
const foldersMax = 12;
const emptyFolders = 400;
const depth = 60;
const swapMs = 2500;
/** Empty elements of a data set that deflates to some ten thousand bytes. */
const bombElements = 1_000_000;

export interface HostileWriterOptions {
  readonly watchFolder: string;
  /** Where a file is made before it is moved in, on the same disk. */
  readonly outside: string;
  /** Files of others that a link may lead to. */
  readonly secrets: readonly string[];
}

export class HostileWriter {
  readonly #options: HostileWriterOptions;
  readonly #folders: string[] = [];
  #acts = 0;
  #files = 0;

  constructor(options: HostileWriterOptions) {
    this.#options = options;
  }

  acts(): Readonly<Record<string, HostileAct>> {
    return {
      fifo: (random) => this.#swapped(random, (path) => run('mkfifo', [path])),
      symlink: (random) =>
        this.#swapped(random, (path) => symlinkSync(random.pick(this.#options.secrets), path)),
      changing: (random) => this.#changing(random),
      'kept-open': (random) => this.#keptOpen(random),
      socket: (random) => this.#socket(random),
      deep: (random) => this.#deep(random),
      empty: () => this.#empty(),
      names: (random) => this.#names(random),
      unreadable: (random) => this.#unreadable(random),
      broken: (random) => this.#broken(random),
      bomb: () => this.#bomb(),
    };
  }

  /**
   * Files that stand still at each look, and are something else now and then between two: the same inode comes back each
   * time, so nothing seems to have changed.
   */
  async #swapped(random: Random, make: (path: string) => unknown): Promise<void> {
    const folder = this.#folder();
    const places = Array.from({ length: 8 }, (_, number) => {
      const path = join(folder, `${number}.dcm`);
      const kept = join(this.#options.outside, `swapped-${this.#acts}-${number}`);
      // Some are taken and some are rejected: both ways a file is read, and moved or copied.
      writeFileSync(kept, number % 2 === 0 ? this.#file(random) : random.bytes(3000));
      linkSync(kept, path);
      return { path, kept, other: `${kept}.other`, again: `${kept}.again` };
    });
    // A link to a folder as well, which leads out of the watch folder or around in it.
    symlinkSync(random.pick([folder, '/', this.#options.outside]), join(folder, 'folder'));
    for (const { other } of places) await make(other);
    const endMs = performance.now() + swapMs;
    while (performance.now() < endMs) {
      for (const { path, other, again, kept } of places) {
        linkSync(other, again);
        renameSync(again, path);
        await sleep(random.integer(3));
        linkSync(kept, again);
        renameSync(again, path);
      }
      await sleep(random.integer(8));
    }
    for (const { kept, other } of places) for (const path of [kept, other]) rmSync(path, { force: true });
  }

  /** Grows, shrinks and changes while it is looked at, and after. */
  async #changing(random: Random): Promise<void> {
    const path = join(this.#folder(), 'a.dcm');
    writeFileSync(path, this.#file(random));
    for (let change = 0; change < 40; change += 1) {
      await sleep(random.between(0, 120));
      writeOver(path, random);
    }
  }

  /** The file is moved in by one rename, and its writer goes on writing. */
  async #keptOpen(random: Random): Promise<void> {
    const folder = this.#folder();
    const made = join(this.#options.outside, `open-${this.#acts}`);
    const bytes = this.#file(random);
    writeFileSync(made, bytes);
    const descriptor = openSync(made, 'r+');
    try {
      renameSync(made, join(folder, 'open.dcm'));
      for (let change = 0; change < 60; change += 1) {
        writeSync(
          descriptor,
          random.bytes(64),
          0,
          64,
          random.between(bytes.length - 2000, bytes.length - 64),
        );
        await sleep(random.between(5, 60));
      }
    } finally {
      closeSync(descriptor);
    }
  }

  async #socket(random: Random): Promise<void> {
    const server = createServer((socket) => socket.destroy());
    await new Promise<void>((listening) => server.listen(join(this.#folder(), 's.dcm'), listening));
    await sleep(random.between(300, 1500));
    await new Promise((closed) => server.close(closed));
  }

  async #deep(random: Random): Promise<void> {
    const names = Array.from({ length: depth }, () => 'd');
    const path = join(this.#folder(), ...names);
    mkdirSync(path, { recursive: true });
    writeFileSync(join(path, 'deep.dcm'), this.#file(random));
    await sleep(800);
  }

  async #empty(): Promise<void> {
    const folder = this.#folder();
    for (let number = 0; number < emptyFolders; number += 1) mkdirSync(join(folder, String(number)));
    await sleep(1000);
  }

  async #names(random: Random): Promise<void> {
    const folder = this.#folder();
    const names = ['n'.repeat(255), '-rf', 'a\nb', '\u001b[2J', '$(reboot)', '%s%n', '\u202egnp.mcd'];
    for (const name of names) writeFileSync(join(folder, name), this.#file(random));
    // None of these is UTF-8.
    for (const bytes of [[0xff, 0xfe], [0x80], [0xc3, 0x28], [0xed, 0xa0, 0x80]])
      writeFileSync(Buffer.concat([Buffer.from(`${folder}/`), Buffer.from(bytes)]), this.#file(random));
    await sleep(1000);
  }

  async #unreadable(random: Random): Promise<void> {
    const folder = this.#folder();
    const file = join(folder, 'file.dcm');
    writeFileSync(file, this.#file(random));
    chmodSync(file, 0);
    mkdirSync(join(folder, 'folder'), { mode: 0 });
    await sleep(1000);
  }

  async #broken(random: Random): Promise<void> {
    const folder = this.#folder();
    for (let number = 0; number < 10; number += 1)
      writeFileSync(join(folder, `${number}.dcm`), random.pick(hostileFiles).make());
    await sleep(500);
  }

  /** A deflated data set that is a thousand times as long, nearly all of it empty elements. */
  async #bomb(): Promise<void> {
    this.#files += 1;
    const syntax = transferSyntaxes.deflated;
    const uid = `2.25.77.${this.#files}`;
    const elements = ctImage({ studyUid: uid, sopInstanceUid: `${uid}.1` });
    const before = encodeElements(elements.slice(0, -1), syntax);
    const one = Buffer.from('2900101055540000', 'hex');
    one.write('LO', 4, 'latin1');
    const many = Buffer.alloc(bombElements * 8);
    for (let number = 0; number < bombElements; number += 1) {
      one.writeUInt16LE(0x0029 + ((number >>> 15) << 1), 0);
      one.writeUInt16LE(0x1010 + (number & 0x7fff), 2);
      one.copy(many, number * 8);
    }
    const dataSet = deflateRawSync(Buffer.concat([before, many]));
    const file = encodePart10({
      syntax,
      dataSet,
      metaSopClassUid: '1.2.840.10008.5.1.4.1.1.2',
      metaSopInstanceUid: `${uid}.1`,
    });
    writeFileSync(join(this.#folder(), 'bomb.dcm'), file);
    await sleep(1000);
  }

  /** A sound file of a study of its own. */
  #file(random: Random): Buffer {
    this.#files += 1;
    const studyUid = `2.25.88.${this.#files}`;
    const pixels = element(0x7fe0_0010, 'OW', random.bytes(random.between(2000, 40_000) * 2));
    return encodePart10({
      dataSet: ctImage({ studyUid, sopInstanceUid: `${studyUid}.1`, more: [pixels] }),
    });
  }

  #folder(): string {
    this.#acts += 1;
    const folder = join(this.#options.watchFolder, `hostile-${this.#acts}`);
    mkdirSync(folder);
    this.#folders.push(folder);
    if (this.#folders.length > foldersMax) {
      const oldest = this.#folders.shift();
      if (oldest !== undefined) rmSync(oldest, { recursive: true, force: true });
    }
    return folder;
  }

  /** Takes away what still lies in the watch folder. */
  tidyUp(): void {
    for (const folder of this.#folders.splice(0)) rmSync(folder, { recursive: true, force: true });
  }
}

function writeOver(path: string, random: Random): void {
  let descriptor: number;
  try {
    descriptor = openSync(path, 'r+');
  } catch {
    // It is taken.
    return;
  }
  try {
    const what = random.integer(3);
    if (what === 0) ftruncateSync(descriptor, random.between(0, 60_000));
    else writeSync(descriptor, random.bytes(500), 0, 500, what === 1 ? random.between(2000, 60_000) : null);
  } finally {
    closeSync(descriptor);
  }
}
