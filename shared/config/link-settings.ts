/** The settings that must be the same on both sides; the beacon's fingerprint covers them. */
import { protection } from '../wire/datagram.ts';
import { limits } from '../wire/limits.ts';
import type { LinkParameters } from '../wire/link-parameters.ts';
import { choice, wholeNumber } from './settings.ts';

export const linkSettings = {
  'link.port': wholeNumber({ min: 1, max: 65_535, fallback: 4747 }, 'the UDP port of the link'),
  'link.datagramBytes': wholeNumber(
    { min: limits.datagramBytesMin, max: limits.datagramBytesMax, fallback: 1472 },
    'the length of every datagram: the MTU minus 28, so 1472 for 1500 and 8972 for 9000',
  ),
  'link.protection': choice(
    ['sealed', 'authenticated'],
    'sealed',
    'sealed: encrypted and authenticated; authenticated: not encrypted',
  ),
} as const;

/** m */
export const repairSymbolsBounds = { min: 0, max: 200, fallback: 24 } as const;

export const codeSettings = {
  'code.sourceSymbols': wholeNumber(
    { min: 1, max: limits.sourceSymbolsMax, fallback: 200 },
    'k: source symbols in a full block',
  ),
  'code.repairSymbols': wholeNumber(repairSymbolsBounds, 'm: repair symbols for a full block in each pass'),
} as const;

/** D of the sender: blocks whose symbols go out in turn. */
export const openBlocksBounds = { min: 1, max: 1024, fallback: 78 } as const;

/** The part of a configuration that the beacon carries. */
export function linkParameters(values: {
  readonly 'link.datagramBytes': number;
  readonly 'link.protection': 'sealed' | 'authenticated';
  readonly 'code.sourceSymbols': number;
  readonly 'code.repairSymbols': number;
}): LinkParameters {
  return {
    datagramBytes: values['link.datagramBytes'],
    sourceSymbols: values['code.sourceSymbols'],
    // ESI < 255: a block never has more encoding symbols.
    repairSymbols: Math.min(
      values['code.repairSymbols'],
      limits.encodingSymbolsMax - values['code.sourceSymbols'],
    ),
    protection: protection[values['link.protection']],
  };
}
