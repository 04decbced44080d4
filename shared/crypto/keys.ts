/**
 * All keys come from one pre-shared secret by HKDF-SHA-256 (RFC 5869), each with a label of its own.
 * Keys that touch content also differ per sender, so two senders with one secret never share one.
 */
import { createHmac } from 'node:crypto';
import { assert } from '../assert.ts';
import { senderIdBytes } from '../wire/datagram.ts';

const labels = {
  tag: 'dicom-diode 1 datagram tag',
  objectId: 'dicom-diode 1 object id',
  seal: 'dicom-diode 1 seal',
  authenticate: 'dicom-diode 1 authenticate',
  ticket: 'dicom-diode 1 ticket',
} as const;

/** Without a salt, RFC 5869 uses as many zeros as the hash is long. */
const noSalt = new Uint8Array(32);
const firstBlock = Uint8Array.of(1);

/** Key for the tags of datagrams: 16 bytes (SipHash). The same for all senders with a secret, since tags are checked first. */
export function deriveTagKey(secret: Uint8Array): Uint8Array {
  return derive(secret, [Buffer.from(labels.tag)], 16);
}

/** Key of object ids: 32 bytes. */
export function deriveObjectIdKey(secret: Uint8Array, senderId: Uint8Array): Uint8Array {
  assert(senderId.length === senderIdBytes, 'sender id length');
  return derive(secret, [Buffer.from(labels.objectId), senderId], 32);
}

/**
 * Key of one object's source blocks: 32 bytes (AES-256). The object id stands for the content, so a key is
 * never used for two contents, and the block number is a safe nonce.
 */
export function deriveObjectKey(
  secret: Uint8Array,
  use: 'seal' | 'authenticate',
  senderId: Uint8Array,
  objectId: Uint8Array,
): Uint8Array {
  assert(senderId.length === senderIdBytes, 'sender id length');
  return derive(secret, [Buffer.from(labels[use]), senderId, objectId], 32);
}

/** Key of a sender's tickets: 32 bytes (HMAC-SHA-256). */
export function deriveTicketKey(secret: Uint8Array, senderId: Uint8Array): Uint8Array {
  assert(senderId.length === senderIdBytes, 'sender id length');
  return derive(secret, [Buffer.from(labels.ticket), senderId], 32);
}

/** Extract, and the one expand block that keys of up to 32 bytes need: half the time of Node's own, for one key per object. */
function derive(secret: Uint8Array, info: readonly Uint8Array[], length: number): Uint8Array {
  assert(secret.length === 32, 'a secret has 32 bytes');
  assert(length <= 32, 'one block of the expansion');
  const pseudorandomKey = createHmac('sha256', noSalt).update(secret).digest();
  const expansion = createHmac('sha256', pseudorandomKey);
  for (const part of info) expansion.update(part);
  return new Uint8Array(expansion.update(firstBlock).digest().subarray(0, length));
}
