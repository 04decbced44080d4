/** Sessions: one life of the sender's process, each with a counter above that of every life before. */
import type { Clock } from '../../shared/clock.ts';
import type { Session } from '../identity.ts';
import type { SenderLedger } from './ledger.ts';

const counterMax = 0xffff_ffff;

/**
 * Begins a session. The clock helps where the ledger is an old copy, from a restored disk image: its counter
 * alone would come again, and the receiver would take our beacons for a replay.
 * @param randomWord 32 random bits
 */
export function beginSession(ledger: SenderLedger, clock: Clock, randomWord: number): Session {
  const before = Number(ledger.facts.get('sessionCounter') ?? '0');
  const clockSeconds = Math.floor(clock.wallMs() / 1000);
  const counter = Math.min(Math.max(before + 1, clockSeconds), counterMax);
  ledger.facts.set('sessionCounter', String(counter));
  return { counter, random: randomWord };
}
