/**
 * Watches the receiver's end of the link, and says where datagrams were lost: the sequence numbers tell how many, the
 * counters of kernel, socket and ring tell how many of these reached this host; the rest was lost on the way.
 *
 *     link → network interface (nic) → socket buffer → ring → disk
 */
import { countText } from '../../shared/console/quantities.ts';
import type { ErrorCode } from '../../shared/errors.ts';
import {
  backlogDrops,
  type HostFiles,
  interfaceCounter,
  interfaceOf,
  interfaceState,
  isDown,
  kernelLimit,
  procNet,
  protocolCounter,
  socketDrops,
} from '../../shared/host-network.ts';

/** Datagrams lost since the start, by the place where they were lost. */
export interface Losses {
  /** Before this host: fibre, converter, or the sender's own network interface. */
  readonly link: number;
  readonly nic: number;
  readonly socket: number;
  /** The ring was full while the processor was busy with other things than the disk. */
  readonly ring: number;
  /** The ring was full while this program waited for its disk. */
  readonly disk: number;
}

/** What the program itself has counted so far. */
export interface ReceptionCounts {
  readonly atMs: number;
  readonly admitted: number;
  /** Sent and never worked on, by the sequence numbers: all losses together. */
  readonly lost: number;
  readonly ringDrops: number;
  /** Time this program has spent in disk operations. */
  readonly diskMs: number;
}

export interface ReceiverLinkHealth {
  readonly interface: string | undefined;
  readonly losses: Losses;
  readonly problems: readonly { readonly code: ErrorCode; readonly detail: string }[];
  /** Counters of the interface that say what a loss on the link looked like. */
  readonly damaged: number;
}

/** What this watch may complain of. */
export const receiverLinkCodes = [
  'E_LINK_DOWN',
  'E_LINK_MTU',
  'E_LINK_LOSS',
  'E_NIC_DROPS',
  'E_SOCKET_DROPS',
  'E_RING_FULL',
  'E_DISK_SLOW',
] as const satisfies readonly ErrorCode[];

/** UDP 8, IPv4 20. */
const headerBytes = 28;
/** Looks that an alarm looks back on. */
const windowLooks = 10;
/** Of the link: well within what the repair symbols are made for, and worth a look. */
const linkLossShare = 0.02;
const linkLossMin = 100;

const noRoomInInterface = ['rx_missed_errors', 'rx_fifo_errors', 'rx_over_errors', 'rx_dropped'];
const damagedOnTheWay = ['rx_crc_errors', 'rx_frame_errors', 'rx_length_errors'];

interface HostCounts {
  readonly nic: number;
  readonly socket: number;
}

export class ReceiverLinkWatch {
  readonly #files: HostFiles;
  readonly #settings: ReceiverLinkSettings;
  readonly #history: { readonly losses: Losses; readonly admitted: number }[] = [];
  #interface: string | undefined;
  #base: HostCounts | undefined;
  #before: ReceptionCounts | undefined;
  #ring = 0;
  #disk = 0;

  constructor(files: HostFiles, settings: ReceiverLinkSettings) {
    this.#files = files;
    this.#settings = settings;
  }

