/** What a hostile sender sees of honest ones. */
import { present } from '../../shared/assert.ts';
import { at, type ObjectType, objectType, readUint16, readUint64 } from '../../shared/wire/datagram.ts';

/** What can be seen of an honest sender: its id is in clear on the fibre, its studies were at the scanner as well. */
export interface Victim {
  readonly senderId: string;
  readonly keyId: number;
  readonly files: readonly VictimInstance[];
  /** Every datagram that it sent, the oldest first. */
  readonly recorded: readonly Uint8Array[];
}

export interface VictimFile {
  readonly studyUid: string;
  readonly seriesUid: string;
  readonly sopInstanceUid: string;
  readonly patientId: string;
}

/** A scanner gave it to a host beside, or the host was the sender's own before. */
export interface VictimInstance extends VictimFile {
  readonly bytes: Uint8Array;
}

/** What everybody on the fibre sees of a datagram. */
export interface SeenDatagram {
  readonly type: ObjectType;
  readonly objectId: string;
  readonly objectBytes: number;
  readonly maximumSourceSymbols: number;
  readonly blockNumber: number;
}

export function seen(datagram: Uint8Array): SeenDatagram {
  return {
    type: present(
      Object.values(objectType).find((type) => type === datagram[at.type]),
      'honest senders send objects',
    ),
    objectId: hexOf(datagram.subarray(at.objectId, at.objectId + 16)),
    objectBytes: readUint64(datagram, at.objectBytes),
    maximumSourceSymbols: datagram[at.maximumSourceSymbols] ?? 0,
    blockNumber: readUint16(datagram, at.blockNumber + 2),
  };
}

export function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
}
