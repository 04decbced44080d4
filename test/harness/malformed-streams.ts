/**
 * Broken conversations with a storage SCP, from a seed: real ones with bytes flipped, lengths forged, PDUs doubled, dropped
 * and swapped, cut off anywhere and split anyhow; and plain noise. And what has to be true for each of them.
 */

import { MessageRoom } from '../../sender/intake/message-room.ts';
import { PerformedProcedureSteps } from '../../sender/intake/performed-procedure-steps.ts';
import { StorageAssociation } from '../../sender/intake/storage-association.ts';
import { systemClock } from '../../shared/clock.ts';
import { AssociationStream } from '../../shared/dicom/upper-layer/association-stream.ts';
import { UpperLayer } from '../../shared/dicom/upper-layer/upper-layer.ts';
import { isUid } from '../../shared/wire/limits.ts';
import {
  abort,
  associateRequest,
  commandElement,
  commandSet,
  control,
  ctImageStorage,
  dataPdu,
  echoRequest,
  explicitLittle,
  pdu,
  releaseRequest,
  storeRequest,
  uidValue,
  uint16,
  verification,
} from './association-bytes.ts';
import { CollectingSink } from './collecting-sink.ts';
import { MemoryConnection } from './memory-connection.ts';
import type { Random } from './random.ts';
import { splitPdus } from './raw-connection.ts';

const stepClass = '1.2.840.10008.3.1.2.3.3';

/** What a scanner says, in order. */
function conversation(random: Random): Buffer[] {
  const stepCommand = commandSet(
    commandElement(0x0002, uidValue(stepClass)),
    commandElement(0x0100, uint16(0x0140)),
    commandElement(0x0110, uint16(3)),
    commandElement(0x0800, uint16(1)),
    commandElement(0x1000, uidValue('1.2.3.100')),
  );
  const stepDataSet = Buffer.from(
    '080016005549060031 2e322e330040005202435302004f4b'.replaceAll(' ', ''),
    'hex',
  );
  return [
    associateRequest({
      contexts: [
        { id: 1, abstractSyntax: ctImageStorage, transferSyntaxes: [explicitLittle, '1.2.840.10008.1.2'] },
        { id: 3, abstractSyntax: verification, transferSyntaxes: ['1.2.840.10008.1.2'] },
        { id: 5, abstractSyntax: stepClass, transferSyntaxes: [explicitLittle] },
      ],
    }),
    dataPdu(3, control.lastCommand, echoRequest()),
    dataPdu(1, control.lastCommand, storeRequest({ messageId: 2 })),
    dataPdu(1, control.data, random.bytes(random.between(0, 400))),
    dataPdu(1, control.lastData, random.bytes(random.between(0, 400))),
    dataPdu(5, control.lastCommand, stepCommand),
    dataPdu(5, control.lastData, stepDataSet),
    releaseRequest,
  ];
}

const forgedLengths = [
  0, 1, 2, 3, 4, 5, 6, 7, 0xff, 0xffff, 262_144, 262_145, 0x7fff_ffff, 0xffff_fffe, 0xffff_ffff,
];

/** What would be a path, an index or a query if it were believed. */
const hostileUids = [
  '../../../../tmp/stolen',
  '..',
  '.',
  '',
  '/etc/passwd',
  '1.2.3/../../x',
  '1.2.3\0/x',
  '1'.repeat(65),
  "1.2.3'; --",
  '%2e%2e%2f1',
];

