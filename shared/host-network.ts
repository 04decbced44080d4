/**
 * What Linux says about its network in /proc and /sys, read without starting a program. The parsers are pure: text in,
 * facts out; a missing or unexpected file gives undefined and no complaint.
 */
import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';

/** The files of the host, and its own addresses. Tests pass others. */
export interface HostFiles {
  /** Undefined if it can't be read: an interface that is down refuses to give its `carrier`. */
  read(path: string): string | undefined;
  /** The host's IPv4 addresses on running interfaces, each with its interface. */
  ownAddresses(): ReadonlyMap<string, string>;
}

export const hostFiles: HostFiles = {
  read: (path) => {
    try {
      return readFileSync(path, 'latin1');
    } catch {
      return undefined;
    }
  },
  ownAddresses: () =>
    new Map(
      Object.entries(networkInterfaces()).flatMap(([name, addresses]) =>
        (addresses ?? []).map(({ address }): [string, string] => [address, name]),
      ),
    ),
};

/** `self`: works whether or not the unit hides other processes. */
export const procNet = '/proc/self/net';

export interface InterfaceState {
  readonly name: string;
  /** Undefined when the interface is administratively down. */
  readonly carrier: boolean | undefined;
  /** RFC 2863: `up`, `down`, `lowerlayerdown`, `unknown` and others. */
  readonly operationalState: string;
  readonly mtu: number | undefined;
  /** How often the carrier was lost since the interface exists. */
  readonly carrierLosses: number | undefined;
  readonly isLoopback: boolean;
  /** Whether what is sent needs the receiver's hardware address (not on tunnels and the like). */
  readonly needsNeighbour: boolean;
}

/** From the kernel's `if.h`. */
const interfaceFlag = { loopback: 0x8, pointToPoint: 0x10, noArp: 0x80 } as const;

/** @returns undefined if there is no such interface here, or the name is invalid */
export function interfaceState(files: HostFiles, name: string): InterfaceState | undefined {
  if (!isInterfaceName(name)) return undefined;
  const read = (file: string) => files.read(`/sys/class/net/${name}/${file}`)?.trim();
  const operationalState = read('operstate');
  if (operationalState === undefined) return undefined;
  const flags = Number(read('flags') ?? 0);
  const carrier = read('carrier');
  return {
    name,
    carrier: carrier === undefined ? undefined : carrier === '1',
    operationalState,
    mtu: wholeNumber(read('mtu')),
    carrierLosses: wholeNumber(read('carrier_down_count')),
    isLoopback: (flags & interfaceFlag.loopback) !== 0,
    needsNeighbour:
      (flags & (interfaceFlag.loopback | interfaceFlag.pointToPoint | interfaceFlag.noArp)) === 0,
  };
}

/** Whether nothing can cross it now. For a driver that reports no state (`unknown`), the carrier decides. */
export function isDown({ carrier, operationalState }: InterfaceState): boolean {
  return carrier !== true || !['up', 'unknown'].includes(operationalState);
}

/** One counter of `statistics/`. */
export function interfaceCounter(files: HostFiles, name: string, counter: string): number | undefined {
  if (!isInterfaceName(name)) return undefined;
  return wholeNumber(files.read(`/sys/class/net/${name}/statistics/${counter}`)?.trim());
}

/** A name that is not a path; the kernel's `dev_valid_name` allows more. */
function isInterfaceName(name: string): boolean {
  return /^[A-Za-z0-9_.@:-]{1,15}$/.test(name) && name !== '.' && name !== '..';
}

export interface Route {
  readonly interface: string;
  /** Undefined if the destination is on the link itself. */
  readonly gateway: string | undefined;
  /** Nothing more specific leads there: the default route. */
  readonly isDefault: boolean;
}

const routeFlag = { up: 0x1, gateway: 0x2, reject: 0x200 } as const;

/** The route to an address: the longest prefix, then the lowest metric. `text` is `/proc/net/route`. */
export function routeTo(text: string, address: string): Route | undefined {
  const wanted = addressNumber(address);
  let best: { prefix: number; metric: number; route: Route } | undefined;
  for (const line of text.split('\n').slice(1, 10_000)) {
    const [name, destination, gateway, flags, , , metric, mask] = line.trim().split(/\s+/);
    if (name === undefined || destination === undefined || gateway === undefined || mask === undefined)
      continue;
    const flag = Number.parseInt(flags ?? '', 16);
    if ((flag & routeFlag.up) === 0 || (flag & routeFlag.reject) !== 0) continue;
    const prefix = kernelNumber(mask);
    if ((wanted & prefix) >>> 0 !== kernelNumber(destination)) continue;
    const cost = Number(metric);
    if (best !== undefined && (prefix < best.prefix || (prefix === best.prefix && cost >= best.metric)))
      continue;
    const via = (flag & routeFlag.gateway) === 0 ? undefined : addressText(kernelNumber(gateway));
    best = { prefix, metric: cost, route: { interface: name, gateway: via, isDefault: prefix === 0 } };
  }
  return best?.route;
}

