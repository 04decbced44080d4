/** What a datagram costs on the wire: both sides count rates this way. */

/** UDP 8, IPv4 20, Ethernet header and checksum 18, preamble 8, gap 12. */
export const framingBytes = 8 + 20 + 18 + 8 + 12;

/** Time a datagram takes on the wire at a rate, in milliseconds. */
export function wireTimeMs(datagramBytes: number, rateMegabitsPerSecond: number): number {
  return ((datagramBytes + framingBytes) * 8) / (rateMegabitsPerSecond * 1000);
}