const mutations: readonly ((pdus: Buffer[], random: Random) => Buffer[])[] = [
  (pdus, random) => {
    const target = pick(pdus, random);
    const flips = random.between(1, 4);
    for (let flip = 0; flip < flips; flip += 1)
      target[random.between(0, target.length - 1)] = random.between(0, 255);
    return pdus;
  },
  (pdus, random) => {
    pick(pdus, random).writeUInt32BE(random.pick(forgedLengths), 2);
    return pdus;
  },
  (pdus, random) => {
    // Lengths of items and of elements: any two or four bytes inside.
    const target = pick(pdus, random);
    const value = random.pick(forgedLengths);
    const at = random.between(6, target.length - 4);
    if (random.chance(0.5)) target.writeUInt16BE(value & 0xffff, at);
    else target.writeUInt32LE(value, at);
    return pdus;
  },
  (pdus, random) => pdus.toSpliced(random.between(0, pdus.length), 0, Buffer.from(pick(pdus, random))),
  (pdus, random) => pdus.toSpliced(random.integer(Math.max(1, pdus.length)), 1),
  (pdus, random) => random.shuffle(pdus),
  (pdus, random) => [...pdus.slice(0, random.between(0, pdus.length)), abort],
  (pdus, random) =>
    pdus.toSpliced(random.between(0, pdus.length), 0, Buffer.from(random.bytes(random.between(1, 300)))),
  (pdus, random) =>
    pdus.toSpliced(
      random.between(0, pdus.length),
      0,
      pdu(random.between(0, 9), random.bytes(random.between(0, 100))),
    ),
  (pdus, random) => {
    const all = Buffer.concat(pdus);
    return [all.subarray(0, random.between(0, all.length))];
  },
  (_, random) => [Buffer.from(random.bytes(random.between(1, 3000)))],
  (pdus, random) => {
    const request = storeRequest({ sopInstanceUid: random.pick(hostileUids) });
    const instance = [
      dataPdu(1, control.lastCommand, request),
      dataPdu(1, control.lastData, Buffer.alloc(64)),
    ];
    return pdus.toSpliced(random.between(0, pdus.length), 0, ...instance);
  },
];

function pick(pdus: readonly Buffer[], random: Random): Buffer {
  const long = pdus.filter(({ length }) => length >= 10);
  return long.length === 0 ? Buffer.alloc(10) : random.pick(long);
}

/** One broken conversation, in pieces. */
export function malformedStream(random: Random): Buffer[] {
  let pdus: Buffer[] = conversation(random).map((each) => Buffer.from(each));
  const count = random.between(1, 3);
  for (let step = 0; step < count; step += 1) {
    pdus = random.pick(mutations)(pdus, random);
  }
  const all = Buffer.concat(pdus);
  const pieces: Buffer[] = [];
  const longest = random.chance(0.3) ? 16 : 4000;
  for (let start = 0; start < all.length; ) {
    const end = Math.min(all.length, start + random.between(1, longest));
    pieces.push(all.subarray(start, end));
    start = end;
  }
  return pieces;
}

/** How a conversation ended. */
export type Ending = 'aborted' | 'rejected' | 'released' | 'left';

/** Plays pieces to an SCP in this process. Resolves when the connection has closed; rejects when something is not so. */
export async function playStream(pieces: readonly Uint8Array[]): Promise<Ending> {
  const sink = new CollectingSink();
  const layer = UpperLayer.acceptor({
    times: { associationMs: 1e6, idleMs: 1e6, pduMs: 1e6, releaseMs: 1e6, closeMs: 1e6 },
    nowMs: systemClock.monotonicMs(),
  });
  const connection = new MemoryConnection(pieces);
  const messages = new MessageRoom();
  await new Promise<void>((resolve) => {
    const association = new StorageAssociation({
      id: 1,
      address: '192.0.2.1',
      layer,
      sink,
      entities: [
        {
          entity: { title: 'DIODE', priority: 'routine', quietSeconds: 60 },
          isAddressAllowed: () => true,
        },
      ],
      performedProcedureSteps: new PerformedProcedureSteps(
        { stepBegan: () => {}, stepEnded: () => {} },
        messages,
      ),
      messages,
      nowMs: () => systemClock.monotonicMs(),
      hasRoom: () => true,
      ended: resolve,
    });
    association.runOn(new AssociationStream(connection, layer, association, systemClock));
  });
  const last = splitPdus(Buffer.concat(connection.written)).at(-1)?.[0];
  const ending: Ending = last === 7 ? 'aborted' : last === 3 ? 'rejected' : last === 6 ? 'released' : 'left';
  must(sink.opened.length === sink.closed.length, 'each association that opened has closed');
  must(connection.destroyed, 'the connection is closed');
  must(messages.bytes === 0, 'nothing is kept of messages that never ended');
  must(sink.refusals.length <= 1, 'a peer is refused once');
  if (sink.refusals.length > 0)
    must(ending === 'aborted' || ending === 'rejected', 'a refused peer is told so');
  for (const { context } of sink.instances) {
    const uids = [context.sopClassUid, context.sopInstanceUid, context.transferSyntaxUid];
    must(uids.every(isUid), 'what reaches the spool has UIDs');
  }
  return ending;
}

function must(condition: boolean, what: string): void {
  if (!condition) throw new Error(`is not so: ${what}`);
}
