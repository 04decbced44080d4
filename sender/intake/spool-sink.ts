/**
 * Takes what the storage SCP receives into the spool: it is written to arriving/ and hashed as it comes, synced, entered
 * in the ledger, and only then answered with success. It never waits for the link.
 *
 * Instances that become ready at about the same time, over several associations, share one sync of the folder and one
 * ledger transaction.
 */
import { createHash, randomBytes } from 'node:crypto';
import { PieceTagger, pieceKeyBytes } from '../../shared/crypto/piece-tags.ts';
import { type InstanceHeader, readInstanceHeader } from '../../shared/dicom/instance-header.ts';
import { DiodeError, type ErrorCode } from '../../shared/errors.ts';
import { objectType } from '../../shared/wire/datagram.ts';
import { priority } from '../../shared/wire/manifest.ts';
import type { InstanceRow } from '../ledger/instance-records.ts';
import type { PreparedInstance } from '../spool/spool.ts';
import { type ArrivingDisk, ArrivingFile, nodeArrivingDisk, pieceBytes } from './arriving-file.ts';
import type { InstanceContext, InstanceSink, InstanceWriter } from './instance-sink.ts';
import { type IntakeOptions, readHeaderOf } from './take.ts';

export interface SpoolSinkOptions extends IntakeOptions {
  /** Default: the disk of this host. */
  readonly arrivingDisk?: ArrivingDisk;
  /** Whether the disk has room for more. */
  readonly hasRoom: () => boolean;
  /** Instances are durable: the new rows, and how many were already there. */
  readonly onTaken: (entered: readonly InstanceRow[], duplicates: number) => void;
  /** An association brings instances of this study; more may come until it is closed. */
  readonly onStudySeen: (studyUid: string, associationId: number) => void;
  readonly onAssociationClosed: (associationId: number) => void;
  readonly onRefused: (code: ErrorCode, address: string) => void;
}

interface Waiting {
  readonly prepared: PreparedInstance;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export class SpoolSink implements InstanceSink {
  readonly #options: SpoolSinkOptions;
  #waiting: Waiting[] = [];

  constructor(options: SpoolSinkOptions) {
    this.#options = options;
    // What a stop interrupted was never answered with success: the scanner still has it.
    options.spool.dropUnfinished();
  }

  open(context: InstanceContext): InstanceWriter {
    if (!this.#options.hasRoom()) throw new DiodeError('E_DISK_FULL');
    return new SpoolWriter(this.#options, context, (prepared) => this.#enter(prepared));
  }

  associationOpened(): void {}

  associationClosed(associationId: number): void {
    this.#options.onAssociationClosed(associationId);
  }

  refused(code: ErrorCode, address: string): void {
    this.#options.onRefused(code, address);
  }

  #enter(prepared: PreparedInstance): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ prepared, resolve, reject });
      // Those whose sync ended in the same turn of the event loop are included.
      if (this.#waiting.length === 1) setImmediate(() => this.#enterAll());
    });
  }

  #enterAll(): void {
    const group = this.#waiting;
    this.#waiting = [];
    try {
      const { entered, duplicates, failed } = this.#options.spool.enter(
        group.map(({ prepared }) => prepared),
      );
      if (failed.size < group.length) this.#options.onTaken(entered, duplicates);
      for (const { prepared, resolve, reject } of group) {
        const error = failed.get(prepared);
        if (error === undefined) resolve();
        else reject(error);
      }
    } catch (error) {
      for (const { reject } of group) reject(error);
    }
  }
}

class SpoolWriter implements InstanceWriter {
  readonly #options: SpoolSinkOptions;
  readonly #context: InstanceContext;
  readonly #enter: (prepared: PreparedInstance) => Promise<void>;
  readonly #path: string;
  readonly #file: ArrivingFile;
  readonly #hash = createHash('sha256');
  readonly #tagger = new PieceTagger(randomBytes(pieceKeyBytes));
  #header: InstanceHeader | undefined;

  constructor(
    options: SpoolSinkOptions,
    context: InstanceContext,
    enter: (prepared: PreparedInstance) => Promise<void>,
  ) {
    this.#options = options;
    this.#context = context;
    this.#enter = enter;
    this.#path = options.spool.unfinishedPath();
    const disk = options.arrivingDisk ?? nodeArrivingDisk;
    this.#file = new ArrivingFile(disk, this.#path, (bytes) => this.#look(bytes));
  }

  write(bytes: Uint8Array): Promise<void> | undefined {
    this.#hash.update(bytes);
    this.#tagger.update(bytes);
    return this.#file.write(bytes);
  }

  async finish(): Promise<void> {
    const { disk, clock, plan } = this.#options;
    await this.#file.finish();
    const bytes = this.#file.bytes;
    const header = this.#header ?? this.#check(readHeaderOf(disk, this.#path, bytes));
    const sha256 = this.#hash.digest();
    const { called, callingAe } = this.#context;
    await this.#enter({
      arrivingPath: this.#path,
      isSynced: true,
      row: {
        ...plan(objectType.instance, sha256, bytes),
        sha256: sha256.toString('hex'),
        bytes,
        pieceTags: this.#tagger.finish(),
        priority: called.priority === 'stat' ? priority.stat : priority.routine,
        quietSeconds: called.quietSeconds,
        studyUid: header.studyUid,
        seriesUid: header.seriesUid,
        sopInstanceUid: header.sopInstanceUid,
        aeTitles: { calling: callingAe, called: called.title },
        takenAtMs: clock.wallMs(),
      },
    });
  }

  async abort(): Promise<void> {
    await this.#file.abandon();
    this.#options.disk.remove(this.#path);
  }

  /** Reads the header from the beginning of the file, where it is except in very odd files. */
  #look(beginning: Uint8Array): void {
    const fileBytes = this.#file.bytes < pieceBytes ? this.#file.bytes : Infinity;
    const header = readInstanceHeader(beginning, fileBytes);
    if (header !== 'needs-more') this.#header = this.#check(header);
  }

  /** The file's meta group says what the request said; the data set has to say the same. */
  #check(header: InstanceHeader | DiodeError): InstanceHeader {
    if (header instanceof DiodeError) throw header;
    const { associationId, sopInstanceUid, sopClassUid } = this.#context;
    if (header.sopInstanceUid !== sopInstanceUid || header.sopClassUid !== sopClassUid)
      throw new DiodeError('E_INSTANCE_MISMATCH', 'the request and the data set name different UIDs');
    this.#options.onStudySeen(header.studyUid, associationId);
    return header;
  }
}
