/** Vectors of whole objects: datagrams as they may arrive, and the object that comes out, or why none does. */
import { createHash } from 'node:crypto';
import { deriveTagKey } from '../../../shared/crypto/keys.ts';
import { DatagramTag } from '../../../shared/crypto/siphash.ts';
import { at, type ObjectType, objectType, protection } from '../../../shared/wire/datagram.ts';
import { hex, type Named, type Refused } from '../vector-file.ts';
import { content, identity, secret } from './parties.ts';
import { sentDatagrams } from './sent-datagrams.ts';

export type ObjectVector = Named & {
  readonly protection: number;
  readonly datagrams: readonly string[];
} & ({ readonly type: ObjectType; readonly object: string; readonly sha256: string } | Refused);

export const objectAbout =
  'Datagrams in the order of arrival at a receiver with datagramBytes = 512 and key 4660 with the secret 000102..1f: the object they give, or the code under which something of it was refused and no object came out.';

const tag = new DatagramTag(deriveTagKey(secret));

export function objectVectors(): ObjectVector[] {
  const bytes = content(1300);
  const [first, second] = [sentDatagrams(bytes), sentDatagrams(bytes, { pass: 1 })];
  const open = { ...identity, parameters: { ...identity.parameters, protection: protection.authenticated } };
  const comes = (
    name: string,
    datagrams: readonly Uint8Array[],
    object: Uint8Array = bytes,
    type: ObjectType = objectType.instance,
    mode: number = protection.sealed,
  ): ObjectVector => ({
    name,
    protection: mode,
    type,
    object: hex(object),
    sha256: createHash('sha256').update(object).digest('hex'),
    datagrams: datagrams.map(hex),
  });
  const poisoned = first.map((datagram, index) => {
    if (index !== 1) return datagram;
    const copy = datagram.slice();
    copy[at.symbol] = (copy[at.symbol] ?? 0) ^ 0x80;
    tag.write(copy);
    return copy;
  });
  return [
    comes('all source symbols', first.filter(isSource)),
    comes('the last k symbols of a pass, newest first', first.slice(-4).reverse()),
    comes(
      'repair symbols of two passes alone',
      [...first, ...second].filter((d) => !isSource(d)).slice(0, 4),
    ),
    comes('a symbol of each pass that counts twice, and one that comes twice', [
      ...first.slice(2, 4),
      ...first.slice(3, 4),
      ...second.slice(0, 1),
      ...second.slice(2, 3),
      ...second.slice(-1),
    ]),
    comes(
      'authenticated, not encrypted',
      sentDatagrams(bytes, { from: open }).slice(1, 5),
      bytes,
      objectType.instance,
      protection.authenticated,
    ),
    comes('one byte', sentDatagrams(content(1)).slice(-1), content(1)),
    comes(
      'a document',
      sentDatagrams(content(500), { type: objectType.manifest }).slice(0, 2),
      content(500),
      objectType.manifest,
    ),
    {
      name: 'a symbol was changed by who has the key: the block does not open',
      protection: protection.sealed,
      error: 'E_BLOCK_OPEN',
      datagrams: poisoned.filter(isSource).map(hex),
    },
    {
      name: 'the content is not what the object id stands for',
      protection: protection.sealed,
      error: 'E_OBJECT_HASH',
      datagrams: sentDatagrams(bytes, { instead: content(1300, 11) })
        .filter(isSource)
        .map(hex),
    },
    {
      name: 'a datagram of an open object states another size',
      protection: protection.sealed,
      error: 'E_DATAGRAM_FIELD',
      datagrams: [...first.slice(0, 3), ...first.slice(3, 4).map(oneByteMore)].map(hex),
    },
  ];
}

function isSource(datagram: Uint8Array): boolean {
  return (datagram[at.encodingSymbolId] ?? 0) < 4;
}

function oneByteMore(datagram: Uint8Array): Uint8Array {
  const copy = datagram.slice();
  copy[at.objectBytes + 7] = (copy[at.objectBytes + 7] ?? 0) + 1;
  tag.write(copy);
  return copy;
}
