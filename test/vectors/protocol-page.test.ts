/**
 * Goal: PROTOCOL.md can't rot. Its worked example is made from the vector (UPDATE=1 writes it anew), the vector is
 * recomputed by a second reading of the page, and the tables of fields, labels and limits are those of the code.
 */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { errorCatalogue } from '../../shared/errors.ts';
import {
  at,
  headerBytes,
  objectType,
  protection,
  tagBytes,
  wireVersion,
} from '../../shared/wire/datagram.ts';
import { limits } from '../../shared/wire/limits.ts';
import { repositoryRoot } from '../harness/repository-root.ts';
import type { ExampleVector } from './cases/example.ts';
import { exampleText } from './example-text.ts';
import {
  cutOf,
  hkdf,
  objectIdKeyOf,
  objectIdOf,
  openBlock,
  readDatagram,
  receiveObject,
  symbolAt,
} from './second-reading.ts';
import { fromHex, hex, readVectors } from './vector-file.ts';

const path = join(repositoryRoot(), 'shared/PROTOCOL.md');
const [begin, end] = ['<!-- example: begin -->\n', '<!-- example: end -->'];
const page = readFileSync(path, 'utf8');
const vectors = readVectors<ExampleVector>('example');

describe('the worked example', () => {
  it('stands in the page as the vector has it', () => {
    const [before = '', rest = ''] = page.split(begin);
    const [, after = ''] = rest.split(end);
    const [vector] = vectors;
    const made = `${before}${begin}${vector === undefined ? '' : exampleText(vector)}${end}${after}`;
    if (process.env['UPDATE'] === '1') writeFileSync(path, made);
    expect(readFileSync(path, 'utf8')).toBe(made);
  });

  it.each(vectors)('is what a second reading of the page computes: $name', (vector) => {
    const [secret, senderId, objectId, object] = [
      fromHex(vector.secret),
      Buffer.from(vector.senderId, 'hex'),
      Buffer.from(vector.objectId, 'hex'),
      fromHex(vector.object),
    ];
    const symbolBytes = vector.datagramBytes - 80;
    const sha256 = createHash('sha256').update(object).digest();
    const facts = { type: 1, objectBytes: object.length, symbolBytes, maximumSourceSymbols: 8 };
    expect(object.every((byte, i) => byte === ((7 * i + Math.floor(i / 256)) & 0xff))).toBe(true);
    expect(hex(hkdf(secret, Buffer.from('dicom-diode 1 datagram tag'), 16))).toBe(vector.tagKey);
    expect(hex(objectIdKeyOf(secret, senderId))).toBe(vector.objectIdKey);
    expect(hex(sha256)).toBe(vector.sha256);
    expect(hex(objectIdOf(fromHex(vector.objectIdKey), { ...facts, sha256 }))).toBe(vector.objectId);
    const info = Buffer.concat([Buffer.from('dicom-diode 1 seal'), senderId, objectId]);
    expect(hex(hkdf(secret, info, 32))).toBe(vector.sealKey);

    expect(cutOf(object.length, symbolBytes, 8)).toMatchObject({ blockCount: 1, symbolCount: 2 });
    const place = { ...facts, protection: 1, senderId, objectId, blockNumber: 0 };
    expect(openBlock(place, fromHex(vector.block), object.length, secret)?.toString('hex')).toBe(
      vector.object,
    );

    const datagrams = vector.datagrams.map(({ header, symbol, tag }) => fromHex(header + symbol + tag));
    expect(datagrams.map((datagram) => readDatagram(datagram, secret)?.encodingSymbolId)).toEqual(
      datagrams.map((_, index) => index),
    );
    const source = new Map(vector.datagrams.slice(0, 2).map(({ symbol }, esi) => [esi, fromHex(symbol)]));
    expect(hex(Buffer.concat([...source.values()]))).toBe(vector.block);
    for (const { encodingSymbolId, symbol } of vector.datagrams)
      if (encodingSymbolId >= 2) expect(hex(symbolAt(encodingSymbolId, source))).toBe(symbol);
    expect(receiveObject(datagrams.slice(-2), secret)?.toString('hex')).toBe(vector.object);
  });
});

/** The cells of the rows of all tables in the page, without their marks. */
const rows = page
  .split('\n')
  .filter((line) => line.startsWith('|'))
  .map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );

describe('the tables', () => {
  it('have the header as it is', () => {
    const fields = rows
      .filter((cells) => cells.length === 4 && /^\d+$/.test(cells[0] ?? ''))
      .filter((cells) => cells[2]?.startsWith('`'));
    const offsets = fields.map(([offset, , field]) => [field?.replaceAll('`', ''), Number(offset)]);
    expect(Object.fromEntries(offsets)).toEqual(at);
    for (const [index, [offset = '', bytes = '']] of fields.slice(0, -1).entries())
      expect(Number(offset) + Number(bytes)).toBe(Number(fields[index + 1]?.[0]));
    expect(page).toContain(`T = \`datagramBytes\` - ${headerBytes + tagBytes}`);
  });

  it('have the numbers of types and modes', () => {
    expect(page).toContain(`# The dicom-diode wire, version ${wireVersion}`);
    expect(page).toContain(
      `${objectType.instance} instance, ${objectType.manifest} manifest, ${objectType.beacon} beacon, ${objectType.roll} page of a roll`,
    );
    expect(page).toContain(
      `${protection.sealed} sealed (encrypted and authenticated), ${protection.authenticated} authenticated only`,
    );
  });

  it('have the limits', () => {
    const stated = rows
      .map(([name = '', value = '']) => [/^`(\w+)`/.exec(name)?.[1] ?? '', Number(value.replaceAll(',', ''))])
      .filter(([name]) => Object.hasOwn(limits, String(name)));
    expect(Object.fromEntries(stated)).toEqual(limits);
  });

  it('name codes of the catalogue', () => {
    const codes = [...page.matchAll(/`(E_[A-Z_]+[A-Z])`/g)].map(([, code]) => code ?? '');
    expect(codes.length).toBeGreaterThan(10);
    expect(codes.filter((code) => !Object.hasOwn(errorCatalogue, code))).toEqual([]);
  });
});
