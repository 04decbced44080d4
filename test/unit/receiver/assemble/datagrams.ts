/** The datagrams of objects, as a sender makes them, for tests of the high side. */
import { createHash } from 'node:crypto';
import { Transmission } from '../../../../sender/encode/transmission.ts';
import { objectPlanner, type SenderIdentity } from '../../../../sender/identity.ts';
import { deriveTagKey } from '../../../../shared/crypto/keys.ts';
import { DatagramTag } from '../../../../shared/crypto/siphash.ts';
import { createErasureCode } from '../../../../shared/fec/engine.ts';
import { type ObjectType, objectType, protection } from '../../../../shared/wire/datagram.ts';

export const secret = new Uint8Array(32).fill(3);
export const identity: SenderIdentity = {
  senderId: new Uint8Array(8).fill(7),
  keyId: 1,
  secret,
  parameters: { datagramBytes: 512, sourceSymbols: 8, repairSymbols: 4, protection: protection.sealed },
};
export const senderId = '07'.repeat(8);
const datagramsMax = 100_000;
const code = createErasureCode();

export interface SentObject {
  readonly objectId: string;
  readonly datagrams: readonly Uint8Array[];
}

/** One pass of one object. */
export function datagramsOf(
  bytes: Uint8Array,
  options: {
    pass?: number;
    type?: ObjectType;
    from?: SenderIdentity;
    session?: number;
    /** What is sent in place of what the object id stands for. */
    spoiled?: Uint8Array;
  } = {},
): SentObject {
  const { pass = 0, type = objectType.instance, from = identity, session = 1, spoiled = bytes } = options;
  const { parameters } = from;
  const sha256 = createHash('sha256').update(bytes).digest();
  const plan = objectPlanner(from)(type, sha256, bytes.length);
  const transmission = transmissionOf(from, session);
  const read = (offset: number, length: number) => spoiled.subarray(offset, offset + length);
  const objectId = Buffer.from(plan.objectId, 'hex');
  const { maximumSourceSymbols } = plan;
  transmission.add(
    { objectId, type, objectBytes: bytes.length, maximumSourceSymbols, pass, read },
    'routine',
  );
  const datagrams: Uint8Array[] = [];
  const datagram = new Uint8Array(parameters.datagramBytes);
  while (datagrams.length < datagramsMax && transmission.next(datagram)) datagrams.push(datagram.slice());
  return { objectId: plan.objectId, datagrams };
}

/** The first datagrams of an object of zeros that is as large as it says, and that its id does not stand for. */
export function beginningOf(
  objectId: Uint8Array,
  objectBytes: number,
  from: SenderIdentity,
  count: number,
): Uint8Array[] {
  const transmission = transmissionOf(from, 1);
  const read = (_offset: number, length: number) => new Uint8Array(length);
  const { sourceSymbols: maximumSourceSymbols } = from.parameters;
  transmission.add(
    { objectId, type: objectType.instance, objectBytes, maximumSourceSymbols, pass: 0, read },
    'routine',
  );
  return Array.from({ length: count }, () => {
    const datagram = new Uint8Array(from.parameters.datagramBytes);
    transmission.next(datagram);
    return datagram;
  });
}

function transmissionOf(from: SenderIdentity, session: number): Transmission {
  return new Transmission({
    identity: from,
    session: { counter: session, random: 5 },
    code,
    tag: new DatagramTag(deriveTagKey(from.secret)),
    openBlocks: 4,
    allocate: (byteLength) => new Uint8Array(byteLength),
  });
}
