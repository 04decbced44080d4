/**
 * Sessions: one run of the sender's process each, with a counter one above that of the run before. No clock is involved:
 * one wrong clock would spoil the order for good. Where the ledger is an old copy, of a restored disk image, the
 * counter comes again, and the receiver sees that by the random part.
 */
import type { Session } from '../identity.ts';
import type { SenderLedger } from './ledger.ts';

const counterMax = 0xffff_ffff;

/** A session, and the sender id it is of. */
export interface BegunSession extends Session {
  /** 8 bytes as hexadecimal */
  readonly senderId: string;
  /** The sender id before this session, where its counter could not grow. */
  readonly renewedFrom: string | undefined;
}

/**
 * Begins a session. If the counter can't grow, this is another sender from now on: under a new id, what is kept has
 * to be planned anew.
 * @param randomBytes gives that many random bytes
 */
export function beginSession(ledger: SenderLedger, randomBytes: (count: number) => Uint8Array): BegunSession {
  const newId = () => Buffer.from(randomBytes(8)).toString('hex');
  const random = Buffer.from(randomBytes(4)).readUInt32BE();
  return ledger.transaction(() => {
    const known = ledger.facts.get('senderId');
    const before = Number(ledger.facts.get('sessionCounter') ?? '0');
    const isWornOut = !(before >= 0 && before < counterMax);
    const counter = isWornOut ? 1 : before + 1;
    const senderId = known === undefined || isWornOut ? newId() : known;
    ledger.facts.set('sessionCounter', String(counter));
    if (senderId !== known) ledger.facts.set('senderId', senderId);
    const renewedFrom = isWornOut ? known : undefined;
    if (renewedFrom !== undefined) ledger.plans.makeAllStale();
    return { counter, random, senderId, renewedFrom };
  });
}
