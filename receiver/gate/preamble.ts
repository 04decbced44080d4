/**
 * What the 128 bytes before `DICM` are (PS3.10 section 7.1). They may contain anything: a TIFF header for dual-format
 * files, as the standard intends, or the header of a program, as an attacker does (CVE-2019-11687).
 */
export type PreambleKind = 'zero' | 'tiff' | 'executable' | 'other';

/**
 * - `zero`: every preamble is zeroed at release. The data set is untouched; a TIFF view of the file is lost.
 * - `keep-tiff`: a TIFF preamble is kept, every other one zeroed.
 * - `reject-executable`: a preamble that another program would run or open is held with E_PREAMBLE, every other one kept.
 */
export type PreamblePolicy = 'zero' | 'keep-tiff' | 'reject-executable';

/** What a preamble becomes. */
export type PreambleAction = 'keep' | 'zero' | 'hold';

/** The first bytes by which loaders, shells and archivers recognize a file, as latin1. */
const executableMagics: readonly string[] = [
  'MZ', // DOS and Windows programs
  'ZM',
  '\x7fELF',
  '\xfe\xed\xfa\xce', // Mach-O, 32 and 64 bit, either byte order
  '\xfe\xed\xfa\xcf',
  '\xce\xfa\xed\xfe',
  '\xcf\xfa\xed\xfe',
  '\xca\xfe\xba\xbe', // Mach-O for several machines, Java classes
  '\xbe\xba\xfe\xca',
  '\x00asm',
  'dex\n',
  '#!',
  '@echo',
  'PK', // ZIP, and thus jar, apk and office documents
  'Rar!',
  '7z\xbc\xaf',
  '\x1f\x8b', // gzip
  'MSCF', // Windows cabinet
  '\xd0\xcf\x11\xe0', // OLE documents and Windows installers
  'L\x00\x00\x00\x01\x14\x02\x00', // Windows shortcut
  '{\\rtf',
  'ITSF', // Windows help
];

/** What readers recognize even after other bytes, in lower case. */
const executableAnywhere: readonly string[] = [
  '%pdf-',
  '<script',
  '<html',
  '<!doctype',
  '<?php',
  '<hta:',
  '<svg',
];

const tiffMagics: readonly string[] = ['II*\0', 'MM\0*', 'II+\0', 'MM\0+'];

/** Tells what a preamble is. Takes its 128 bytes. */
export function preambleKind(preamble: Uint8Array): PreambleKind {
  if (preamble.every((byte) => byte === 0)) return 'zero';
  const text = Buffer.from(preamble.buffer, preamble.byteOffset, preamble.byteLength).toString('latin1');
  const lowerCase = text.toLowerCase();
  // Before TIFF: a file can be both, and the worse one counts.
  if (executableAnywhere.some((magic) => lowerCase.includes(magic))) return 'executable';
  if (tiffMagics.some((magic) => text.startsWith(magic))) return 'tiff';
  if (executableMagics.some((magic) => text.startsWith(magic) || lowerCase.startsWith(magic)))
    return 'executable';
  return 'other';
}

/** What the policy does with a preamble. A zero one is kept, since there is nothing to do. */
export function preambleAction(kind: PreambleKind, policy: PreamblePolicy): PreambleAction {
  if (kind === 'zero') return 'keep';
  if (policy === 'reject-executable') return kind === 'executable' ? 'hold' : 'keep';
  return policy === 'keep-tiff' && kind === 'tiff' ? 'keep' : 'zero';
}
