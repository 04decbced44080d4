/**
 * What a DICOM peer sends: the reader of PDUs with everything it hands on, and whole broken conversations with the
 * storage SCP.
 */
import { readCommand } from '../../../shared/dicom/dimse/command.ts';
import {
  readAssociateAccept,
  readAssociateRequest,
} from '../../../shared/dicom/upper-layer/associate-pdu.ts';
import { PduReader, pduTypes } from '../../../shared/dicom/upper-layer/pdu-reader.ts';
import { DiodeError } from '../../../shared/errors.ts';
import {
  abort,
  associateAccept,
  associateRequest,
  control,
  dataPdu,
  echoRequest,
  releaseRequest,
  releaseResponse,
  storeRequest,
} from '../../harness/association-bytes.ts';
import { malformedStream, playStream } from '../../harness/malformed-streams.ts';
import { Random } from '../../harness/random.ts';
import type { FuzzTarget } from '../fuzz-target.ts';
import { mutate } from '../mutate.ts';

const wholePdus = [
  () => associateRequest(),
  () => associateAccept([]),
  () => releaseRequest,
  () => releaseResponse,
  () => abort,
  () => dataPdu(1, control.lastCommand, storeRequest()),
  () => dataPdu(3, control.lastCommand, echoRequest()),
  (random: Random) => dataPdu(1, control.data, random.bytes(random.integer(3000))),
  (random: Random) => dataPdu(1, control.lastData, random.bytes(random.integer(300))),
];
/** A command set is a few hundred bytes; what collects it bounds it likewise. */
const commandBytesMax = 65_536;

function conversation(random: Random): Uint8Array {
  const pdus = Array.from({ length: 1 + random.integer(5) }, () => random.pick(wholePdus)(random));
  return Buffer.concat(pdus.map((pdu) => (random.chance(0.5) ? mutate(pdu, random) : pdu)));
}

/** Reads a stream in pieces, and what is in it as its receiver would. */
function readStream(stream: Uint8Array, random: Random): string {
  const reader = new PduReader();
  let command = Buffer.alloc(0);
  let pdus = 0;
  for (let start = 0; start < stream.length; ) {
    const end = Math.min(stream.length, start + random.between(1, random.chance(0.3) ? 8 : 65_536));
    reader.feed(stream.subarray(start, end));
    start = end;
    for (let read = reader.next(); read !== undefined; read = reader.next()) {
      if (read.type !== pduTypes.data) {
        pdus += 1;
        if (read.type === pduTypes.associateRequest) tried(() => readAssociateRequest(read.body));
        if (read.type === pduTypes.associateAccept) tried(() => readAssociateAccept(read.body));
      } else if (read.isCommand && command.length < commandBytesMax) {
        command = Buffer.concat([command, read.bytes]);
        if (!read.isLast) continue;
        tried(() => readCommand(command));
        command = Buffer.alloc(0);
      }
    }
  }
  return `${Math.min(pdus, 3)} PDUs besides data`;
}

/** One that can't be read ends a conversation in life; here the rest is looked at as well. */
function tried(read: () => unknown): void {
  try {
    read();
  } catch (error) {
    if (!(error instanceof DiodeError)) throw error;
  }
}

export const pduTarget: FuzzTarget = {
  name: 'pdu',
  input: (random) => {
    const stream = conversation(random);
    return random.chance(0.5) ? mutate(stream, random) : stream;
  },
  run: readStream,
  sized: (bytes) => {
    const one = dataPdu(1, control.data, new Random(1).bytes(1000));
    return Buffer.concat(new Array<Buffer>(Math.ceil(bytes / one.length)).fill(one));
  },
};

/** The conversation is made again from the same stream, so the input is only what is counted. */
export const associationTarget: FuzzTarget = {
  name: 'association',
  input: (random) => Buffer.concat(malformedStream(random.fork('stream'))),
  run: async (_input, random) => await playStream(malformedStream(random.fork('stream'))),
};