  /** Call it once a second. */
  look(counts: ReceptionCounts): ReceiverLinkHealth {
    this.#interface ??= this.#settings.interface ?? interfaceOf(this.#files, this.#settings.address);
    const losses = this.#attribute(counts);
    this.#history.push({ losses, admitted: counts.admitted });
    if (this.#history.length > windowLooks + 1) this.#history.shift();
    return {
      interface: this.#interface,
      losses,
      problems: [...this.#interfaceProblems(), ...this.#lossProblems()],
      damaged: this.#sum(damagedOnTheWay),
    };
  }

  #attribute(counts: ReceptionCounts): Losses {
    const before = this.#before ?? { ...counts, ringDrops: 0, diskMs: counts.diskMs };
    this.#before = { ...counts };
    const drops = Math.max(0, counts.ringDrops - before.ringDrops);
    const waitedForDisk = counts.diskMs - before.diskMs > (counts.atMs - before.atMs) / 2;
    if (waitedForDisk) this.#disk += drops;
    else this.#ring += drops;
    const host = this.#hostCounts();
    this.#base ??= host;
    const socket = Math.max(0, host.socket - this.#base.socket);
    const unexplained = Math.max(0, counts.lost - this.#ring - this.#disk - socket);
    // An interface also drops what was never ours, such as frames of its neighbours.
    const nic = Math.min(Math.max(0, host.nic - this.#base.nic), unexplained);
    return { link: unexplained - nic, nic, socket, ring: this.#ring, disk: this.#disk };
  }

  #hostCounts(): HostCounts {
    const read = (name: string) => this.#files.read(`${procNet}/${name}`) ?? '';
    const { address, port } = this.#settings;
    return {
      nic: this.#sum(noRoomInInterface) + backlogDrops(read('softnet_stat')),
      socket:
        socketDrops(read('udp'), address, port) ?? protocolCounter(read('snmp'), 'Udp', 'RcvbufErrors') ?? 0,
    };
  }

  #interfaceProblems(): { code: ErrorCode; detail: string }[] {
    const state = this.#interface === undefined ? undefined : interfaceState(this.#files, this.#interface);
    if (state === undefined) return [];
    const problems: { code: ErrorCode; detail: string }[] = [];
    if (isDown(state)) {
      const what = state.carrier === undefined ? 'is switched off' : 'sees no light (no carrier)';
      problems.push({ code: 'E_LINK_DOWN', detail: `${state.name} ${what}` });
    }
    const needed = this.#settings.datagramBytes + headerBytes;
    if (state.mtu !== undefined && state.mtu < needed)
      problems.push({
        code: 'E_LINK_MTU',
        detail: `the MTU of ${state.name} is ${state.mtu}, but a datagram needs ${needed}`,
      });
    return problems;
  }

  #lossProblems(): { code: ErrorCode; detail: string }[] {
    const [first] = this.#history;
    const last = this.#history.at(-1);
    if (first === undefined || last === undefined) return [];
    const recent = (place: keyof Losses) => last.losses[place] - first.losses[place];
    const problems: { code: ErrorCode; detail: string }[] = [];
    const complain = (place: keyof Losses, code: ErrorCode, detail: string) => {
      if (recent(place) > 0)
        problems.push({ code, detail: `${countText(recent(place), 'datagram')} lost: ${detail}` });
    };
    const limit = (name: string) => kernelLimit(this.#files, name) ?? 'unknown';
    complain(
      'nic',
      'E_NIC_DROPS',
      `enlarge its receive ring (ethtool -G) and net.core.netdev_max_backlog (now ${limit('net/core/netdev_max_backlog')})`,
    );
    complain(
      'socket',
      'E_SOCKET_DROPS',
      `raise net.core.rmem_max (now ${limit('net/core/rmem_max')}) and link.receiveBufferBytes`,
    );
    complain('ring', 'E_RING_FULL', 'the processor was busy');
    complain('disk', 'E_DISK_SLOW', 'the disk was too slow');
    const link = recent('link');
    const share = link / Math.max(1, link + last.admitted - first.admitted);
    if (link >= linkLossMin && share >= linkLossShare)
      problems.push({
        code: 'E_LINK_LOSS',
        detail: `${(share * 100).toFixed(1)} % of the datagrams did not reach this host; ${countText(this.#sum(damagedOnTheWay), 'frame')} arrived damaged`,
      });
    return problems;
  }

  #sum(counters: readonly string[]): number {
    const name = this.#interface;
    if (name === undefined) return 0;
    return counters.reduce((sum, counter) => sum + (interfaceCounter(this.#files, name, counter) ?? 0), 0);
  }
}

export interface ReceiverLinkSettings {
  /** The own address that the socket is bound to, and its port. */
  readonly address: string;
  readonly port: number;
  /** The configured interface; undefined: the one that has the address. */
  readonly interface: string | undefined;
  readonly datagramBytes: number;
}
