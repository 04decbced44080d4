/**
 * The hospital's network beside the link: a host in a namespace of its own, joined to the high side by another pair of
 * interfaces. It has a route to the link's address over that, as any host of that network could have.
 */
import { execFileSync } from 'node:child_process';
import { highAddress, type NamespacePair } from '../bench/namespaces.ts';

/** The high side's interface of that network. */
const otherInterface = 'hs0';
const otherAddress = '192.0.2.1';
const hostAddress = '192.0.2.9';

export class OtherNetwork {
  readonly #name = `diode-other-${process.pid}`;

  constructor(namespaces: NamespacePair) {
    const high = namespaceOf(namespaces.high);
    run(['ip', 'netns', 'add', this.#name]);
    const pair = ['ip', 'link', 'add', 'hs1', 'netns', this.#name, 'type', 'veth'];
    run([...pair, 'peer', 'name', otherInterface, 'netns', high]);
    for (const [namespace, name, address] of [
      [this.#name, 'hs1', hostAddress],
      [high, otherInterface, otherAddress],
    ] as const) {
      run(['ip', '-n', namespace, 'address', 'add', `${address}/24`, 'dev', name]);
      run(['ip', '-n', namespace, 'link', 'set', name, 'up']);
    }
    run(['ip', '-n', this.#name, 'route', 'add', highAddress, 'via', otherAddress]);
  }

  /** Sends datagrams to the link's address over this network. */
  send(port: number, datagrams: number): void {
    sendFrom(['ip', 'netns', 'exec', this.#name], port, datagrams);
  }

  remove(): void {
    run(['ip', 'netns', 'delete', this.#name]);
  }
}

/** Sends datagrams to the link's address that are none of the link's. */
export function sendFrom(side: readonly string[], port: number, datagrams: number): void {
  const script = `const socket = require('node:dgram').createSocket('udp4'); let left = ${datagrams};
    for (let n = left; n > 0; n -= 1) socket.send('x'.repeat(1472), ${port}, '${highAddress}', () => { if (--left === 0) socket.close(); })`;
  run([...side, process.execPath, '-e', script]);
}

function namespaceOf(side: readonly string[]): string {
  const name = side[side.indexOf('exec') + 1];
  if (name === undefined) throw new Error('the side has a namespace');
  return name;
}

function run(command: readonly string[]): void {
  const [program = '', ...flags] = command;
  execFileSync(program, flags, { stdio: ['ignore', 'ignore', 'pipe'] });
}
