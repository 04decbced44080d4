/**
 * A sender host that was taken over: it has a key of the receiver's ring, sees the fibre, and sends what it likes. It
 * makes good objects of its own, the same under the ids of others, single datagrams that claim anything, and plays back
 * what others sent. What it does with that is in hostile-powers.ts.
 */
import { createHash } from 'node:crypto';
import { deriveObjectIdKey, deriveTagKey } from '../../shared/crypto/keys.ts';
import { deriveObjectId } from '../../shared/crypto/object-id.ts';
import { ObjectSeal } from '../../shared/crypto/seal.ts';
import { DatagramTag } from '../../shared/crypto/siphash.ts';
import { type Beacon, encodeBeacon } from '../../shared/wire/beacon.ts';
import {
  headerBytes,
  type ObjectType,
  objectType,
  symbolBytesOf,
  writeObjectHeader,
  writeSequence,
  writeSymbolHeader,
} from '../../shared/wire/datagram.ts';
import { fingerprintOf, type LinkParameters } from '../../shared/wire/link-parameters.ts';
import { closeReason, encodeManifest, type ManifestEntry, priority } from '../../shared/wire/manifest.ts';
import { ObjectLayout } from '../../shared/wire/object-layout.ts';
import { encodeRollPage, type RollEntry, rollState } from '../../shared/wire/roll.ts';
import type { Random } from '../harness/random.ts';
import { smallInstance } from '../harness/small-instance.ts';
import { uidFrom } from '../harness/synthetic-instance.ts';
import { hexOf, type Victim, type VictimFile } from './hostile-sight.ts';

/** A file of the peer's own. */
export interface OwnFile {
  readonly studyUid: string;
  readonly seriesUid: string;
  readonly sopInstanceUid: string;
  readonly bytes: Uint8Array;
}

/** Whose a document says that it is, and when. All of it stands in the header as well. */
export interface Speaker {
  readonly senderId: string;
  readonly counter: number;
  readonly random: number;
}

/** What the first datagram of an object says of it. */
export interface Claim {
  readonly type: ObjectType;
  readonly objectBytes: number;
  /** Default: by chance. */
  readonly objectId?: string;
  /** Default: those of the peer. */
  readonly speaker?: Speaker;
  readonly keyId?: number;
  /** Default: that of the link. */
  readonly maximumSourceSymbols?: number;
  readonly blockNumber?: number;
  readonly encodingSymbolId?: number;
}

export interface HostilePeerOptions {
  readonly senderId: string;
  readonly keyId: number;
  readonly secret: Uint8Array;
  readonly parameters: LinkParameters;
  readonly random: Random;
  readonly victims: readonly Victim[];
  /** Brings datagrams to the receiver, between two of its steps. */
  readonly inject: (datagrams: readonly Uint8Array[]) => void;
  readonly wallMs: () => number;
}

/** What a manifest says; the rest is of no interest. */
export interface StudyList {
  readonly studyUid: string;
  readonly revision?: number;
  readonly studyNumber?: number;
  readonly stat?: boolean;
}

const clockStart = Math.floor(Date.UTC(2026, 10, 24) / 1000);

export class HostilePeer {
  readonly random: Random;
  readonly victims: readonly Victim[];
  readonly self: Speaker;
  /** UIDs of honest instances and studies that the peer used before or after, with other patients or other bytes. */
  readonly contested = new Set<string>();
  /** Studies of its own that nobody can look at in good time. */
  readonly tooExpensive = new Set<string>();
  readonly #options: HostilePeerOptions;
  readonly #tag: DatagramTag;
  readonly #symbolBytes: number;
  readonly #listeners = new Set<(datagram: Uint8Array) => void>();
  readonly #later: (() => void)[] = [];
  #sequence = 0;
  #studyNumber = 0;
  #rollNumber = 0;

  constructor(options: HostilePeerOptions) {
    this.#options = options;
    this.random = options.random;
    this.victims = options.victims;
    this.self = { senderId: options.senderId, counter: clockStart + 100, random: options.random.word() };
    this.#tag = new DatagramTag(deriveTagKey(options.secret));
    this.#symbolBytes = symbolBytesOf(options.parameters.datagramBytes);
  }

  get keyId(): number {
    return this.#options.keyId;
  }

  get parameters(): LinkParameters {
    return this.#options.parameters;
  }

  get victim(): Victim {
    return this.random.pick(this.victims);
  }

  send(datagrams: readonly Uint8Array[]): void {
    this.#options.inject(datagrams);
  }

  /** Does something when what was sent until now had its time to be kept. */
  whenKept(act: () => void): void {
    this.#later.push(act);
  }

  /** Does something for each honest datagram from now on, before it arrives. */
  whenSeen(act: (datagram: Uint8Array) => void): void {
    this.#listeners.add(act);
  }

