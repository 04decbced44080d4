/** Goal: manifests, beacons, rolls and key files are read and written as the vectors say, and bad ones are refused. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readKeyFile } from '../../shared/crypto/key-file.ts';
import { type Beacon, decodeBeacon, encodeBeacon } from '../../shared/wire/beacon.ts';
import { decodeManifest, encodeManifest, type Manifest } from '../../shared/wire/manifest.ts';
import { decodeRollPage, encodeRollPage, type RollPage } from '../../shared/wire/roll.ts';
import type { DocumentVector } from './cases/documents.ts';
import type { KeyFileVector } from './cases/key-file.ts';
import { readManifest } from './second-manifest-reading.ts';
import { fromHex, hex, readVectors } from './vector-file.ts';

function check<Value>(
  vector: DocumentVector<Value>,
  format: { decode: (bytes: Uint8Array) => Value; encode: (value: Value) => Uint8Array },
): void {
  const document = fromHex(vector.document);
  if ('error' in vector) {
    expect(() => format.decode(document)).toThrow(expect.objectContaining({ code: vector.error }));
    return;
  }
  expect(format.decode(document)).toEqual(vector.value);
  expect(hex(format.encode(vector.value))).toBe(vector.document);
}

describe('manifest', () => {
  it.each(readVectors<DocumentVector<Manifest>>('manifest'))('$name', (vector) =>
    check(vector, { decode: decodeManifest, encode: encodeManifest }),
  );

  it.each(readVectors<DocumentVector<Manifest>>('manifest'))(
    'is what a second reading of the page finds: $name',
    (vector) => {
      expect(readManifest(fromHex(vector.document))).toEqual('error' in vector ? undefined : vector.value);
    },
  );
});

describe('beacon', () => {
  it.each(readVectors<DocumentVector<Beacon>>('beacon'))('$name', (vector) =>
    check(vector, { decode: decodeBeacon, encode: encodeBeacon }),
  );
});

describe('roll', () => {
  it.each(readVectors<DocumentVector<RollPage>>('roll'))('$name', (vector) =>
    check(vector, { decode: decodeRollPage, encode: encodeRollPage }),
  );
});

describe('key file', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'dicom-diode-vectors-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it.each(readVectors<KeyFileVector>('key-file'))('$name', (vector) => {
    const path = join(folder, 'key');
    rmSync(path, { force: true });
    writeFileSync(path, vector.text);
    chmodSync(path, Number.parseInt(vector.mode ?? '0600', 8));
    if ('error' in vector) {
      expect(() => readKeyFile(path)).toThrow(expect.objectContaining({ code: vector.error }));
      return;
    }
    expect(readKeyFile(path).map((key) => ({ id: key.id, secret: hex(key.secret) }))).toEqual(vector.keys);
  });
});
