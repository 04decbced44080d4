/**
 * Goal: whatever keeps datagrams from leaving is named with what to do, and stops the queue; nothing else does.
 * Method: a table of /proc and /sys that changes under the watch.
 */
import { describe, expect, it } from 'vitest';
import { SenderLinkWatch } from '../../../../sender/link/link-health.ts';
import { arpTable, routeTable, TableOfFiles } from '../../../harness/host-files.ts';

const networkRoute = 'tx0\t0000630A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0';
const defaultRoute = 'eth0\t00000000\t010200C0\t0003\t0\t0\t100\t00000000\t0\t0\t0';

function host(settings: { address?: string; interface?: string; datagramBytes?: number } = {}) {
  const files = new TableOfFiles({ name: 'tx0', ownAddress: '10.99.0.1', networkRoute });
  files.set('/proc/self/net/arp', arpTable([['10.99.0.2', '0x6', 'tx0']]));
  const watch = new SenderLinkWatch(files, {
    address: settings.address ?? '10.99.0.2',
    interface: settings.interface,
    datagramBytes: settings.datagramBytes ?? 1472,
  });
  const codes = () => watch.look().problems.map(({ code }) => code);
  return { files, watch, codes };
}

it('has nothing to complain of where all is well', () => {
  expect(host().watch.look()).toMatchObject({ interface: 'tx0', stopped: 'none', problems: [] });
});

it('has nothing to complain of on loopback, or when the receiver is on this host', () => {
  for (const address of ['127.0.0.1', '10.99.0.1']) {
    const { watch } = host({ address, datagramBytes: 8972 });
    expect(watch.look()).toMatchObject({ interface: 'lo', stopped: 'none', problems: [] });
  }
});

it('has nothing to say where the host does not tell', () => {
  const files = { read: () => undefined, ownAddresses: () => new Map<string, string>() };
  const watch = new SenderLinkWatch(files, { address: '10.99.0.2', interface: 'tx0', datagramBytes: 1472 });
  expect(watch.look()).toMatchObject({ stopped: 'none', problems: [] });
  expect(watch.carrier()).toBe(0);
});

it('does not take the /sys of another network for its own', () => {
  const { files, watch } = host({ interface: 'tx7' });
  expect(watch.look().stopped).toBe('all');
  files.set('/proc/self/net/dev', 'Inter-|\n face |bytes\n  tx7: 0 0\n');
  expect(watch.look()).toMatchObject({ stopped: 'none', problems: [] });
});

describe('the queue is stopped', () => {
  it.each([
    ['without carrier', { carrier: '0', operstate: 'lowerlayerdown' }, /no carrier/],
    ['while the interface is switched off', { carrier: 'refused', operstate: 'down' }, /ip link set tx0 up/],
    ['while it waits for something else', { operstate: 'dormant' }, /dormant/],
  ] as const)('%s, and goes on by itself', (_, state, detail) => {
    const { files, watch } = host();
    expect(watch.look().stopped).toBe('none');
    files.interface('tx0', state);
    const { stopped, problems } = watch.look();
    expect({ stopped, codes: problems.map(({ code }) => code) }).toEqual({
      stopped: 'all',
      codes: ['E_LINK_DOWN'],
    });
    expect(problems[0]?.detail).toMatch(detail);
    files.interface('tx0');
    expect(watch.look()).toMatchObject({ stopped: 'none', problems: [] });
  });

  it('when no route leads to the receiver from the start, until one does', () => {
    const { files, watch } = host();
    files.set('/proc/self/net/route', routeTable([]));
    expect(watch.look()).toMatchObject({ stopped: 'all', problems: [{ code: 'E_LINK_DOWN' }] });
    files.set('/proc/self/net/route', routeTable([networkRoute]));
    expect(watch.look()).toMatchObject({ interface: 'tx0', stopped: 'none', problems: [] });
  });

  it('when the interface is gone', () => {
    const { files, watch } = host();
    watch.look();
    for (const file of ['operstate', 'carrier', 'mtu', 'flags'])
      files.set(`/sys/class/net/tx0/${file}`, undefined);
    expect(watch.look()).toMatchObject({ stopped: 'all', problems: [{ code: 'E_LINK_DOWN' }] });
  });

  it('when the route leads elsewhere: nothing meant for the link goes into another network', () => {
    const { files, watch } = host();
    watch.look();
    files.set('/proc/self/net/route', routeTable([defaultRoute]));
    expect(watch.look()).toMatchObject({ stopped: 'all', problems: [{ code: 'E_LINK_DOWN' }] });
    files.set('/proc/self/net/route', routeTable([]));
    expect(watch.look().stopped).toBe('all');
  });

  it('while only the default route leads to the receiver, and the link is taken when it has its address', () => {
    const { files, watch } = host();
    files.interface('eth0');
    files.set('/proc/self/net/route', routeTable([defaultRoute]));
    expect(watch.look()).toMatchObject({ interface: undefined, stopped: 'all', defaultRouteOver: 'eth0' });
    expect(watch.look().problems).toMatchObject([
      { code: 'E_LINK_DOWN', detail: expect.stringContaining('over eth0') },
    ]);
    files.set('/proc/self/net/route', routeTable([defaultRoute, networkRoute]));
    expect(watch.look()).toMatchObject({
      interface: 'tx0',
      stopped: 'none',
      problems: [],
      defaultRouteOver: undefined,
    });
  });

  it('while the neighbour is missing, but for a probe', () => {
    const { files, watch } = host();
    files.set('/proc/self/net/arp', arpTable([['10.99.0.2', '0x0', 'tx0']]));
    const { stopped, problems } = watch.look();
    expect(stopped).toBe('probe');
    expect(problems[0]?.detail).toContain('ip neigh replace 10.99.0.2 lladdr');
  });
});

