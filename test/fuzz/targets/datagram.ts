/**
 * Datagrams, from whoever: most are changed and so have a wrong tag, as somebody without the key would send them; the
 * rest get a right tag again, as a sender that has gone bad would. One receiver takes them all, as in life, so what one
 * leaves behind meets the next.
 */

import { Assembler } from '../../../receiver/assemble/assembler.ts';
import { Admission } from '../../../receiver/link/admission.ts';
import { assert } from '../../../shared/assert.ts';
import { deriveTagKey } from '../../../shared/crypto/keys.ts';
import { DatagramTag } from '../../../shared/crypto/siphash.ts';
import { createErasureCode } from '../../../shared/fec/engine.ts';
import { at, objectType, tagBytes, wireVersion } from '../../../shared/wire/datagram.ts';
import { limits } from '../../../shared/wire/limits.ts';
import { Random } from '../../harness/random.ts';
import { datagramsOf, identity, secret } from '../../unit/receiver/assemble/datagrams.ts';
import type { FuzzTarget } from '../fuzz-target.ts';
import { changeFields, mutate } from '../mutate.ts';

const { datagramBytes, protection } = identity.parameters;
const memoryBytes = 256 * 1024;
const openObjectsMax = 64;
const fields = [
  [at.version, 1],
  [at.type, 1],
  [at.datagramBytes, 2],
  [at.keyId, 2],
  [at.protection, 1],
  [at.maximumSourceSymbols, 1],
  [at.senderId, 8],
  [at.sessionCounter, 4],
  [at.sequence, 8],
  [at.objectId, 16],
  [at.objectBytes, 8],
  [at.blockNumber, 4],
  [at.encodingSymbolId, 1],
  [at.reserved, 6],
] as const;

const secrets = new Map([[identity.keyId, secret]]);
const tag = new DatagramTag(deriveTagKey(secret));
const seeds = soundDatagrams();
const admission = new Admission(datagramBytes, secrets);
const assembler = newAssembler();
let delivered = 0;

function soundDatagrams(): readonly Uint8Array[] {
  const random = new Random(77, '/fuzz/datagram/seeds');
  const objects = [300, 3000, 20_000].flatMap((bytes) => datagramsOf(random.bytes(bytes)).datagrams);
  const documents = [objectType.manifest, objectType.beacon, objectType.roll].flatMap(
    (type) => datagramsOf(random.bytes(900), { type }).datagrams,
  );
  return [...objects, ...documents];
}

function newAssembler(): Assembler {
  return new Assembler({
    datagramBytes,
    protection,
    secrets,
    code: createErasureCode(),
    memoryBytes,
    openObjectsMax,
    sinkFor: () => ({
      write: () => {},
      read: (target) => target.fill(0),
      discard: () => {},
      checkpoint: () => {},
    }),
    spill: { store: () => false, take: () => undefined, drop: () => {} },
    onObject: (object) => {
      delivered += 1;
      // What is delivered is what its id says, so it is one of ours and taken again later.
      assembler.unfinish(object.objectId);
    },
    onProblem: () => {},
  });
}

function changed(random: Random): Uint8Array {
  const sound = random.pick(seeds);
  if (random.chance(0.4)) return mutate(sound, random, random.pick(seeds));
  const bytes = sound.slice();
  changeFields(bytes, fields, random);
  if (random.chance(0.7)) bytes[at.version] = wireVersion;
  return bytes;
}

export const datagramTarget: FuzzTarget = {
  name: 'datagram',
  input: (random) => {
    const kind = random.integer(10);
    if (kind === 0) return random.pick(seeds);
    const bytes = changed(random);
    if (kind < 6 && bytes.length > tagBytes && bytes.length <= limits.datagramBytesMax) tag.write(bytes);
    return bytes;
  },
  run: (input) => {
    const before = { delivered, refused: refusals() };
    if (!admission.admit(input)) return 'not admitted';
    assembler.receive(input, admission.admitted);
    while (assembler.work());
    assert(assembler.usedBytes <= memoryBytes + 64 * 1024, 'memory of open blocks is bounded');
    assert(assembler.openObjects <= openObjectsMax, 'open objects are bounded');
    if (delivered > before.delivered) return 'object delivered';
    return refusals() > before.refused ? 'refused behind the tag' : 'kept or known';
  },
};

function refusals(): number {
  let sum = 0;
  for (const count of assembler.counters.refused.values()) sum += count;
  return sum;
}
