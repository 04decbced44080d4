/**
 * Every limit of the wire and of what is built from it, in one place.
 * Nothing from a datagram is used as an index, a size or a path before it is checked against these.
 */
export const limits = {
  /** Datagram length: fits the minimum IPv4 MTU at least, one jumbo frame at most. */
  datagramBytesMin: 512,
  datagramBytesMax: 8972,
  /** Source symbols of a block (RFC 5052: maximum source block length). */
  sourceSymbolsMax: 200,
  /** Encoding symbols of a block: ESI < 255, a property of Reed-Solomon over GF(2^8). */
  encodingSymbolsMax: 255,
  /** One object: 64 GiB. */
  objectBytesMax: 64 * 2 ** 30,
  /** Source blocks of an object: a receiver keeps a bit for each, from the first datagram on. */
  blocksMax: 2 ** 20,
  /** A manifest, beacon or roll is kept in memory, so its size is bounded more tightly. */
  documentBytesMax: 32 * 2 ** 20,
  manifestEntriesMax: 200_000,
  manifestSeriesMax: 65_535,
  /** Pairs of AE titles over which the instances of one study came. */
  manifestAeTitlesMax: 4096,
  rollEntriesMax: 4096,
  beaconCountersMax: 16,
  beaconAlarmsMax: 16,
  /** PS3.5 section 9.1. */
  uidCharactersMax: 64,
  /** PS3.5 section 6.2, value representation AE. */
  aeTitleCharactersMax: 16,
  /** A ticket as text, with its line end: what a QR code of ordinary size can contain. */
  ticketBytesMax: 800,
  sendersMax: 64,
  /** Steps of a calibration: as many rates fit into the shortest marker. */
  calibrationStepsMax: 96,
  /** Datagrams of one step: a receiver keeps a bit for each. */
  calibrationDatagramsMax: 2 ** 24,
  /** Markers that announce the end of one step. */
  calibrationMarkersMax: 16,
} as const;

/** PS3.5 section 9.1, as far as it matters for a path or a key: digits and dots, at most 64. */
const uidPattern = /^[0-9.]{1,64}$/;

/** Whether a string may be used as a UID. A name of only dots would be a path, so one digit is needed. */
export function isUid(text: string): boolean {
  return uidPattern.test(text) && /^[0-9]/.test(text);
}

/** PS3.5 section 6.2, value representation AE, without the spaces around it: no backslash, no control character. */
const aeTitlePattern = /^(?! )[ -[\]-~]{1,16}(?<! )$/;

/** Whether a text is an AE title: 1 to 16 printable ASCII characters without a backslash, no space at either end. */
export function isAeTitle(text: string): boolean {
  return aeTitlePattern.test(text);
}
