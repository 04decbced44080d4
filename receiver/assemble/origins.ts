/**
 * Where datagrams come from: a key and a sender id, with what is derived from both, and how many of them the link lost. It
 * is a cache: it refuses nobody, and when it is full, the key that has most entries gives way. Nothing is allocated for a
 * datagram from a known origin.
 */
import { deriveObjectIdKey } from '../../shared/crypto/keys.ts';
import { at, readUint32, senderIdBytes } from '../../shared/wire/datagram.ts';
import { limits } from '../../shared/wire/limits.ts';
import { LinkStatistics } from './link-statistics.ts';

/** A sender has two while keys are being changed. */
const originsMax = 2 * limits.sendersMax;

export class Origin {
  readonly keyId: number;
  readonly secret: Uint8Array;
  /** 8 bytes */
  readonly senderId: Uint8Array;
  /** 8 bytes as hexadecimal */
  readonly senderHex: string;
  /** Whether what it sends counts as that sender's: anyone can write a sender id. */
  speaksAsSender = false;
  readonly #high: number;
  readonly #low: number;
  #objectIdKey: Uint8Array | undefined;

  constructor(keyId: number, secret: Uint8Array, senderId: Uint8Array) {
    this.keyId = keyId;
    this.secret = secret;
    this.senderId = senderId;
    this.senderHex = Buffer.from(senderId).toString('hex');
    this.#high = readUint32(senderId, 0);
    this.#low = readUint32(senderId, 4);
  }

  get objectIdKey(): Uint8Array {
    this.#objectIdKey ??= deriveObjectIdKey(this.secret, this.senderId);
    return this.#objectIdKey;
  }

  is(keyId: number, high: number, low: number): boolean {
    return this.#low === low && this.#high === high && this.keyId === keyId;
  }
}

export interface SenderLosses {
  /** 8 bytes as hexadecimal */
  readonly senderId: string;
  readonly lost: number;
}

export class Origins {
  /** The one used last first. */
  readonly #origins: Origin[] = [];
  readonly #statistics = new Map<string, LinkStatistics>();
  readonly #mayCount: (origin: Origin) => boolean;
  #secrets: ReadonlyMap<number, Uint8Array>;
  /** Of senders whose statistics are no longer kept. */
  #lostBefore = 0;
  #last: { readonly origin: Origin; readonly statistics: LinkStatistics | undefined } | undefined;

  /** @param mayCount whether a key speaks for the sender it names, as far as that is known */
  constructor(secrets: ReadonlyMap<number, Uint8Array>, mayCount: (origin: Origin) => boolean) {
    this.#secrets = secrets;
    this.#mayCount = mayCount;
  }

  /** The origin that a header names; undefined if its key is not in the ring. */
  of(bytes: Uint8Array, start: number, keyId: number): Origin | undefined {
    const high = readUint32(bytes, start + at.senderId);
    const low = readUint32(bytes, start + at.senderId + 4);
    if (this.#last?.origin.is(keyId, high, low) === true) return this.#last.origin;
    const place = this.#origins.findIndex((origin) => origin.is(keyId, high, low));
    const found = this.#origins[place];
    if (found !== undefined) {
      this.#origins.splice(place, 1);
      return this.#use(found);
    }
    return this.#add(keyId, bytes.slice(start + at.senderId, start + at.senderId + senderIdBytes));
  }

  /** The same, by name. */
  named(keyId: number, senderId: string): Origin | undefined {
    const header = new Uint8Array(at.senderId + senderIdBytes);
    header.set(Buffer.from(senderId, 'hex'), at.senderId);
    return this.of(header, 0, keyId);
  }

  /** Counts a datagram of the origin that {@link of} returned last. */
  count(sessionCounter: number, sessionRandom: number, sequence: number): void {
    this.#last?.statistics?.count(sessionCounter, sessionRandom, sequence);
  }

  /** It is now known whether its key speaks for the sender. */
  decide(origin: Origin, speaksAsSender: boolean): void {
    if (origin.speaksAsSender === speaksAsSender) return;
    origin.speaksAsSender = speaksAsSender;
    this.#last = undefined;
  }

  /** Another key ring: what is derived from removed keys goes. */
  useSecrets(secrets: ReadonlyMap<number, Uint8Array>): void {
    this.#secrets = secrets;
    for (const origin of [...this.#origins]) {
      const secret = secrets.get(origin.keyId);
      if (secret === undefined || Buffer.compare(secret, origin.secret) !== 0) this.#drop(origin);
    }
  }

  get lost(): number {
    let lost = this.#lostBefore;
    for (const statistics of this.#statistics.values()) lost += statistics.lost;
    return lost;
  }

  /** The same by sender, for those that are known now: what one of them claims hides nothing of another. */
  losses(): SenderLosses[] {
    return [...this.#statistics].map(([senderId, { lost }]) => ({ senderId, lost }));
  }

  #add(keyId: number, senderId: Uint8Array): Origin | undefined {
    const secret = this.#secrets.get(keyId);
    if (secret === undefined) return undefined;
    if (this.#origins.length >= originsMax) this.#dropOne();
    const origin = new Origin(keyId, secret, senderId);
    origin.speaksAsSender = this.#mayCount(origin);
    return this.#use(origin);
  }

  #use(origin: Origin): Origin {
    this.#origins.unshift(origin);
    let statistics: LinkStatistics | undefined;
    if (origin.speaksAsSender) {
      statistics = this.#statistics.get(origin.senderHex) ?? new LinkStatistics();
      this.#statistics.set(origin.senderHex, statistics);
    }
    this.#last = { origin, statistics };
    return origin;
  }

  /** The one unused for longest of the key that has most entries here. */
  #dropOne(): void {
    const byKey = new Map<number, number>();
    for (const { keyId } of this.#origins) byKey.set(keyId, (byKey.get(keyId) ?? 0) + 1);
    const most = Math.max(...byKey.values());
    const oldest = this.#origins.findLast(({ keyId }) => byKey.get(keyId) === most);
    if (oldest !== undefined) this.#drop(oldest);
  }

  #drop(origin: Origin): void {
    this.#origins.splice(this.#origins.indexOf(origin), 1);
    if (this.#last?.origin === origin) this.#last = undefined;
    const { senderHex } = origin;
    // It may still be in use under another key.
    if (this.#origins.some((other) => other.senderHex === senderHex)) return;
    this.#lostBefore += this.#statistics.get(senderHex)?.lost ?? 0;
    this.#statistics.delete(senderHex);
  }
}
