/**
 * Decodes text of a data set to Unicode by its Specific Character Set (PS3.3 section C.12.1.1.2, PS3.5 section 6.1), so that
 * names can be compared. It reports bytes that are not in their set: then only the bytes themselves distinguish two names.
 * Never throws.
 */
import { TextDecoder } from 'node:util';

/** Defined terms, without and with code extensions, and their labels in the WHATWG Encoding Standard. */
const termLabels: ReadonlyMap<string, string> = new Map([
  ['6', 'latin1'],
  ['13', 'shift_jis'],
  ['100', 'latin1'],
  ['101', 'iso-8859-2'],
  ['109', 'iso-8859-3'],
  ['110', 'iso-8859-4'],
  ['126', 'iso-8859-7'],
  ['127', 'iso-8859-6'],
  ['138', 'iso-8859-8'],
  ['144', 'iso-8859-5'],
  ['148', 'iso-8859-9'],
  ['166', 'windows-874'],
  ['192', 'utf-8'],
  ['203', 'iso-8859-15'],
]);

/** Escape sequences, without their ESC, and the set that they select (PS3.3 tables C.12-3 and C.12-4). */
const escapeLabels: readonly (readonly [sequence: string, label: string])[] = [
  ['(B', 'ascii'],
  ['(J', 'shift_jis'],
  [')I', 'shift_jis'],
  ['-A', 'latin1'],
  ['-B', 'iso-8859-2'],
  ['-C', 'iso-8859-3'],
  ['-D', 'iso-8859-4'],
  ['-F', 'iso-8859-7'],
  ['-G', 'iso-8859-6'],
  ['-H', 'iso-8859-8'],
  ['-L', 'iso-8859-5'],
  ['-M', 'iso-8859-9'],
  ['-T', 'windows-874'],
  ['-b', 'iso-8859-15'],
  ['$B', 'jis-x-0208'],
  ['$(D', 'jis-x-0212'],
  ['$)A', 'gbk'],
  ['$)C', 'euc-kr'],
];

const escapeByte = 0x1b;
const delimiters: ReadonlySet<number> = new Set([0x5c, 0x5e, 0x3d]);
const decoders = new Map<string, TextDecoder | undefined>();

/** A value as text. */
export interface DecodedText {
  readonly text: string;
  /**
   * Whether every byte was decoded as its set defines it. If not (unknown bytes, sets or escapes, a truncated character), two
   * values with the same text may be different.
   */
  readonly isExact: boolean;
}

/**
 * Decodes a text value.
 * @param bytes the value as in the file
 * @param characterSet the value of (0008,0005), empty if there is none
 */
export function decodeText(bytes: Uint8Array, characterSet: string): DecodedText {
  const initial = labelOf(characterSet);
  if (!bytes.includes(escapeByte)) return decodeRun(bytes, initial);
  let text = '';
  let isExact = true;
  const decode = (run: Uint8Array, label: string) => {
    const decoded = decodeRun(run, label);
    text += decoded.text;
    isExact &&= decoded.isExact;
  };
  let label = initial;
  let start = 0;
  for (let index = 0; index < bytes.length; index += 1) {
    const byte = bytes[index];
    if (byte === escapeByte) {
      const called = escapeAt(bytes, index + 1);
      if (called === undefined) {
        isExact = false;
        continue;
      }
      decode(bytes.subarray(start, index), label);
      // A set selected into the lower half leaves the upper half as it was.
      label = called.label === 'ascii' ? initial : called.label;
      start = index + 1 + called.length;
      index = start - 1;
    } else if (byte !== undefined && delimiters.has(byte) && !label.startsWith('jis-x')) {
      // A delimiter of a person name selects the initial set again (PS3.5 section 6.1.2.5.3).
      decode(bytes.subarray(start, index), label);
      label = initial;
      start = index;
    }
  }
  decode(bytes.subarray(start), label);
  return { text, isExact };
}

function labelOf(characterSet: string): string {
  const first = (characterSet.split('\\')[0] ?? '').trim();
  // Without one it is ASCII. Many writers use latin1 instead, byte by byte.
  if (first === '') return 'latin1';
  if (first === 'GB18030' || first === 'GBK') return first.toLowerCase();
  const number = /^ISO[_ ](?:IR|2022 IR) (\d+)$/.exec(first)?.[1];
  return (number === undefined ? undefined : termLabels.get(number)) ?? 'unknown';
}

function escapeAt(bytes: Uint8Array, index: number): { label: string; length: number } | undefined {
  const following = String.fromCharCode(...bytes.subarray(index, index + 3));
  for (const [sequence, label] of escapeLabels) {
    if (following.startsWith(sequence)) return { label, length: sequence.length };
  }
  return undefined;
}

function decodeRun(bytes: Uint8Array, label: string): DecodedText {
  // Node's own latin1 keeps bytes 80 to 9F distinct, unlike the Encoding Standard's.
  if (label === 'latin1') return { text: bytesAsText(bytes), isExact: true };
  if (label === 'unknown') return { text: bytesAsText(bytes), isExact: bytes.every(isLower) };
  // Both Japanese sets of two 7-bit bytes correspond to the upper half of EUC-JP.
  if (label === 'jis-x-0208') {
    const { text, isExact } = decodeWith(bytes.map(upper), 'euc-jp');
    return { text, isExact: isExact && bytes.every(isLower) };
  }
  if (label === 'jis-x-0212') {
    const pairs = Math.ceil(bytes.length / 2);
    const marked = new Uint8Array(pairs * 3);
    // In a truncated pair the second byte stays zero, which no decoder accepts.
    for (let pair = 0; pair < pairs; pair += 1) {
      marked[pair * 3] = 0x8f;
      marked[pair * 3 + 1] = upper(bytes[pair * 2] ?? 0);
      marked[pair * 3 + 2] = pair * 2 + 1 < bytes.length ? upper(bytes[pair * 2 + 1] ?? 0) : 0;
    }
    const { text, isExact } = decodeWith(marked, 'euc-jp');
    return { text, isExact: isExact && bytes.every(isLower) };
  }
  return decodeWith(bytes, label);
}

function upper(byte: number): number {
  return byte | 0x80;
}

function isLower(byte: number): boolean {
  return byte < 0x80;
}

/** One character per byte. */
function bytesAsText(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

function decodeWith(bytes: Uint8Array, label: string): DecodedText {
  const strict = decoderFor(label, true);
  // A Node built with little ICU data lacks the set: then bytes are compared.
  if (strict === undefined) return { text: bytesAsText(bytes), isExact: bytes.every(isLower) };
  try {
    return { text: strict.decode(bytes), isExact: true };
  } catch {
    return { text: decoderFor(label, false)?.decode(bytes) ?? bytesAsText(bytes), isExact: false };
  }
}

function decoderFor(label: string, fatal: boolean): TextDecoder | undefined {
  const key = `${label} ${fatal}`;
  if (!decoders.has(key)) {
    let decoder: TextDecoder | undefined;
    try {
      decoder = new TextDecoder(label, { fatal, ignoreBOM: true });
    } catch {
      // Its absence tells the caller.
    }
    decoders.set(key, decoder);
  }
  return decoders.get(key);
}

/** Text without the padding at its end: spaces, and NUL for UIDs (PS3.5 section 6.2). In linear time. */
export function withoutPadding(text: string): string {
  let end = text.length;
  while (end > 0 && (text.charCodeAt(end - 1) === 0x20 || text.charCodeAt(end - 1) === 0)) end -= 1;
  return text.slice(0, end);
}
