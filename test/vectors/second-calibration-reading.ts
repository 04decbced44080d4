/**
 * A reader of a calibration's datagrams, written from PROTOCOL.md and from nothing else, as second-reading.ts is for
 * those that carry symbols.
 */
import { readDatagram } from './second-reading.ts';

export interface ReadCalibration {
  readonly kind: number;
  readonly sequence: number;
  readonly step: number;
  readonly steps: number;
  readonly isLast: boolean;
  readonly rateKilobitsPerSecond: number;
  readonly datagrams: number;
  readonly index: number;
  readonly keptKilobitsPerSecond: readonly number[];
}

/** The section "Calibration"; undefined where the page says that a datagram is refused. */
export function readCalibration(bytes: Uint8Array, secret: Uint8Array): ReadCalibration | undefined {
  const datagram = readDatagram(bytes, secret);
  if (datagram === undefined || datagram.type !== 5 || ![1, 2].includes(datagram.protection))
    return undefined;
  if (datagram.sequence >= 2n ** 53n) return undefined;
  const { symbol } = datagram;
  const [format, kind] = symbol;
  const last = symbol.readUInt8(6);
  const told = symbol.readUInt8(7);
  const step = symbol.readUInt16BE(2);
  const steps = symbol.readUInt16BE(4);
  const rateKilobitsPerSecond = symbol.readUInt32BE(8);
  const datagrams = symbol.readUInt32BE(12);
  const index = symbol.readUInt32BE(16);
  const isMarker = kind === 2;
  const right =
    format === 1 &&
    (kind === 1 || kind === 2) &&
    steps <= 96 &&
    step < steps &&
    (last === 0 || (isMarker && last === 1)) &&
    told === (isMarker ? step + 1 : 0) &&
    rateKilobitsPerSecond > 0 &&
    datagrams > 0 &&
    datagrams <= 2 ** 24 &&
    index < (isMarker ? 16 : datagrams);
  if (!right) return undefined;
  const keptKilobitsPerSecond = Array.from({ length: told }, (_, place) =>
    symbol.readUInt32BE(20 + 4 * place),
  );
  return {
    kind,
    sequence: Number(datagram.sequence),
    step,
    steps,
    isLast: last === 1,
    rateKilobitsPerSecond,
    datagrams,
    index,
    keptKilobitsPerSecond,
  };
}
