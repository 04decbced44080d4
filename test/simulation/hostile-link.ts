/**
 * A high side, and a sender that has the key and sends whatever it likes: what its intake would refuse, lists that are
 * not true. So the gate is tested as what it is, the only thing between such a sender and the inbox.
 */
import { createHash } from 'node:crypto';
import type { MalwareScanner } from '../../receiver/clearance/clearance.ts';
import type { ReceiverConfiguration } from '../../receiver/configuration.ts';
import type { GatePolicy } from '../../receiver/gate/inspect.ts';
import type { HeldInstance } from '../../receiver/ledger/holds.ts';
import { objectType, protection } from '../../shared/wire/datagram.ts';
import { closeReason, encodeManifest, type ManifestEntry, priority } from '../../shared/wire/manifest.ts';
import { Random } from '../harness/random.ts';
import { datagramsOf, identity, secret, senderId } from '../unit/receiver/assemble/datagrams.ts';
import { HighSide, inboxFolder } from './high-side.ts';
import { VirtualClock } from './virtual-clock.ts';

export const parameters = {
  datagramBytes: 8972,
  sourceSymbols: 200,
  repairSymbols: 2,
  protection: protection.sealed,
} as const;
const from = { ...identity, parameters };

export interface SentFile {
  readonly bytes: Uint8Array;
  readonly sopInstanceUid: string;
  readonly seriesUid?: string;
}

export class HostileLink {
  readonly time = new VirtualClock();
  readonly high: HighSide;
  #session = 0;

  constructor(gate: Partial<GatePolicy> = {}, scanner?: MalwareScanner) {
    const options = {
      parameters,
      secrets: new Map([[1, secret]]),
      memoryBytes: 64_000_000,
      deadlineMs: 60_000,
      spillBytes: 0,
      scanner,
      settings: gateSettings(gate),
    };
    this.high = new HighSide(options, this.time.host(), new Random(1));
  }

  /** Sends files and a list of them. @returns their object ids */
  sendStudy(files: readonly SentFile[], list: { studyUid?: string; revision?: number } = {}): string[] {
    const entries = files.map((file) => this.entryOf(file));
    for (const { bytes } of files) this.sendObject(bytes);
    this.sendManifest(entries, list);
    return entries.map(({ objectId }) => objectId);
  }

  sendManifest(
    entries: readonly ManifestEntry[],
    { studyUid = '2.25.1', revision = 1, studyNumber = 1 } = {},
  ): void {
    const document = encodeManifest({
      senderId,
      studyNumber,
      revision,
      closedBecause: closeReason.quiet,
      priority: priority.routine,
      closedAtMs: 0,
      studyUid,
      entries,
    });
    this.#send(
      datagramsOf(document, { type: objectType.manifest, from, session: this.#nextSession() }).datagrams,
    );
  }

  /** Sends what a sender tells of itself, in a session of its own. */
  sendTold(
    type: typeof objectType.beacon | typeof objectType.roll,
    encode: (of: { senderId: string; sessionCounter: number; sessionRandom: number }) => Uint8Array,
  ): void {
    const session = this.#nextSession();
    const document = encode({ senderId, sessionCounter: session, sessionRandom: 5 });
    this.#send(datagramsOf(document, { type, from, session }).datagrams);
  }

  /** Time passes. */
  pass(ms: number): void {
    this.time.advance(ms);
    this.high.step();
  }

  sendObject(bytes: Uint8Array): void {
    this.#send(datagramsOf(bytes, { from, session: this.#nextSession() }).datagrams);
  }

  entryOf({ bytes, sopInstanceUid, seriesUid = '2.25.2' }: SentFile): ManifestEntry {
    const { objectId } = datagramsOf(bytes, { from });
    return { sopInstanceUid, seriesUid, objectId, bytes: bytes.length, sha256: sha256Of(bytes) };
  }

  /** Files in the inbox by their names. */
  inbox(): Map<string, Uint8Array> {
    return this.high.disk.contents(inboxFolder);
  }

  held(): HeldInstance[] {
    return this.high.ledger.holds.held(1000);
  }

  standing(): string[] {
    return this.high.alarms
      .standing()
      .map(({ code, subject }) => `${code} ${subject}`)
      .sort();
  }

  #send(datagrams: readonly Uint8Array[]): void {
    for (const datagram of datagrams) this.high.receive(datagram);
    // A group of objects waits a moment for others; alarms are looked at each second.
    for (let step = 0; step < 3; step += 1) {
      this.time.advance(1000);
      this.high.step();
    }
  }

  #nextSession(): number {
    this.#session += 1;
    return this.#session;
  }
}

export function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function gateSettings(gate: Partial<GatePolicy>): Partial<ReceiverConfiguration> {
  const { preamble, encapsulatedDocuments, allowSopClasses, denySopClasses } = gate;
  return {
    ...(preamble !== undefined && { 'gate.preamble': preamble }),
    ...(encapsulatedDocuments !== undefined && { 'gate.encapsulatedDocuments': encapsulatedDocuments }),
    ...(allowSopClasses !== undefined && { 'gate.allowSopClasses': allowSopClasses }),
    ...(denySopClasses !== undefined && { 'gate.denySopClasses': denySopClasses }),
  };
}
