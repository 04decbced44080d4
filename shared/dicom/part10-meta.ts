/**
 * Preamble and file meta information for a data set that came over an association (PS3.10 section 7.1): the preamble is not
 * transferred there, and the meta group is created here.
 *
 * The same instance gives the same bytes in every version, whichever station sent it: instances that come twice are
 * recognized by the hash of their file.
 */
import { assert } from '../assert.ts';
import { isUid } from '../wire/limits.ts';
import { implementationClassUid, implementationVersionName } from './upper-layer/implementation.ts';

export interface Part10Meta {
  readonly sopClassUid: string;
  readonly sopInstanceUid: string;
  readonly transferSyntaxUid: string;
}

const preambleBytes = 128;

/** Everything before the data set: 128 zeros, `DICM`, group 0002 in explicit VR little endian. */
export function part10Header(meta: Part10Meta): Uint8Array {
  const group = Buffer.concat([
    element(0x0001, 'OB', Uint8Array.of(0, 1)),
    element(0x0002, 'UI', uid(meta.sopClassUid)),
    element(0x0003, 'UI', uid(meta.sopInstanceUid)),
    element(0x0010, 'UI', uid(meta.transferSyntaxUid)),
    element(0x0012, 'UI', uid(implementationClassUid)),
    element(0x0013, 'SH', even(implementationVersionName, ' ')),
  ]);
  const groupLength = Buffer.alloc(4);
  groupLength.writeUInt32LE(group.length);
  return Buffer.concat([
    new Uint8Array(preambleBytes),
    Buffer.from('DICM', 'latin1'),
    element(0x0000, 'UL', groupLength),
    group,
  ]);
}

function uid(text: string): Uint8Array {
  assert(isUid(text), 'a UID was checked before it goes into a file');
  return even(text, '\0');
}

function even(text: string, padding: string): Uint8Array {
  return Buffer.from(text.length % 2 === 0 ? text : text + padding, 'latin1');
}

/** PS3.5 section 7.1.2: OB has a 32-bit length after two reserved bytes, the others one of 16 bits. */
function element(number: number, representation: 'OB' | 'UI' | 'UL' | 'SH', value: Uint8Array): Uint8Array {
  const long = representation === 'OB';
  const header = Buffer.alloc(long ? 12 : 8);
  header.writeUInt16LE(0x0002, 0);
  header.writeUInt16LE(number, 2);
  header.write(representation, 4, 'latin1');
  if (long) header.writeUInt32LE(value.length, 8);
  else header.writeUInt16LE(value.length, 6);
  return Buffer.concat([header, value]);
}
