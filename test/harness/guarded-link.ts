/**
 * The one-way link as hw-notes set it up, in two network namespaces: the files that stand there are applied here, with
 * the names of this link in the place of theirs. And what watches it: a capture of all that reaches the low side.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { highAddress, highInterface, lowInterface, type NamespacePair } from '../bench/namespaces.ts';
import type { Processes, RunningProgram } from './processes.ts';
import { repositoryRoot } from './repository-root.ts';

const notes = join(repositoryRoot(), 'hw-notes');
const notedInterface = /\beth1\b/g;
/** A capture file without a frame: the header of the file format (pcap). */
const emptyCaptureBytes = 24;

export class GuardedLink {
  readonly #namespaces: NamespacePair;

  constructor(namespaces: NamespacePair) {
    this.#namespaces = namespaces;
  }

  /** sysctl.d/61-diode-link.conf on both sides, and the receiver's interface without ARP and routes, as networkd/ says. */
  quieten(): void {
    for (const [side, name] of this.#sides()) {
      const text = readFileSync(join(notes, 'sysctl.d', '61-diode-link.conf'), 'utf8');
      for (const [, key = '', value = ''] of text.matchAll(/^([a-z0-9_.]+) = (\d+)$/gm)) {
        const path = `/proc/sys/${key.replace(notedInterface, name).replaceAll('.', '/')}`;
        run([...side, 'sh', '-c', `echo ${value} > ${path}`]);
      }
    }
    this.#address('/24', '/32');
    run([...this.#namespaces.high, 'ip', 'neighbour', 'flush', 'dev', highInterface, 'nud', 'all']);
    run([...this.#namespaces.high, 'ip', 'link', 'set', highInterface, 'arp', 'off']);
  }

  /** nftables/sender.nft and nftables/receiver.nft. */
  guard(folder: string, port: number): void {
    for (const [side, name, file] of this.#sides()) {
      const rules = readFileSync(join(notes, 'nftables', `${file}.nft`), 'utf8')
        .replace(notedInterface, name)
        .replace(/^define port = .*$/m, `define port = ${port}`);
      const path = join(folder, `${file}.nft`);
      writeFileSync(path, rules);
      // A second time as well: a file that can't be loaded again is none for a running host.
      for (let time = 0; time < 2; time += 1) run([...side, 'nft', '-f', path]);
    }
  }

  /** Packets by counter name, as `nft` tells them. */
  counters(side: 'low' | 'high'): Record<string, number> {
    const told: { nftables: { counter?: { name: string; packets: number } }[] } = JSON.parse(
      run([...this.#namespaces[side], 'nft', '-j', 'list', 'counters']),
    );
    return Object.fromEntries(
      told.nftables.flatMap(({ counter }) =>
        counter === undefined ? [] : [[counter.name, counter.packets]],
      ),
    );
  }

  /** Frames that reached the low side's interface, by its own statistics. */
  framesToLow(): number {
    const file = `/sys/class/net/${lowInterface}/statistics/rx_packets`;
    return Number(run([...this.#namespaces.low, 'cat', file]));
  }

  /** Frames the high side's interface sent, by its own statistics. */
  framesFromHigh(): number {
    const file = `/sys/class/net/${highInterface}/statistics/tx_packets`;
    return Number(run([...this.#namespaces.high, 'cat', file]));
  }

  /** Captures every frame that reaches the low side, before any rule sees it. */
  async capture(processes: Processes, path: string): Promise<Capture> {
    const [command = '', ...before] = this.#namespaces.low;
    const flags = ['tcpdump', '-i', lowInterface, '-Q', 'in', '-n', '-U', '--immediate-mode', '-w', path];
    const program = processes.start('tcpdump', command, { arguments: [...before, ...flags] });
    await program.waitForLine(/listening on/);
    return new Capture(program, path);
  }

  /** Takes the quiet settings of the high side back and sends to the low side: the kernel asks for it by ARP and IPv6. */
  tryToSendBack(lowAddress: string): void {
    const { high } = this.#namespaces;
    this.#address('/32', '/24');
    run([...high, 'ip', 'link', 'set', highInterface, 'arp', 'on']);
    run([...high, 'sh', '-c', `echo 0 > /proc/sys/net/ipv6/conf/${highInterface}/disable_ipv6`]);
    const send = `require('node:dgram').createSocket('udp4').send('x', 4747, '${lowAddress}', () => process.exit())`;
    run([...high, process.execPath, '-e', send]);
  }

  #address(from: string, to: string): void {
    const address = [...this.#namespaces.high, 'ip', 'address'];
    run([...address, 'delete', highAddress + from, 'dev', highInterface]);
    run([...address, 'add', highAddress + to, 'dev', highInterface]);
  }

  #sides() {
    const { low, high } = this.#namespaces;
    return [
      [low, lowInterface, 'sender'],
      [high, highInterface, 'receiver'],
    ] as const;
  }
}

export class Capture {
  readonly #program: RunningProgram;
  readonly #path: string;

  constructor(program: RunningProgram, path: string) {
    this.#program = program;
    this.#path = path;
  }

  /** Bytes of frames so far, with what the file format adds to each. */
  get capturedBytes(): number {
    return statSync(this.#path).size - emptyCaptureBytes;
  }

  /** @returns what the capturing program says it captured */
  async stop(): Promise<number> {
    await this.#program.stop();
    const told = /^(\d+) packets? captured$/m.exec(this.#program.text('stderr'))?.[1];
    if (told === undefined) throw new Error('tcpdump did not say how much it captured');
    return Number(told);
  }
}

/** Sends one datagram from the low side to a port where nobody listens. */
export function knock(namespaces: NamespacePair, port: number): void {
  const script = `require('node:dgram').createSocket('udp4').send('x', ${port}, '${highAddress}', () => process.exit())`;
  run([...namespaces.low, process.execPath, '-e', script]);
}

function run(command: readonly string[]): string {
  const [program = '', ...flags] = command;
  return execFileSync(program, flags, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}
