/** Both ends of the wire for properties: the sender's transmission, the receiver's admission and assembler. */
import { createHash } from 'node:crypto';
import { type AssembledObject, Assembler } from '../../receiver/assemble/assembler.ts';
import { Admission } from '../../receiver/link/admission.ts';
import { Transmission } from '../../sender/encode/transmission.ts';
import { objectPlanner, type SenderIdentity } from '../../sender/identity.ts';
import { deriveTagKey } from '../../shared/crypto/keys.ts';
import { DatagramTag } from '../../shared/crypto/siphash.ts';
import { createErasureCode } from '../../shared/fec/engine.ts';
import { at, type ObjectType, objectType, readUint32 } from '../../shared/wire/datagram.ts';
import type { LinkParameters } from '../../shared/wire/link-parameters.ts';

export const secret = Uint8Array.from({ length: 32 }, (_, index) => 255 - index);
export const tag = new DatagramTag(deriveTagKey(secret));

/** All engines give the same bytes, so either may be at either end. */
export const engines = {
  reference: createErasureCode('reference'),
  fastest: createErasureCode('auto'),
} as const;
export type Engine = keyof typeof engines;

const keyId = 9;
const datagramsMax = 10_000;

export function identityOf(parameters: LinkParameters): SenderIdentity {
  return { secret, keyId, senderId: new Uint8Array(8).fill(5), parameters };
}

/** The datagrams of one pass of one object, in the order they leave. */
export function send(
  bytes: Uint8Array,
  options: {
    parameters: LinkParameters;
    engine: Engine;
    pass: number;
    openBlocks: number;
    type?: ObjectType;
  },
): Uint8Array[] {
  const { parameters, engine, pass, openBlocks, type = objectType.instance } = options;
  const identity = identityOf(parameters);
  const plan = objectPlanner(identity)(type, createHash('sha256').update(bytes).digest(), bytes.length);
  const transmission = new Transmission({
    identity,
    // Every pass in a session of its own: sessions mean nothing to what arrives.
    session: { counter: 100 + pass, random: pass },
    code: engines[engine],
    tag,
    openBlocks,
    allocate: (byteLength) => new Uint8Array(byteLength),
  });
  transmission.add(
    {
      objectId: Buffer.from(plan.objectId, 'hex'),
      type,
      objectBytes: bytes.length,
      maximumSourceSymbols: plan.maximumSourceSymbols,
      pass,
      read: (offset, length) => bytes.subarray(offset, offset + length),
    },
    'routine',
  );
  const datagrams: Uint8Array[] = [];
  const datagram = new Uint8Array(parameters.datagramBytes);
  while (datagrams.length < datagramsMax && transmission.next(datagram)) datagrams.push(datagram.slice());
  return datagrams;
}

export interface Outcome {
  readonly objects: readonly AssembledObject[];
  /** What was written for each object id, as [offset, bytes]. */
  readonly written: ReadonlyMap<string, Uint8Array>;
  readonly refused: Readonly<Record<string, number>>;
  readonly openObjects: number;
  /** The most that open blocks used after any datagram. */
  readonly usedBytesMost: number;
}

export const memoryBytes = 200_000;
export const openObjectsMax = 8;
const sinkBytesMax = 1_000_000;

export function receive(
  datagrams: readonly Uint8Array[],
  options: { parameters: LinkParameters; engine: Engine; memoryBytes?: number },
): Outcome {
  const secrets = new Map([[keyId, secret]]);
  const { datagramBytes, protection } = options.parameters;
  const admission = new Admission(datagramBytes, secrets);
  const written = new Map<string, Uint8Array>();
  const objects: AssembledObject[] = [];
  const assembler = new Assembler({
    datagramBytes,
    protection,
    secrets,
    code: engines[options.engine],
    memoryBytes: options.memoryBytes ?? 32e6,
    openObjectsMax,
    sinkFor: ({ objectId, objectBytes }) => {
      if (objectBytes > sinkBytesMax) return undefined;
      const bytes = new Uint8Array(objectBytes);
      written.set(objectId, bytes);
      return {
        write: (part, offset) => bytes.set(part, offset),
        read: (target, offset) => target.set(bytes.subarray(offset, offset + target.length)),
        discard: () => {},
        checkpoint: () => {},
      };
    },
    spill: { store: () => false, take: () => undefined, drop: () => {} },
    onObject: (object) => objects.push(object),
    onProblem: (error) => {
      throw error;
    },
  });
  let usedBytesMost = 0;
  for (const datagram of datagrams) {
    if (admission.admit(datagram)) assembler.receive(datagram, 0);
    usedBytesMost = Math.max(usedBytesMost, assembler.usedBytes);
  }
  while (assembler.work());
  return {
    objects,
    written,
    refused: { ...admission.refused, ...Object.fromEntries(assembler.counters.refused) },
    openObjects: assembler.openObjects,
    usedBytesMost,
  };
}

/** Block and ESI of a datagram. */
export function placeOf(datagram: Uint8Array): { block: number; esi: number } {
  return { block: readUint32(datagram, at.blockNumber), esi: datagram[at.encodingSymbolId] ?? 0 };
}
