/**
 * X.509 certificates for TLS tests (RFC 5280, DER), made in memory: an authority, and certificates it signed. P-256 and
 * ECDSA with SHA-256; valid for as long as UTCTime goes.
 */
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';

function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const value = Buffer.concat(parts);
  if (value.length < 0x80) return Buffer.concat([Buffer.from([tag, value.length]), value]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(value.length);
  const digits = length.subarray(length.findIndex((byte) => byte !== 0));
  return Buffer.concat([Buffer.from([tag, 0x80 + digits.length]), digits, value]);
}

const sequence = (...parts: readonly Uint8Array[]) => der(0x30, ...parts);
const objectId = (hex: string) => der(0x06, Buffer.from(hex, 'hex'));
const ecdsaWithSha256 = sequence(objectId('2a8648ce3d040302'));
const utcTime = (text: string) => der(0x17, Buffer.from(text, 'latin1'));
const validity = sequence(utcTime('200101000000Z'), utcTime('491231235959Z'));
const truth = der(0x01, Uint8Array.of(0xff));

function name(commonName: string): Buffer {
  const attribute = sequence(objectId('550403'), der(0x0c, Buffer.from(commonName, 'utf8')));
  return sequence(der(0x31, attribute));
}

function pem(label: string, bytes: Uint8Array): string {
  const lines =
    Buffer.from(bytes)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n');
}

export interface TestIdentity {
  readonly certificate: string;
  readonly key: string;
}

/** An authority of its own; it lives as long as the test. */
export class TestAuthority {
  readonly certificate: string;
  readonly #key: KeyObject;
  readonly #name: string;
  #serial = 1;

  constructor(commonName = 'Test authority') {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    this.#key = privateKey;
    this.#name = commonName;
    const basicConstraints = sequence(objectId('551d13'), truth, der(0x04, sequence(truth)));
    this.certificate = this.#certify(commonName, publicKey, basicConstraints);
  }

  /** A key and a certificate for 127.0.0.1 and `localhost`. */
  issue(commonName: string): TestIdentity {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const names = sequence(
      der(0x82, Buffer.from('localhost', 'latin1')),
      der(0x87, Uint8Array.of(127, 0, 0, 1)),
    );
    const alternativeNames = sequence(objectId('551d11'), der(0x04, names));
    return {
      certificate: this.#certify(commonName, publicKey, alternativeNames),
      key: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
    };
  }

  #certify(subject: string, publicKey: KeyObject, extension: Uint8Array): string {
    const version3 = der(0xa0, der(0x02, Uint8Array.of(2)));
    this.#serial += 1;
    const toBeSigned = sequence(
      version3,
      der(0x02, Uint8Array.of(this.#serial)),
      ecdsaWithSha256,
      name(this.#name),
      validity,
      name(subject),
      publicKey.export({ format: 'der', type: 'spki' }),
      der(0xa3, sequence(extension)),
    );
    const signature = sign('sha256', toBeSigned, this.#key);
    const bits = der(0x03, Uint8Array.of(0), signature);
    return pem('CERTIFICATE', sequence(toBeSigned, ecdsaWithSha256, bits));
  }
}
