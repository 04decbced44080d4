/**
 * Keyed pseudonyms for the UIDs in logs, for sites whose logs leave the premises. They are derived from the key of the link,
 * so both sides write the same one for the same study, and nobody without the key can try UIDs until one matches.
 */
import { createHmac, hkdfSync } from 'node:crypto';
import type { Pseudonyms } from '../log.ts';

/** A DICOM UID in a text: digits and at least four dots, so that no address or version matches (PS3.5 section 9). */
const uidPattern = /(?<![0-9A-Za-z.])[0-2](?:\.(?:0|[1-9][0-9]*)){4,}(?![0-9A-Za-z])/g;

/** @returns a function that writes a pseudonym for every UID in a text */
export function pseudonymsUnder(secret: Uint8Array): Pseudonyms {
  const key = Buffer.from(hkdfSync('sha256', secret, new Uint8Array(0), 'dicom-diode 1 pseudonym', 32));
  const pseudonym = (uid: string) =>
    `uid-${createHmac('sha256', key).update(uid).digest('hex').slice(0, 16)}`;
  return (text, isUid) => (isUid ? pseudonym(text) : text.replace(uidPattern, pseudonym));
}
