/**
 * Goal: the receiver takes the good datagrams, reads in them what the vectors say, and refuses each bad one under the
 * code it declares; whole objects come out of their datagrams, or do not, as declared.
 */
import { describe, expect, it } from 'vitest';
import { at, DatagramHeader, protection, readHeader, tagBytes } from '../../shared/wire/datagram.ts';
import type { DatagramVector } from './cases/datagram.ts';
import type { ObjectVector } from './cases/object.ts';
import { secret } from './cases/parties.ts';
import { receive } from './receiving.ts';
import { readDatagram, receiveObject } from './second-reading.ts';
import { fromHex, hex, readVectors } from './vector-file.ts';

describe('datagram', () => {
  it.each(readVectors<DatagramVector>('datagram'))('$name', (vector) => {
    const datagram = fromHex(vector.datagram);
    const { refused, objects } = receive([datagram], protection.sealed);
    if ('error' in vector) {
      expect(refused).toEqual([vector.error]);
      expect(objects).toEqual([]);
      return;
    }
    expect(refused).toEqual([]);
    const header = new DatagramHeader();
    expect(readHeader(datagram, header)).toBeUndefined();
    const ids = { senderId: hex(datagram.slice(12, 20)), objectId: hex(datagram.slice(36, 52)) };
    expect({ ...header, ...ids }).toEqual(vector.header);
    expect(hex(datagram.subarray(at.symbol, -tagBytes))).toBe(vector.symbol);
    expect(readDatagram(datagram, secret)).toMatchObject({
      type: vector.header.type,
      sequence: BigInt(vector.header.sequence),
      objectBytes: vector.header.objectBytes,
      blockNumber: vector.header.blockNumber,
      encodingSymbolId: vector.header.encodingSymbolId,
    });
  });
});

describe('object', () => {
  it.each(readVectors<ObjectVector>('object'))('$name', (vector) => {
    const datagrams = vector.datagrams.map(fromHex);
    const mode = vector.protection === protection.sealed ? protection.sealed : protection.authenticated;
    const { objects, refused } = receive(datagrams, mode);
    if ('error' in vector) {
      expect(refused).toEqual([vector.error]);
      expect(objects).toEqual([]);
      return;
    }
    expect(refused).toEqual([]);
    expect(objects).toMatchObject([{ object: { type: vector.type, sha256: vector.sha256 } }]);
    expect(objects.map(({ bytes }) => hex(bytes))).toEqual([vector.object]);
    expect(receiveObject(datagrams, secret)?.toString('hex')).toBe(vector.object);
  });
});
