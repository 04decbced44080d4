/**
 * The stand-in for two appliances and a fibre: two network namespaces with a veth pair between them. The sender's
 * kernel cuts every datagram itself (`tx-udp-segmentation off`), the receiver's joins them again (`gro on`): so each
 * datagram crosses by itself, as it would on a network interface. Needs root, iproute2 and ethtool.
 */
import { execFileSync } from 'node:child_process';
import type { Tool } from './machine.ts';

export const namespaceTools: readonly Tool[] = [
  { command: 'ip', debianPackage: 'iproute2' },
  { command: 'ethtool', debianPackage: 'ethtool' },
  { command: 'taskset', debianPackage: 'util-linux' },
];

export const lowAddress = '10.99.0.1';
export const highAddress = '10.99.0.2';
export const lowInterface = 'tx0';
export const highInterface = 'rx0';

/** What stands with each figure. */
const toldFeatures = [
  'tx-udp-segmentation',
  'generic-segmentation-offload',
  'generic-receive-offload',
  'rx-udp-gro-forwarding',
];

export class NamespacePair {
  readonly #low = `diode-low-${process.pid}`;
  readonly #high = `diode-high-${process.pid}`;
  readonly #remove = (): void => {
    for (const name of [this.#low, this.#high]) {
      try {
        run(['ip', 'netns', 'delete', name]);
      } catch {
        // It was never made.
      }
    }
  };

  /** @throws Error when it is not allowed here, or a step is refused; nothing is left then */
  constructor() {
    if (process.getuid?.() !== 0) throw new Error('network namespaces need root');
    process.once('exit', this.#remove);
    try {
      this.#make();
    } catch (error) {
      this.remove();
      throw error;
    }
  }

  /** What stands before a command that runs on the low side, on the first core. */
  get low(): readonly string[] {
    return ['ip', 'netns', 'exec', this.#low, 'taskset', '-c', '0'];
  }

  /** The same for the high side, on the second core. */
  get high(): readonly string[] {
    return ['ip', 'netns', 'exec', this.#high, 'taskset', '-c', '1'];
  }

  /** Which offloads are on, as a line to stand with the figures. */
  offloads(): string {
    const told = (side: readonly string[], networkInterface: string): string => {
      const text = run([...side, 'ethtool', '-k', networkInterface]);
      const found = toldFeatures.map(
        (name) => `${name} ${new RegExp(`^${name}: (\\w+)`, 'm').exec(text)?.[1]}`,
      );
      return `${networkInterface}: ${found.join(', ')}`;
    };
    return `${told(this.low, lowInterface)}; ${told(this.high, highInterface)}`;
  }

  remove(): void {
    process.removeListener('exit', this.#remove);
    this.#remove();
  }

  #make(): void {
    const [low, high] = [this.#low, this.#high];
    run(['ip', 'netns', 'add', low]);
    run(['ip', 'netns', 'add', high]);
    this.join();
  }

  /** Makes the interfaces of both sides, as at the start: again when they were deleted. */
  join(): void {
    const [low, high] = [this.#low, this.#high];
    run(
      ['ip', 'link', 'add', lowInterface, 'netns', low, 'type', 'veth'].concat([
        'peer',
        'name',
        highInterface,
        'netns',
        high,
      ]),
    );
    const sides = [
      [low, lowInterface, lowAddress],
      [high, highInterface, highAddress],
    ] as const;
    for (const [namespace, networkInterface, address] of sides) {
      const ip = ['ip', '-n', namespace];
      run([...ip, 'address', 'add', `${address}/24`, 'dev', networkInterface]);
      // No IPv6: its solicitations would count as the first packet of a study.
      run([...ip, 'link', 'set', networkInterface, 'addrgenmode', 'none']);
      run([...ip, 'link', 'set', 'lo', 'up']);
      run([...ip, 'link', 'set', networkInterface, 'up']);
    }
    // As on the fibre: nobody answers an ARP request, so the neighbours are written down. iperf3 needs both.
    this.#addNeighbour(low, lowInterface, highAddress, this.#hardwareAddress(high, highInterface));
    this.#addNeighbour(high, highInterface, lowAddress, this.#hardwareAddress(low, lowInterface));
    run([...this.low, 'ethtool', '-K', lowInterface, 'tx-udp-segmentation', 'off']);
    // Without the second one a veth interface has no receive queue, and nothing is ever joined on it; a network
    // interface joins for a socket that asks for it (UDP_GRO) with the first alone.
    run([...this.high, 'ethtool', '-K', highInterface, 'gro', 'on', 'rx-udp-gro-forwarding', 'on']);
  }

  #hardwareAddress(namespace: string, networkInterface: string): string {
    const text = run(['ip', '-n', namespace, '-o', 'link', 'show', 'dev', networkInterface]);
    const address = /link\/ether ([0-9a-f:]{17})/.exec(text)?.[1];
    if (address === undefined) throw new Error(`${networkInterface} has no hardware address`);
    return address;
  }

  #addNeighbour(namespace: string, networkInterface: string, address: string, hardware: string): void {
    const where = ['dev', networkInterface, 'nud', 'permanent'];
    run(['ip', '-n', namespace, 'neighbour', 'replace', address, 'lladdr', hardware, ...where]);
  }
}

function run(command: readonly string[]): string {
  const [program = '', ...flags] = command;
  return execFileSync(program, flags, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}
