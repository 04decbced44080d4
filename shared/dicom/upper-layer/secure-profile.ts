/**
 * TLS as required by the BCP 195 profiles of PS3.15 (annexes B.9 to B.12, RFC 9325): 1.2 or 1.3, ephemeral keys and
 * authenticated encryption only. Certificates and keys come from the configuration as PEM.
 */
export interface TlsIdentity {
  readonly certificate?: string | Uint8Array;
  readonly key?: string | Uint8Array;
  /** The authorities that may have signed the peer's certificate; the system's own list if left out. */
  readonly authorities?: readonly string[];
}

/** RFC 9325 section 4.2 for TLS 1.2; all those of TLS 1.3 are suitable. */
const cipherSuites = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
].join(':');

export interface SecureProfile {
  readonly minVersion: 'TLSv1.2';
  readonly ciphers: string;
  readonly honorCipherOrder: true;
  readonly cert?: string | Buffer;
  readonly key?: string | Buffer;
  readonly ca?: string[];
}

/** The part of Node's TLS options that is the same on both ends. */
export function secureProfile({ certificate, key, authorities }: TlsIdentity): SecureProfile {
  return {
    minVersion: 'TLSv1.2',
    ciphers: cipherSuites,
    honorCipherOrder: true,
    ...(certificate !== undefined && { cert: pem(certificate) }),
    ...(key !== undefined && { key: pem(key) }),
    ...(authorities !== undefined && { ca: [...authorities] }),
  };
}

function pem(text: string | Uint8Array): string | Buffer {
  return typeof text === 'string' ? text : Buffer.from(text);
}