/** The interface that has a given address of this host, even while it has no carrier; undefined if unknown. */
export function interfaceOf(files: HostFiles, address: string): string | undefined {
  if (address.startsWith('127.')) return 'lo';
  // An interface without carrier is not among the running ones; its network still has a route.
  const own = files.ownAddresses().get(address);
  if (own !== undefined) return own;
  const route = routeTo(files.read(`${procNet}/route`) ?? '', address);
  return route?.isDefault === false ? route.interface : undefined;
}

/** `missing`: no entry, or the kernel asked and nobody answered. `dynamic`: it was learned, and will be forgotten. */
export type NeighbourState = 'permanent' | 'dynamic' | 'missing';

/** What is known about a neighbour's hardware address. `text` is `/proc/net/arp`. */
export function neighbourState(text: string, address: string, interfaceName: string): NeighbourState {
  for (const line of text.split('\n').slice(1, 10_000)) {
    const fields = line.trim().split(/\s+/);
    if (fields[0] !== address || fields.at(-1) !== interfaceName) continue;
    const flags = Number(fields[2]);
    // if_arp.h: ATF_COM 2, ATF_PERM 4.
    if ((flags & 2) === 0) return 'missing';
    return (flags & 4) === 0 ? 'dynamic' : 'permanent';
  }
  return 'missing';
}

/** Datagrams a socket had no room for. `text` is `/proc/net/udp`; undefined if the socket is not in it. */
export function socketDrops(text: string, address: string, port: number): number | undefined {
  const place = `${kernelHex(address)}:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  for (const line of text.split('\n').slice(1, 100_000)) {
    const fields = line.trim().split(/\s+/);
    if (fields[1] === place) return wholeNumber(fields.at(-1));
  }
  return undefined;
}

/** A counter of `/proc/net/snmp`, such as `Udp` and `RcvbufErrors`: a line of names, then one of numbers. */
export function protocolCounter(text: string, protocol: string, counter: string): number | undefined {
  const [names, numbers] = text
    .split('\n')
    .filter((line) => line.startsWith(`${protocol}:`))
    .map((line) => line.trim().split(/\s+/));
  const position = names?.indexOf(counter) ?? -1;
  return position < 0 ? undefined : wholeNumber(numbers?.[position]);
}

/** Packets from all interfaces that no processor had room for. `text` is `/proc/net/softnet_stat`. */
export function backlogDrops(text: string): number {
  return text
    .split('\n')
    .map((line) => Number.parseInt(line.trim().split(/\s+/)[1] ?? '', 16))
    .reduce((sum, drops) => sum + (Number.isSafeInteger(drops) ? drops : 0), 0);
}

/** A limit in `/proc/sys`, such as `net/core/rmem_max`. */
export function kernelLimit(files: HostFiles, name: string): number | undefined {
  return wholeNumber(files.read(`/proc/sys/${name}`)?.trim());
}

/** Multicast (RFC 5771) and the limited broadcast address need no neighbour. */
export function isGroupAddress(address: string): boolean {
  return addressNumber(address) >>> 28 >= 14;
}

function wholeNumber(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,15}$/.test(text)) return undefined;
  return Number(text);
}

/** An IPv4 address as a number, its first byte the highest. */
function addressNumber(address: string): number {
  return address.split('.').reduce((number, part) => ((number << 8) | Number(part)) >>> 0, 0);
}

function addressText(number: number): string {
  return [24, 16, 8, 0].map((shift) => (number >>> shift) & 0xff).join('.');
}

/** The kernel prints addresses in host byte order: the first byte is the lowest on every platform of Node. */
function kernelNumber(hexadecimal: string): number {
  const bytes = Buffer.from(hexadecimal.padStart(8, '0'), 'hex');
  return bytes.length === 4 ? bytes.readUInt32LE() : Number.NaN;
}

function kernelHex(address: string): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(addressNumber(address));
  return bytes.toString('hex').toUpperCase();
}
