/** A host's /proc and /sys as a table of texts, to be changed while something watches it. */
import type { HostFiles } from '../../shared/host-network.ts';

export class TableOfFiles implements HostFiles {
  readonly #files = new Map<string, string>();
  readonly #own = new Map<string, string>();

  /** A host with a loopback interface, and one more that runs. */
  constructor(options: { name: string; ownAddress: string; networkRoute: string; mtu?: number }) {
    this.interface('lo', { flags: '0x9', mtu: 65_536, operstate: 'unknown' });
    this.interface(options.name, { mtu: options.mtu ?? 1500 });
    this.#own.set('127.0.0.1', 'lo').set(options.ownAddress, options.name);
    this.set('/proc/self/net/route', routeTable([options.networkRoute]));
    this.set('/proc/self/net/arp', arpTable([]));
  }

  read(path: string): string | undefined {
    return this.#files.get(path);
  }

  ownAddresses(): ReadonlyMap<string, string> {
    return this.#own;
  }

  set(path: string, text: string | undefined): void {
    if (text === undefined) this.#files.delete(path);
    else this.#files.set(path, text);
  }

  interface(
    name: string,
    state: {
      carrier?: '0' | '1' | 'refused';
      operstate?: string;
      mtu?: number;
      flags?: string;
      carrierLosses?: number;
    } = {},
  ): void {
    const at = (file: string) => `/sys/class/net/${name}/${file}`;
    const carrier = state.carrier ?? '1';
    this.set(at('carrier'), carrier === 'refused' ? undefined : `${carrier}\n`);
    this.set(at('operstate'), `${state.operstate ?? 'up'}\n`);
    this.set(at('mtu'), `${state.mtu ?? 1500}\n`);
    this.set(at('flags'), `${state.flags ?? '0x1003'}\n`);
    this.set(at('carrier_down_count'), `${state.carrierLosses ?? 0}\n`);
  }

  counter(name: string, counter: string, value: number): void {
    this.set(`/sys/class/net/${name}/statistics/${counter}`, `${value}\n`);
  }
}

/** As /proc/net/route prints it. */
export function routeTable(lines: readonly string[]): string {
  return [
    'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT',
    ...lines,
    '',
  ].join('\n');
}

/** As /proc/net/arp prints it; each entry is address, flags and interface. */
export function arpTable(entries: readonly (readonly [string, string, string])[]): string {
  return [
    'IP address       HW type     Flags       HW address            Mask     Device',
    ...entries.map(
      ([address, flags, name]) =>
        `${address.padEnd(17)}0x1         ${flags}         02:fc:00:00:00:05     *        ${name}`,
    ),
    '',
  ].join('\n');
}
