/** Who speaks in the vectors: one secret, one sender, a link with the shortest datagrams. */
import type { SenderIdentity } from '../../../sender/identity.ts';
import { protection } from '../../../shared/wire/datagram.ts';

export const secret = Uint8Array.from({ length: 32 }, (_, index) => index);
export const otherSecret = secret.map((byte) => byte ^ 0xff);
export const senderId = Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8]);
export const keyId = 4660;

export const identity: SenderIdentity = {
  secret,
  senderId,
  keyId,
  parameters: { datagramBytes: 512, sourceSymbols: 8, repairSymbols: 4, protection: protection.sealed },
};

export const session = { counter: 1_800_000_000, random: 0x0badcafe };

/** Content of an object: no two parts of it are alike. */
export function content(length: number, step = 7): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (index * step + (index >>> 8)) & 0xff);
}
