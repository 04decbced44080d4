/**
 * Crockford's Base32: bytes as text that people can read aloud, type, and print in the dense mode of a QR code. It is read
 * in either case, with o for 0 and i or l for 1; spaces, line ends and dashes are ignored.
 */
import { DiodeError } from '../errors.ts';

const digits = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
/** Symbols for the check: a remainder modulo 37 needs five more than there are digits. */
const checkSymbols = `${digits}*~$=U`;
const checkModulus = 37;

/** Whole bytes as digits of 5 bits; the last one is padded with zeros. */
export function toBase32(bytes: Uint8Array): string {
  let text = '';
  let bits = 0;
  let pending = 0;
  for (const byte of bytes) {
    pending = (pending << 8) | byte;
    bits += 8;
    for (; bits >= 5; bits -= 5) text += digits[(pending >>> (bits - 5)) & 31];
    pending &= 0xff;
  }
  return bits === 0 ? text : text + digits[(pending << (5 - bits)) & 31];
}

/** @throws DiodeError E_TICKET for anything that {@link toBase32} does not write, except tolerated letters */
export function fromBase32(text: string): Uint8Array {
  const values = valuesOf(text);
  const bytes = new Uint8Array(Math.floor((values.length * 5) / 8));
  let length = 0;
  let bits = 0;
  let pending = 0;
  for (const value of values) {
    pending = ((pending << 5) | value) & 0xfff;
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    bytes[length] = (pending >>> bits) & 0xff;
    length += 1;
  }
  // One spelling for each content: no spare digit, and nothing in the bits that fill the last one.
  if (bits >= 5 || (pending & ((1 << bits) - 1)) !== 0)
    throw new DiodeError('E_TICKET', 'the text is cut off');
  return bytes;
}

/** A number as a fixed count of digits and a check symbol, in groups of four separated by dashes. */
export function toTypedCode(value: bigint, digitCount: number): string {
  let text = checkSymbols[Number(value % BigInt(checkModulus))] ?? '';
  let rest = value;
  for (let position = 0; position < digitCount; position += 1) {
    text = (digits[Number(rest & 31n)] ?? '') + text;
    rest >>= 5n;
  }
  return text.match(/.{1,4}/g)?.join('-') ?? '';
}

/** @throws DiodeError E_TICKET, also if one symbol is wrong or two adjacent ones are swapped */
export function fromTypedCode(text: string, digitCount: number): bigint {
  const plain = withoutSeparators(text);
  if (plain.length !== digitCount + 1)
    throw new DiodeError('E_TICKET', `a code has ${digitCount + 1} characters, not counting dashes`);
  const value = valuesOf(plain.slice(0, -1)).reduce((sum, digit) => (sum << 5n) | BigInt(digit), 0n);
  if (checkSymbols.indexOf(forgiven(plain.slice(-1))) !== Number(value % BigInt(checkModulus)))
    throw new DiodeError('E_TICKET', 'the code is mistyped: its check symbol does not match');
  return value;
}

function valuesOf(text: string): number[] {
  return [...forgiven(withoutSeparators(text))].map((digit) => {
    const value = digits.indexOf(digit);
    if (value < 0) throw new DiodeError('E_TICKET', 'a ticket cannot contain one of these characters');
    return value;
  });
}

function withoutSeparators(text: string): string {
  return text.replace(/[\s-]/g, '');
}

function forgiven(text: string): string {
  return text.toUpperCase().replaceAll('O', '0').replace(/[IL]/g, '1');
}
