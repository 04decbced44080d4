/**
 * What must be configured the same on both sides, and its fingerprint in the beacon.
 * The beacon also carries the values, so that an alarm about a mismatch can name both.
 */
import { createHash } from 'node:crypto';
import { DocumentWriter } from './binary.ts';
import { type Protection, protection, wireVersion } from './datagram.ts';

export interface LinkParameters {
  readonly datagramBytes: number;
  /** k */
  readonly sourceSymbols: number;
  /** m, at a full block */
  readonly repairSymbols: number;
  readonly protection: Protection;
}

/** First 8 bytes of a SHA-256 over the parameters and the wire version, as hexadecimal. */
export function fingerprintOf(parameters: LinkParameters): string {
  const document = new DocumentWriter()
    .uint8(wireVersion)
    .uint16(parameters.datagramBytes)
    .uint8(parameters.sourceSymbols)
    .uint8(parameters.repairSymbols)
    .uint8(parameters.protection);
  return createHash('sha256').update(document.finish()).digest('hex').slice(0, 16);
}

/** The parameters that differ, each with both values, as a sentence an operator can act on. */
export function describeMismatch(sender: LinkParameters, receiver: LinkParameters): string[] {
  const rows: [string, string | number, string | number][] = [
    ['link.datagramBytes', sender.datagramBytes, receiver.datagramBytes],
    ['code.sourceSymbols', sender.sourceSymbols, receiver.sourceSymbols],
    ['code.repairSymbols', sender.repairSymbols, receiver.repairSymbols],
    ['link.protection', protectionName(sender.protection), protectionName(receiver.protection)],
  ];
  return rows
    .filter(([, low, high]) => low !== high)
    .map(([name, low, high]) => `${name}: sender ${low}, receiver ${high}`);
}

export function protectionName(mode: Protection): keyof typeof protection {
  return mode === protection.sealed ? 'sealed' : 'authenticated';
}
