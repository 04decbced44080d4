/**
 * What broken or hostile peers send to a storage SCP: the cases seen in the field, by name. Each begins with its
 * connection and ends in an A-ABORT or A-ASSOCIATE-RJ.
 */

import {
  associateBody,
  associateRequest,
  associationItem,
  control,
  dataPdu,
  pdu,
  storeRequest,
} from './association-bytes.ts';
import { Random } from './random.ts';

export interface MalformedCase {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Sent after that, piece by piece, as long as the other side takes it. */
  readonly flood?: { readonly piece: Uint8Array; readonly pieces: number };
  /** Whether the timer of the other side has to end it. */
  readonly isSilent?: boolean;
}

const associated = (...after: readonly Uint8Array[]): Uint8Array =>
  Buffer.concat([associateRequest(), ...after]);

function withInstance(sopInstanceUid: string): Uint8Array {
  return associated(
    dataPdu(1, control.lastCommand, storeRequest({ sopInstanceUid })),
    dataPdu(1, control.lastData, Buffer.alloc(100)),
  );
}

export const malformedCases: readonly MalformedCase[] = [
  { name: 'an HTTP request', bytes: Buffer.from('GET / HTTP/1.1\r\nHost: pacs\r\n\r\n') },
  { name: '64 KiB of noise', bytes: new Random(1).bytes(65_536) },
  { name: 'a TLS client hello', bytes: Buffer.from('16030100c8010000c40303'.padEnd(400, '5a'), 'hex') },
  { name: 'a request of length 0', bytes: pdu(0x01, Buffer.alloc(0)) },
  { name: 'a request that is too short', bytes: pdu(0x01, Buffer.alloc(40)) },
  {
    name: 'an item that overruns its request',
    bytes: pdu(0x01, associateBody({ contextItems: [associationItem(0x20, Buffer.alloc(8), 0xfff0)] })),
  },
  { name: 'nothing at all', bytes: Buffer.alloc(0), isSilent: true },
  { name: 'half a request', bytes: associateRequest().subarray(0, 100), isSilent: true },
  {
    name: 'a PDU of 4 GiB, 100 MB of it',
    bytes: associated(pdu(0x04, Buffer.alloc(0), 0xffff_ffff)),
    flood: { piece: Buffer.alloc(1 << 20), pieces: 100 },
  },
  {
    name: 'a request of 4 GiB, 100 MB of it',
    bytes: pdu(0x01, Buffer.alloc(0), 0xffff_ffff),
    flood: { piece: Buffer.alloc(1 << 20), pieces: 100 },
  },
  { name: 'a data value of length 0', bytes: associated(pdu(0x04, Buffer.from('000000000103', 'hex'))) },
  { name: 'an unknown context', bytes: associated(dataPdu(99, control.lastCommand, storeRequest())) },
  { name: 'an unknown type of PDU', bytes: associated(pdu(0x55, Buffer.alloc(4))) },
  { name: 'data before the association', bytes: dataPdu(1, control.lastCommand, storeRequest()) },
  { name: 'a second request', bytes: associated(associateRequest()) },
  { name: 'a UID with a path', bytes: withInstance('../../../../tmp/stolen') },
  { name: 'a UID of dots', bytes: withInstance('..') },
  { name: 'an empty UID', bytes: withInstance('') },
  { name: 'a UID of 65 digits', bytes: withInstance('1'.repeat(65)) },
  { name: 'a data set without a command', bytes: associated(dataPdu(1, control.lastData, Buffer.alloc(10))) },
  {
    name: 'a command without an end',
    bytes: associated(...Array.from({ length: 40 }, () => dataPdu(1, control.command, Buffer.alloc(1000)))),
  },
];
