/**
 * Watches the sender's end of the link. A transmit-only host is never told that nothing gets out: a send succeeds without
 * carrier, without a neighbour entry and into a full queue. So the kernel's own counters are read, and while nothing can
 * cross, the queue is stopped instead of being sent into the void.
 */
import { DiodeError, type ErrorCode } from '../../shared/errors.ts';
import {
  type HostFiles,
  type InterfaceState,
  interfaceCounter,
  interfaceState,
  isDown,
  isGroupAddress,
  neighbourState,
  procNet,
  type Route,
  routeTo,
} from '../../shared/host-network.ts';

export interface SenderLinkSettings {
  /** The receiver. */
  readonly address: string;
  /** The configured interface; undefined: the one that a specific route leads to, never the default route. */
  readonly interface: string | undefined;
  readonly datagramBytes: number;
}

/** What the data plane does: `probe` sends a datagram now and then, so that a kernel that may ask for a neighbour does so. */
export type LinkStop = 'none' | 'probe' | 'all';

export interface SenderLinkHealth {
  readonly interface: string | undefined;
  readonly stopped: LinkStop;
  /** What is wrong, at most one entry per code. */
  readonly problems: readonly { readonly code: ErrorCode; readonly detail: string }[];
  readonly carrierLosses: number | undefined;
  /** Packets that the interface was given and did not send, since it exists. */
  readonly notSent: number;
  /** The interface of the default route, if only that leads to the receiver. */
  readonly defaultRouteOver: string | undefined;
}

/** UDP 8, IPv4 20. */
const headerBytes = 28;
/** How many checks without a further drop clear the alarm. */
const quietLooks = 50;

/** No route belongs to the link: what is sent now would go nowhere, or into another network. */
function withoutWay(defaultRouteOver: string | undefined): SenderLinkHealth {
  const giveAddress = 'bring up the interface of the link, and give it its address';
  const detail =
    defaultRouteOver === undefined
      ? `no route leads to the receiver: ${giveAddress}`
      : `only the default route leads to the receiver, over ${defaultRouteOver}, which may be another network: ${giveAddress}, or set link.interface`;
  return {
    interface: undefined,
    stopped: 'all',
    problems: [{ code: 'E_LINK_DOWN', detail }],
    carrierLosses: undefined,
    notSent: 0,
    defaultRouteOver,
  };
}

/** The route to the receiver; undefined if there is none, or if it is unknown. */
function linkRoute(files: HostFiles, address: string): Route | undefined {
  if (address.startsWith('127.') || files.ownAddresses().has(address))
    return { interface: 'lo', gateway: undefined, isDefault: false };
  const text = files.read(`${procNet}/route`);
  return text === undefined ? undefined : routeTo(text, address);
}

/**
 * The interface that datagrams have to leave by.
 * @returns undefined if the host does not say
 * @throws DiodeError E_LINK_SEND while no route belongs to the link
 */
export function linkInterface(
  files: HostFiles,
  settings: Pick<SenderLinkSettings, 'address' | 'interface'>,
): string | undefined {
  if (settings.interface !== undefined) return settings.interface;
  const route = linkRoute(files, settings.address);
  if (route?.isDefault === false) return route.interface;
  if (files.read(`${procNet}/route`) === undefined) return undefined;
  throw new DiodeError('E_LINK_SEND', 'no route of its own leads to the receiver');
}

/** What a check compares with the previous one. */
export class SenderLinkWatch {
  readonly #files: HostFiles;
  readonly #settings: SenderLinkSettings;
  /** The first one found: a route that later leads elsewhere is a fault, not another link. */
  #interface: string | undefined;
  #notSent: number | undefined;
  #looksSinceDrop = quietLooks;

  constructor(files: HostFiles, settings: SenderLinkSettings) {
    this.#files = files;
    this.#settings = settings;
  }