it('takes the interface of the default route for the link only where it is named, and says so', () => {
  const { files, watch } = host({ interface: 'eth0' });
  files.interface('eth0');
  files.set('/proc/self/net/route', routeTable([defaultRoute]));
  files.set('/proc/self/net/arp', arpTable([['192.0.2.1', '0x6', 'eth0']]));
  expect(watch.look()).toMatchObject({
    interface: 'eth0',
    stopped: 'none',
    problems: [],
    defaultRouteOver: 'eth0',
  });
});

describe('the queue is not stopped, but an alarm stands', () => {
  it('for a neighbour that will be forgotten', () => {
    const { files, watch } = host();
    files.set('/proc/self/net/arp', arpTable([['10.99.0.2', '0x2', 'tx0']]));
    expect(watch.look()).toMatchObject({ stopped: 'none', problems: [{ code: 'E_LINK_NEIGHBOUR' }] });
  });

  it('for an MTU too small for the datagram with its headers', () => {
    const { files, codes } = host({ datagramBytes: 1473 });
    expect(codes()).toEqual(['E_LINK_MTU']);
    files.interface('tx0', { mtu: 1501 });
    expect(codes()).toEqual([]);
  });

  it('for datagrams that the interface drops, until it drops none for a while', () => {
    const { files, codes } = host();
    files.counter('tx0', 'tx_dropped', 7);
    expect(codes()).toEqual([]);
    files.counter('tx0', 'tx_dropped', 8);
    expect(codes()).toEqual(['E_LINK_DROPS']);
    let looks = 0;
    while (codes().length > 0) looks += 1;
    expect(looks).toBeGreaterThan(10);
  });
});

it('needs no neighbour on a tunnel, for a group, or of a gateway that is written down', () => {
  const tunnel = host();
  tunnel.files.interface('tx0', { flags: '0x1091' });
  tunnel.files.set('/proc/self/net/arp', arpTable([]));
  expect(tunnel.codes()).toEqual([]);
  const group = host({ address: '239.1.1.1' });
  group.files.set(
    '/proc/self/net/route',
    routeTable(['tx0\t000000EF\t00000000\t0001\t0\t0\t0\t000000FF\t0\t0\t0']),
  );
  expect(group.codes()).toEqual([]);
  const gateway = host({ address: '10.1.1.1' });
  gateway.files.set(
    '/proc/self/net/route',
    routeTable([networkRoute, 'tx0\t0001010A\t0200630A\t0003\t0\t0\t0\t00FFFFFF\t0\t0\t0']),
  );
  expect(gateway.codes()).toEqual([]);
});

it('tells of a carrier that was lost between two looks', () => {
  const { files, watch } = host();
  watch.look();
  expect(watch.carrier()).toBe(0);
  files.interface('tx0', { carrierLosses: 1 });
  expect(watch.carrier()).toBe(1);
  files.interface('tx0', { carrier: '0' });
  expect(watch.carrier()).toBeUndefined();
});
