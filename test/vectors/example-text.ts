/** The worked example as PROTOCOL.md prints it. */
import type { ExampleVector } from './cases/example.ts';

const shownBytes = 16;

/** Long bytes are shown by their first and last ones. */
function shown(text: string): string {
  const bytes = text.match(/../g) ?? [];
  if (bytes.length <= 2 * shownBytes) return bytes.join('');
  return `${bytes.slice(0, shownBytes).join('')} … ${bytes.slice(-shownBytes).join('')}  (${bytes.length} bytes)`;
}

function table(rows: readonly (readonly [string, string])[]): string {
  return ['```', ...rows.map(([name, value]) => `${name.padEnd(18)}${value}`), '```', ''].join('\n');
}

/** The fields of a header, each with its name. */
const headerFields = [
  ['magic', 4],
  ['version', 1],
  ['type', 1],
  ['datagramBytes', 2],
  ['keyId', 2],
  ['protection', 1],
  ['K', 1],
  ['senderId', 8],
  ['sessionCounter', 4],
  ['sessionRandom', 4],
  ['sequence', 8],
  ['objectId', 16],
  ['objectBytes', 8],
  ['blockNumber', 4],
  ['ESI', 1],
  ['pass', 1],
  ['reserved', 6],
] as const;

function headerRows(header: string): [string, string][] {
  let offset = 0;
  return headerFields.map(([name, bytes]) => {
    const start = 2 * offset;
    offset += bytes;
    return [`  ${name}`, header.slice(start, 2 * offset)];
  });
}

export function exampleText(vector: ExampleVector): string {
  const [first, second, repair] = vector.datagrams;
  const keys = table([
    ['secret', vector.secret],
    ['senderId', vector.senderId],
    ['tag key', vector.tagKey],
    ['object id key', vector.objectIdKey],
  ]);
  const identity = table([
    ['SHA-256', vector.sha256],
    ['objectId', vector.objectId],
    ['seal key', vector.sealKey],
    ['nonce', vector.nonce],
    ['A', vector.additionalData],
  ]);
  const block = table([
    ['object', shown(vector.object)],
    ['block', shown(vector.block)],
    ['  seal in it', vector.block.slice(2 * 500, 2 * 516)],
    ['ESI 0', shown(first?.symbol ?? '')],
    ['ESI 1', shown(second?.symbol ?? '')],
    ['ESI 2, repair', shown(repair?.symbol ?? '')],
  ]);
  const datagram = table([
    ...headerRows(first?.header ?? ''),
    ['  symbol', shown(first?.symbol ?? '')],
    ['  tag', first?.tag ?? ''],
  ]);
  return [
    'The keys that do not depend on the object:',
    '',
    keys,
    'The object and its keys (T = 432):',
    '',
    identity,
    'B = ⌈500 / 3440⌉ = 1 and N = ⌈516 / 432⌉ = 2: one block of two symbols. Its payload is sealed, 348 zeroes fill it up, and',
    'the first pass sends six symbols of it, m(2) = 4 of them repair:',
    '',
    block,
    'The first datagram:',
    '',
    datagram,
  ].join('\n');
}
