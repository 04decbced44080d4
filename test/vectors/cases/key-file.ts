/** Vectors of the key file. */
import { hex, type Named, type Refused } from '../vector-file.ts';
import { otherSecret, secret } from './parties.ts';

export type KeyFileVector = Named & {
  readonly text: string;
  /** Of the file; 0600 where it is not given. */
  readonly mode?: string;
} & ({ readonly keys: readonly { readonly id: number; readonly secret: string }[] } | Refused);

export const keyFileAbout =
  'Key files: the keys in them, the sender uses the first; or the code with which the file is refused.';

export function keyFileVectors(): KeyFileVector[] {
  const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url');
  const line = (id: number | string, bytes = secret) => `dicom-diode-key-1 ${id} ${text(bytes)}\n`;
  const reads = (name: string, file: string, ...keys: [number, Uint8Array][]): KeyFileVector => ({
    name,
    text: file,
    keys: keys.map(([id, bytes]) => ({ id, secret: hex(bytes) })),
  });
  const refused = (name: string, file: string): KeyFileVector => ({
    name,
    text: file,
    error: 'E_KEY_FORMAT',
  });
  return [
    reads('one key', line(4660), [4660, secret]),
    reads('smallest and largest id', line(1) + line(65_535, otherSecret), [1, secret], [65_535, otherSecret]),
    reads('comments and empty lines', `# a comment\n\n${line(7)}\n# another\n`, [7, secret]),
    reads('no newline at the end', line(7).trimEnd(), [7, secret]),
    reads('carriage returns', line(7).replace('\n', '\r\n'), [7, secret]),
    reads('a name behind the secret', line(7).replace('\n', ' ct-1_B.2\n'), [7, secret]),
    reads('a sender id that is written down', `dicom-diode-sender-1 0123456789abcdef ct-1\n${line(7)}`, [
      7,
      secret,
    ]),
    { name: 'readable by its group', text: line(7), mode: '0640', error: 'E_KEY_READABLE' },
    { name: 'writable by others', text: line(7), mode: '0602', error: 'E_KEY_READABLE' },
    refused('empty', ''),
    refused('only comments', '# dicom-diode key\n'),
    refused('another format', line(7).replace('key-1', 'key-2')),
    refused('id 0', line(0)),
    refused('id 65536', line(65_536)),
    refused('an id with a leading zero', line('07')),
    refused('an id that is no number', line('seven')),
    refused('a secret of 31 bytes', line(7, secret.subarray(1))),
    refused('a secret of 33 bytes', line(7, Uint8Array.from([...secret, 0]))),
    refused('a secret in hexadecimal', `dicom-diode-key-1 7 ${hex(secret)}\n`),
    refused('two spaces', line(7).replace(' 7', '  7')),
    refused('something behind the name', `${line(7).trimEnd()} x y\n`),
    refused('a name of 33 characters', `${line(7).trimEnd()} ${'x'.repeat(33)}\n`),
    refused('a name with a slash', `${line(7).trimEnd()} a/b\n`),
    refused('a sender id in capitals', `dicom-diode-sender-1 0123456789ABCDEF a\n${line(7)}`),
    refused('a sender without a key name', `dicom-diode-sender-1 0123456789abcdef\n${line(7)}`),
    refused('a sender id twice', `${'dicom-diode-sender-1 0123456789abcdef a\n'.repeat(2)}${line(7)}`),
    refused('one id twice', line(7) + line(7, otherSecret)),
    refused('seventeen keys', Array.from({ length: 17 }, (_, index) => line(index + 1)).join('')),
  ];
}