  sees(datagram: Uint8Array): void {
    for (const act of this.#listeners) act(datagram);
  }

  /** Does what waited. */
  goOn(): void {
    for (const act of this.#later.splice(0)) act();
  }

  /** A number of a study that the peer has not used. */
  nextStudyNumber(): number {
    this.#studyNumber += 1;
    return this.#studyNumber;
  }

  /** A small file of the peer, of a study and a patient of its own where nothing else is said. */
  file(options: Partial<VictimFile> & { bytes?: number } = {}): OwnFile {
    const { random } = this;
    const names = {
      studyUid: options.studyUid ?? uidFrom(random),
      seriesUid: options.seriesUid ?? uidFrom(random),
      sopInstanceUid: options.sopInstanceUid ?? uidFrom(random),
    };
    const bytes = smallInstance({
      ...names,
      patientId: options.patientId ?? 'HOSTILE',
      patientName: `SYNTHETIC^${options.patientId ?? 'HOSTILE'}`,
      approximateBytes: options.bytes ?? 900,
      random,
    });
    return { ...names, bytes };
  }

  /** Sends whole files and a list of them. */
  sendStudy(files: readonly OwnFile[], list: StudyList, speaker = this.self): void {
    for (const { bytes } of files) this.sendObject(bytes, objectType.instance, speaker);
    this.sendList(
      files.map((file) => this.entryOf(file, speaker)),
      list,
      speaker,
    );
  }

  sendList(entries: readonly ManifestEntry[], list: StudyList, speaker = this.self): void {
    this.sendObject(this.manifest(entries, list, speaker), objectType.manifest, speaker);
  }

  manifest(entries: readonly ManifestEntry[], list: StudyList, speaker = this.self): Uint8Array {
    return encodeManifest({
      senderId: speaker.senderId,
      studyNumber: list.studyNumber ?? this.nextStudyNumber(),
      revision: list.revision ?? 1,
      closedBecause: closeReason.quiet,
      priority: list.stat === true ? priority.stat : priority.routine,
      closedAtMs: this.#options.wallMs(),
      studyUid: list.studyUid,
      entries,
    });
  }

  entryOf(
    { bytes, sopInstanceUid, seriesUid }: Pick<OwnFile, 'bytes' | 'sopInstanceUid' | 'seriesUid'>,
    speaker = this.self,
  ): ManifestEntry {
    const objectId = this.#objectId(bytes, objectType.instance, speaker).toString('hex');
    return { sopInstanceUid, seriesUid, objectId, bytes: bytes.length, sha256: sha256Of(bytes) };
  }

  /** An entry of an object that never comes. */
  entryOfNothing(objectId = hexOf(this.random.bytes(16))): ManifestEntry {
    return {
      sopInstanceUid: uidFrom(this.random),
      seriesUid: '2.25.9',
      objectId,
      bytes: 1 + this.random.integer(1_000_000),
      sha256: hexOf(this.random.bytes(32)),
    };
  }

  sendBeacon(beacon: Partial<Beacon> = {}, speaker = this.self): void {
    const { parameters } = this;
    const document = encodeBeacon({
      senderId: speaker.senderId,
      sessionCounter: speaker.counter,
      sessionRandom: speaker.random,
      beaconNumber: 1 + this.#sequence,
      fingerprint: fingerprintOf(parameters),
      parameters,
      clockMs: this.#options.wallMs(),
      upMs: 1000,
      highestStudyNumber: this.#studyNumber,
      lowestRetainedStudyNumber: 1,
      queuedObjects: 0,
      queuedBytes: 0,
      oldestQueuedMs: 0,
      spoolBytes: 0,
      spoolFreeBytes: 2 ** 40,
      rejected: [],
      alarms: [],
      ...beacon,
    });
    this.sendObject(document, objectType.beacon, speaker);
  }

  sendRoll(entries: readonly RollEntry[], speaker = this.self): void {
    this.#rollNumber += 1;
    const head = {
      senderId: speaker.senderId,
      sessionCounter: speaker.counter,
      sessionRandom: speaker.random,
      rollNumber: this.#rollNumber,
      page: 0,
      pages: 1,
    };
    this.sendObject(encodeRollPage({ ...head, entries }), objectType.roll, speaker);
  }

  rollEntry(entry: Partial<RollEntry> = {}): RollEntry {
    return {
      studyNumber: this.nextStudyNumber(),
      revision: 1,
      instances: 1,
      state: rollState.retained,
      manifestId: hexOf(this.random.bytes(16)),
      studyUid: uidFrom(this.random),
      ...entry,
    };
  }

  sendObject(bytes: Uint8Array, type: ObjectType, speaker = this.self): void {
    this.send(this.datagramsOf(bytes, type, speaker));
  }

  /** All source symbols of an object, sealed and tagged as they should be. */
  datagramsOf(bytes: Uint8Array, type: ObjectType, speaker = this.self): Uint8Array[] {
    const { maximumSourceSymbols, layout } = this.#cut(bytes.length);
    const objectId = this.#objectId(bytes, type, speaker);
    const seal = this.#seal(objectId, type, layout, speaker);
    const datagrams: Uint8Array[] = [];
    for (let blockNumber = 0; blockNumber < layout.blockCount; blockNumber += 1) {
      const offset = layout.payloadOffset(blockNumber);
      const payload = bytes.subarray(offset, offset + layout.payloadBytes(blockNumber));
      for (const [encodingSymbolId, symbol] of this.#symbolsOf(
        seal,
        layout,
        blockNumber,
        payload,
      ).entries()) {
        const claim = { type, objectBytes: bytes.length, objectId: objectId.toString('hex'), speaker };
        datagrams.push(
          this.datagram({ ...claim, maximumSourceSymbols, blockNumber, encodingSymbolId }, symbol),
        );
      }
    }
    return datagrams;
  }

  /** The first blocks of a large object of random bytes, one symbol each: never all of it. */
  beginningOf(objectBytes: number, blocks: number): Uint8Array[] {
    const { random, self } = this;
    const objectId = Buffer.from(random.bytes(16));
    const layout = new ObjectLayout(objectBytes, this.#symbolBytes, 1);
    const type = objectType.instance;
    const seal = this.#seal(objectId, type, layout, self);
    const claim = { type, objectBytes, objectId: objectId.toString('hex'), maximumSourceSymbols: 1 };
    return Array.from({ length: blocks }, (_, blockNumber) => {
      const payload = random.bytes(layout.payloadBytes(blockNumber));
      const [symbol = new Uint8Array(0)] = this.#symbolsOf(seal, layout, blockNumber, payload);
      return this.datagram({ ...claim, blockNumber }, symbol);
    });
  }

  /** One datagram that claims to be of some object; its tag is right. */
  datagram(claim: Claim, symbol = this.random.bytes(this.#symbolBytes)): Uint8Array {
    const { datagramBytes, protection, sourceSymbols } = this.parameters;
    const speaker = claim.speaker ?? this.self;
    const datagram = new Uint8Array(datagramBytes);
    writeObjectHeader(datagram, {
      type: claim.type,
      datagramBytes,
      keyId: claim.keyId ?? this.keyId,
      protection,
      maximumSourceSymbols: claim.maximumSourceSymbols ?? sourceSymbols,
      senderId: Buffer.from(speaker.senderId, 'hex'),
      sessionCounter: speaker.counter,
      sessionRandom: speaker.random,
      objectId: claim.objectId === undefined ? this.random.bytes(16) : Buffer.from(claim.objectId, 'hex'),
      objectBytes: claim.objectBytes,
    });
    writeSymbolHeader(datagram, claim.blockNumber ?? 0, claim.encodingSymbolId ?? 0, 0);
    this.#sequence += 1;
    writeSequence(datagram, this.#sequence);
    datagram.set(symbol, headerBytes);
    this.#tag.write(datagram);
    return datagram;
  }

  /** A datagram with its tag written anew, under the peer's key. */
  tagged(datagram: Uint8Array): Uint8Array {
    this.#tag.write(datagram);
    return datagram;
  }

  #cut(objectBytes: number) {
    const maximumSourceSymbols = this.parameters.sourceSymbols;
    return {
      maximumSourceSymbols,
      layout: new ObjectLayout(objectBytes, this.#symbolBytes, maximumSourceSymbols),
    };
  }

  #objectId(bytes: Uint8Array, type: ObjectType, speaker: Speaker): Buffer {
    const key = deriveObjectIdKey(this.#options.secret, Buffer.from(speaker.senderId, 'hex'));
    const identity = {
      type,
      sha256: createHash('sha256').update(bytes).digest(),
      objectBytes: bytes.length,
      symbolBytes: this.#symbolBytes,
      maximumSourceSymbols: this.parameters.sourceSymbols,
    };
    return Buffer.from(deriveObjectId(key, identity));
  }

  #seal(objectId: Uint8Array, type: ObjectType, layout: ObjectLayout, speaker: Speaker): ObjectSeal {
    const { secret, parameters } = this.#options;
    const senderId = Buffer.from(speaker.senderId, 'hex');
    return new ObjectSeal({ secret, senderId, objectId, type, protection: parameters.protection, layout });
  }

  #symbolsOf(seal: ObjectSeal, layout: ObjectLayout, blockNumber: number, payload: Uint8Array): Uint8Array[] {
    const block = Buffer.alloc(layout.sourceSymbols(blockNumber) * this.#symbolBytes);
    let offset = 0;
    for (const piece of seal.seal(blockNumber, payload)) {
      block.set(piece, offset);
      offset += piece.length;
    }
    return Array.from({ length: layout.sourceSymbols(blockNumber) }, (_, index) =>
      block.subarray(index * this.#symbolBytes, (index + 1) * this.#symbolBytes),
    );
  }
}

function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
