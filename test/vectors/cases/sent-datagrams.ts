/** The datagrams of one pass, made by the sender itself. */
import { createHash } from 'node:crypto';
import { Transmission } from '../../../sender/encode/transmission.ts';
import { objectPlanner, type SenderIdentity, type Session } from '../../../sender/identity.ts';
import { deriveTagKey } from '../../../shared/crypto/keys.ts';
import { DatagramTag } from '../../../shared/crypto/siphash.ts';
import { createErasureCode } from '../../../shared/fec/engine.ts';
import { type ObjectType, objectType } from '../../../shared/wire/datagram.ts';
import { identity, session as usualSession } from './parties.ts';

export interface Pass {
  readonly pass?: number;
  readonly type?: ObjectType;
  readonly from?: SenderIdentity;
  readonly session?: Session;
  /** What is sent in place of what the object id stands for. */
  readonly instead?: Uint8Array;
}

const datagramsMax = 10_000;

export function sentDatagrams(bytes: Uint8Array, options: Pass = {}): Uint8Array[] {
  const { pass = 0, type = objectType.instance, from = identity, instead = bytes } = options;
  const { session = usualSession } = options;
  const plan = objectPlanner(from)(type, createHash('sha256').update(bytes).digest(), bytes.length);
  const transmission = new Transmission({
    identity: from,
    session,
    code: createErasureCode('reference'),
    tag: new DatagramTag(deriveTagKey(from.secret)),
    openBlocks: 1,
    allocate: (byteLength) => new Uint8Array(byteLength),
  });
  const object = {
    objectId: Buffer.from(plan.objectId, 'hex'),
    type,
    objectBytes: bytes.length,
    maximumSourceSymbols: plan.maximumSourceSymbols,
    pass,
    read: (offset: number, length: number) => instead.subarray(offset, offset + length),
  };
  transmission.add(object, 'routine');
  const datagrams: Uint8Array[] = [];
  const datagram = new Uint8Array(from.parameters.datagramBytes);
  while (datagrams.length < datagramsMax && transmission.next(datagram)) datagrams.push(datagram.slice());
  return datagrams;
}
