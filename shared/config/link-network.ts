/**
 * Addresses on the network of the link. Nothing comes back over it, so nobody there can answer, and anyone who could
 * be reached there would be a way around its single direction.
 */

/** The link joins two hosts, so its network has four addresses, as in hw-notes, networkd/ and the units. */
const prefixMask = 0xffff_fffc;

/**
 * Whether an address is on the network of the link, as far as the configuration tells.
 * @param place an address, a host name or a web address; anything but an IPv4 address is for `doctor` to look up
 * @param linkAddress on loopback, as in the demo, everything is on one network
 */
export function isOnLinkNetwork(place: string, linkAddress: string): boolean {
  const own = addressNumber(linkAddress);
  const other = addressNumber(hostOf(place));
  if (own === undefined || other === undefined || linkAddress.startsWith('127.')) return false;
  return (own & prefixMask) === (other & prefixMask);
}

/** The host of a web address, without the brackets of IPv6; anything else is a host itself. */
export function hostOf(place: string): string {
  const host = URL.canParse(place) && place.includes('://') ? new URL(place).hostname : place;
  const bare = host.replace(/^\[|\]$/g, '').toLowerCase();
  // An IPv4 address written as IPv6 (RFC 4291, section 2.5.5.2): the connection goes over IPv4.
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(bare);
  if (mapped === null) return bare.replace(/^::ffff:(?=[0-9.]+$)/, '');
  return [mapped[1], mapped[2]]
    .map((part) => Number.parseInt(part ?? '', 16))
    .flatMap((part) => [part >>> 8, part & 0xff])
    .join('.');
}

function addressNumber(address: string): number | undefined {
  const parts = address.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) < 256))
    return undefined;
  return parts.reduce((number, part) => ((number << 8) | Number(part)) >>> 0, 0);
}
