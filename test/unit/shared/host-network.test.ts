/** Goal: what the kernel prints of its network is read right. Method: texts as kernels print them. */
import { describe, expect, it } from 'vitest';
import {
  backlogDrops,
  hostFiles,
  interfaceCounter,
  interfaceState,
  isDown,
  isGroupAddress,
  kernelLimit,
  neighbourState,
  protocolCounter,
  routeTo,
  socketDrops,
} from '../../../shared/host-network.ts';
import { arpTable, routeTable, TableOfFiles } from '../../harness/host-files.ts';

describe('the route', () => {
  const routes = routeTable([
    'eth0\t00000000\t010200C0\t0003\t0\t0\t100\t00000000\t0\t0\t0',
    'tx0\t0000630A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0',
    'tx1\t0000630A\t00000000\t0001\t0\t0\t50\t00FFFFFF\t0\t0\t0',
    'eth1\t0000640A\t00000000\t0201\t0\t0\t0\t00FFFFFF\t0\t0\t0',
  ]);

  it('is the one with the longest prefix, then with the lowest metric', () => {
    expect(routeTo(routes, '10.99.0.2')).toEqual({ interface: 'tx0', gateway: undefined, isDefault: false });
    expect(routeTo(routes, '203.0.113.9')).toEqual({
      interface: 'eth0',
      gateway: '192.0.2.1',
      isDefault: true,
    });
  });

  it('is none of those that reject', () => {
    expect(routeTo(routes, '10.100.0.1')?.interface).toBe('eth0');
  });

  it('may be missing, and the text anything', () => {
    expect(routeTo(routeTable([]), '10.99.0.2')).toBeUndefined();
    expect(routeTo('', '10.99.0.2')).toBeUndefined();
    expect(routeTo('\n\nx\ty\n\t\t\t', '10.99.0.2')).toBeUndefined();
  });
});

describe('a neighbour', () => {
  const table = arpTable([
    ['10.99.0.2', '0x6', 'tx0'],
    ['10.99.0.3', '0x2', 'tx0'],
    ['10.99.0.4', '0x0', 'tx0'],
  ]);

  it.each([
    ['10.99.0.2', 'permanent'],
    ['10.99.0.3', 'dynamic'],
    ['10.99.0.4', 'missing'],
    ['10.99.0.5', 'missing'],
  ] as const)('%s is %s', (address, state) => {
    expect(neighbourState(table, address, 'tx0')).toBe(state);
  });

  it('counts on its own interface only', () => {
    expect(neighbourState(table, '10.99.0.2', 'eth0')).toBe('missing');
  });
});

describe('counters', () => {
  it('of a socket are in the line of its address and port', () => {
    const text = [
      '   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops',
      '  211: 0100007F:1B58 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1 2 0 5',
      '  212: 0200630A:128B 00000000:0000 07 00000000:00034000 00:00000000 00000000     0        0 2 2 0 1234',
      '',
    ].join('\n');
    expect(socketDrops(text, '10.99.0.2', 4747)).toBe(1234);
    expect(socketDrops(text, '127.0.0.1', 7000)).toBe(5);
    expect(socketDrops(text, '10.99.0.2', 4748)).toBeUndefined();
  });

  it('of a protocol stand under their names', () => {
    const text =
      'Ip: Forwarding\nIp: 1\nUdp: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors\nUdp: 10 0 3 9 2\n';
    expect(protocolCounter(text, 'Udp', 'RcvbufErrors')).toBe(2);
    expect(protocolCounter(text, 'Udp', 'Missing')).toBeUndefined();
    expect(protocolCounter('', 'Udp', 'RcvbufErrors')).toBeUndefined();
  });

  it('of the backlog are added up over the processors', () => {
    expect(backlogDrops('0000aaaa 00000010 00000000\n0000bbbb 0000000f 00000000\n')).toBe(31);
  });
});

describe('an interface', () => {
  const files = new TableOfFiles({
    name: 'tx0',
    ownAddress: '10.99.0.1',
    networkRoute: 'tx0\t0000630A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0',
  });

  it.each([
    [{}, false],
    [{ carrier: '0', operstate: 'lowerlayerdown' }, true],
    [{ carrier: '0', operstate: 'up' }, true],
    [{ carrier: 'refused', operstate: 'down' }, true],
    [{ operstate: 'dormant' }, true],
    [{ operstate: 'unknown' }, false],
  ] as const)('that says %j is down: %s', (state, down) => {
    files.interface('tx0', state);
    const found = interfaceState(files, 'tx0');
    expect(found === undefined ? undefined : isDown(found)).toBe(down);
  });

  it('has a name that is no path', () => {
    files.set('/sys/class/net/../x/operstate', 'up');
    expect(interfaceState(files, '../x')).toBeUndefined();
    expect(interfaceState(files, 'eth9')).toBeUndefined();
    expect(interfaceCounter(files, '..', 'tx_dropped')).toBeUndefined();
  });

  it('is loopback by its flag', () => {
    expect(interfaceState(files, 'lo')).toMatchObject({ isLoopback: true, needsNeighbour: false });
  });
});

it('knows addresses of groups', () => {
  expect(['239.1.2.3', '255.255.255.255', '10.99.0.2', '127.0.0.1'].map(isGroupAddress)).toEqual([
    true,
    true,
    false,
    false,
  ]);
});

it.runIf(process.platform === 'linux')('reads the host it runs on', () => {
  expect(interfaceState(hostFiles, 'lo')).toMatchObject({ carrier: true, isLoopback: true });
  expect(kernelLimit(hostFiles, 'net/core/rmem_max')).toBeGreaterThan(0);
  expect(hostFiles.ownAddresses().get('127.0.0.1')).toBe('lo');
  expect(hostFiles.read('/proc/no-such-file')).toBeUndefined();
});
