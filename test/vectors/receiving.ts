/** The receiver that the datagrams of the vectors come to: admission, then the assembler. */

import { type AssembledObject, Assembler } from '../../receiver/assemble/assembler.ts';
import { Admission } from '../../receiver/link/admission.ts';
import { createErasureCode } from '../../shared/fec/engine.ts';
import type { Protection } from '../../shared/wire/datagram.ts';
import { identity, keyId, secret } from './cases/parties.ts';

const code = createErasureCode('reference');
const smallObjectBytes = 100_000;

export interface Received {
  readonly objects: readonly { object: AssembledObject; bytes: Uint8Array }[];
  /** Codes of what was refused, in the order of the counters. */
  readonly refused: readonly string[];
}

export function receive(datagrams: readonly Uint8Array[], protection: Protection): Received {
  const secrets = new Map([[keyId, secret]]);
  const { datagramBytes } = identity.parameters;
  const admission = new Admission(datagramBytes, secrets);
  const written = new Map<string, Uint8Array>();
  const objects: { object: AssembledObject; bytes: Uint8Array }[] = [];
  const assembler = new Assembler({
    datagramBytes,
    protection,
    secrets,
    code,
    memoryBytes: 1e6,
    openObjectsMax: 16,
    sinkFor: ({ objectId, objectBytes }) => {
      // The largest object of the vectors is 64 GiB, and never comes.
      const bytes = new Uint8Array(Math.min(objectBytes, smallObjectBytes));
      written.set(objectId, bytes);
      return {
        write: (part, offset) => bytes.set(part, offset),
        read: (target, offset) => target.set(bytes.subarray(offset, offset + target.length)),
        discard: () => {},
        checkpoint: () => {},
      };
    },
    spill: { store: () => false, take: () => undefined, drop: () => {} },
    onObject: (object) =>
      objects.push({
        object,
        bytes: object.document ?? written.get(object.objectId) ?? new Uint8Array(0),
      }),
    onProblem: (error) => {
      throw error;
    },
  });
  for (const datagram of datagrams) if (admission.admit(datagram)) assembler.receive(datagram, 0);
  while (assembler.work());
  const admissionRefused = Object.entries(admission.refused).filter(([, count]) => count > 0);
  return {
    objects,
    refused: [...admissionRefused.map(([refusedCode]) => refusedCode), ...assembler.counters.refused.keys()],
  };
}