  /** Reads a dozen small files: about a fifth of a millisecond. */
  look(): SenderLinkHealth {
    const route = linkRoute(this.#files, this.#settings.address);
    const defaultRouteOver = route?.isDefault === true ? route.interface : undefined;
    if (this.#interface === undefined && this.#isWithoutWay(route)) return withoutWay(defaultRouteOver);
    this.#interface ??= this.#settings.interface ?? route?.interface;
    const state = this.#interface === undefined ? undefined : interfaceState(this.#files, this.#interface);
    // If the host does not say (no Linux, no /sys), there is nothing to complain about and no reason to stop.
    if (this.#interface === undefined || (state === undefined && !this.#tells()))
      return {
        interface: this.#interface,
        stopped: 'none',
        problems: [],
        carrierLosses: undefined,
        notSent: 0,
        defaultRouteOver,
      };
    const down = this.#whyDown(state, route);
    const neighbour =
      down === undefined && state !== undefined ? this.#neighbourProblem(state, route) : undefined;
    const problems = [down, neighbour, this.#sizeProblem(state), this.#dropProblem()];
    return {
      interface: this.#interface,
      stopped: down !== undefined ? 'all' : neighbour?.missing === true ? 'probe' : 'none',
      problems: problems
        .filter((problem) => problem !== undefined)
        .map(({ code, detail }) => ({ code, detail })),
      carrierLosses: state?.carrierLosses,
      notSent: this.#notSent ?? 0,
      defaultRouteOver,
    };
  }

  /**
   * Reads only what tells whether the link was up all the time: two files.
   * @returns the number of carrier losses, or undefined while it is down
   */
  carrier(): number | undefined {
    const { interface: name } = this;
    if (name === undefined) return 0;
    const carrier = this.#files.read(`/sys/class/net/${name}/carrier`);
    if (carrier === undefined) return this.#tells() ? undefined : 0;
    if (carrier.trim() !== '1') return undefined;
    return Number(this.#files.read(`/sys/class/net/${name}/carrier_down_count`) ?? 0);
  }

  get interface(): string | undefined {
    return this.#interface;
  }

  /**
   * Whether the host's routes are known, and none leads to the receiver except the default route, as when the link's
   * interface is off at the start.
   */
  #isWithoutWay(route: Route | undefined): boolean {
    if (this.#settings.interface !== undefined) return false;
    if (route !== undefined) return route.isDefault;
    return this.#files.read(`${procNet}/route`) !== undefined;
  }

  /** Whether /sys exists and belongs to this process's network: in a container it may belong to another. */
  #tells(): boolean {
    if (this.#files.read('/sys/class/net/lo/operstate') === undefined) return false;
    const devices = this.#files.read(`${procNet}/dev`) ?? '';
    const listed = devices.split('\n').some((line) => line.trim().startsWith(`${this.#interface}:`));
    return !listed || this.#files.read(`/sys/class/net/${this.#interface}/operstate`) !== undefined;
  }

  #whyDown(state: InterfaceState | undefined, route: Route | undefined) {
    const name = this.#interface;
    const because = (detail: string) => ({ code: 'E_LINK_DOWN' as const, detail });
    if (state === undefined) return because(`there is no interface ${name}`);
    if (state.carrier === undefined) return because(`${name} is switched off: run ip link set ${name} up`);
    if (!state.carrier)
      return because(`${name} has no carrier: check the fiber, the splitter loop and the converter`);
    if (isDown(state)) return because(`${name} is ${state.operationalState}`);
    if (route === undefined) return because(`no route leads to the receiver: give ${name} its address again`);
    // Otherwise traffic meant for the link would go out somewhere else.
    if (route.interface !== name)
      return because(`the route to the receiver goes over ${route.interface}, not ${name}`);
    return undefined;
  }

  #neighbourProblem(state: InterfaceState, route: Route | undefined) {
    const neighbour = route?.gateway ?? this.#settings.address;
    if (!state.needsNeighbour || isGroupAddress(neighbour)) return undefined;
    const text = this.#files.read(`${procNet}/arp`);
    const found = text === undefined ? 'permanent' : neighbourState(text, neighbour, state.name);
    if (found === 'permanent') return undefined;
    const command = `ip neigh replace ${neighbour} lladdr <receiver's hardware address> nud permanent dev ${state.name}`;
    const missing = found === 'missing';
    const detail = missing ? 'there is no neighbour entry' : 'the neighbour entry is not permanent';
    return { code: 'E_LINK_NEIGHBOUR' as const, detail: `${detail}: run ${command}`, missing };
  }

  #sizeProblem(state: InterfaceState | undefined) {
    const needed = this.#settings.datagramBytes + headerBytes;
    if (state?.mtu === undefined || state.mtu >= needed) return undefined;
    return {
      code: 'E_LINK_MTU' as const,
      detail: `the MTU of ${state.name} is ${state.mtu}, but a datagram needs ${needed}`,
    };
  }

  #dropProblem() {
    const name = this.#interface ?? '';
    const dropped = interfaceCounter(this.#files, name, 'tx_dropped') ?? 0;
    const failed = interfaceCounter(this.#files, name, 'tx_errors') ?? 0;
    const before = this.#notSent ?? dropped + failed;
    this.#notSent = dropped + failed;
    this.#looksSinceDrop = this.#notSent > before ? 0 : this.#looksSinceDrop + 1;
    if (this.#looksSinceDrop >= quietLooks) return undefined;
    return {
      code: 'E_LINK_DROPS' as const,
      detail: `${name} dropped datagrams it was given to send (tx_dropped ${dropped}, tx_errors ${failed})`,
    };
  }
}
