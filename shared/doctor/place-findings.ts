/**
 * That no host this one talks to is on the link: scanners, PACS and the malware scanner must be on other networks, by
 * their addresses and by the routes. Names are resolved here and nowhere else: their addresses may change.
 */
import { lookup } from 'node:dns/promises';
import { z } from 'zod';
import { hostOf, isOnLinkNetwork } from '../config/link-network.ts';
import { type HostFiles, procNet, routeTo } from '../host-network.ts';
import { type Finding, ok, wrong } from './finding.ts';

export interface Place {
  /** As the operator knows it: a key of the configuration, or the name of a destination. */
  readonly what: string;
  /** An address, a host name or a web address. */
  readonly where: string;
}

export interface LinkPlace {
  readonly address: string;
  /** If it is known. */
  readonly interface: string | undefined;
}

export type Resolve = (host: string) => Promise<readonly string[]>;

const ipv4 = z.ipv4();
const isAddress = (host: string) => z.union([ipv4, z.ipv6()]).safeParse(host).success;

/** The most places that are resolved, all at once: more than there can be destinations. */
const placesMax = 64;
const resolveMs = 5000;

/** @returns a finding for each place that is on the link or not found, or one that says all is well */
export async function placeFindings(
  files: HostFiles,
  link: LinkPlace,
  places: readonly Place[],
  resolve: Resolve = resolveHost,
): Promise<Finding[]> {
  const check = 'places beside the link';
  const found = await Promise.all(
    places.slice(0, placesMax).map((place) => placeFinding(check, files, link, place, resolve)),
  );
  const problems = found.filter((finding) => finding !== undefined);
  return problems.length > 0 ? problems : [ok(check, `${places.length}, none of them on the link`)];
}

async function placeFinding(
  check: string,
  files: HostFiles,
  link: LinkPlace,
  { what, where }: Place,
  resolve: Resolve,
): Promise<Finding | undefined> {
  const host = hostOf(where);
  const addresses = isAddress(host) ? [host] : await resolve(host);
  if (addresses.length === 0)
    return wrong(
      check,
      'unknown',
      `${what}: ${host} cannot be resolved`,
      'Check the name and the DNS resolver.',
    );
  const there = addresses.find((address) => isOverLink(files, link, address));
  if (there === undefined) return undefined;
  return wrong(
    check,
    'failure',
    `${what} (${there}) is on the network of the link`,
    'Use an address on another network: nothing comes back over the link.',
  );
}

function isOverLink(files: HostFiles, link: LinkPlace, address: string): boolean {
  if (link.address.startsWith('127.')) return false;
  if (address === link.address || isOnLinkNetwork(address, link.address)) return true;
  if (link.interface === undefined || !ipv4.safeParse(address).success) return false;
  const own = files.ownAddresses().get(address);
  if (own !== undefined) return own === link.interface;
  return routeTo(files.read(`${procNet}/route`) ?? '', address)?.interface === link.interface;
}

/** All current addresses of a name; none if it is unknown or does not resolve in time. */
async function resolveHost(host: string): Promise<readonly string[]> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<readonly string[]>((resolved) => {
    timer = setTimeout(resolved, resolveMs, []);
  });
  const looked = lookup(host, { all: true }).then(
    (found) => found.map(({ address }) => address),
    () => [],
  );
  try {
    return await Promise.race([looked, late]);
  } finally {
    clearTimeout(timer);
  }
}
