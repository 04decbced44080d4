/**
 * Goal: a lost datagram is put down to the place that lost it, and an alarm says what to do there. Method: a table of
 * /proc and /sys, and counts of the program, that change under the watch.
 */
import { describe, expect, it } from 'vitest';
import { ReceiverLinkWatch } from '../../../../receiver/link/link-health.ts';
import { TableOfFiles } from '../../../harness/host-files.ts';

const networkRoute = 'rx0\t0000630A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0';

function host() {
  const files = new TableOfFiles({ name: 'rx0', ownAddress: '10.99.0.2', networkRoute });
  const watch = new ReceiverLinkWatch(files, {
    address: '10.99.0.2',
    port: 4747,
    interface: undefined,
    datagramBytes: 1472,
  });
  const counts = { atMs: 0, admitted: 0, lost: 0, ringDrops: 0, diskMs: 0 };
  const socket = (drops: number) =>
    files.set(
      '/proc/self/net/udp',
      `  sl  local\n 1: 0200630A:128B 00000000:0000 07 0:0 00:0 0 0 0 1 2 0 ${drops}\n`,
    );
  const pass = (change: Partial<typeof counts>) => {
    Object.assign(counts, { atMs: counts.atMs + 1000, admitted: counts.admitted + 1000 }, change);
    const { losses, problems } = watch.look(counts);
    return { losses, codes: problems.map(({ code }) => code), details: problems.map(({ detail }) => detail) };
  };
  socket(3);
  files.counter('rx0', 'rx_missed_errors', 40);
  pass({});
  return { files, watch, pass, socket };
}

const none = { link: 0, nic: 0, socket: 0, ring: 0, disk: 0 };

it('begins at nothing, whatever the kernel counted before', () => {
  expect(host().pass({})).toMatchObject({ losses: none, codes: [] });
});

describe('a loss is put down to', () => {
  it('the link, when nothing on this host counted it', () => {
    const { pass } = host();
    expect(pass({ lost: 500 })).toMatchObject({ losses: { ...none, link: 500 }, codes: ['E_LINK_LOSS'] });
  });

  it('the network interface, as far as it says so', () => {
    const { files, pass } = host();
    files.counter('rx0', 'rx_missed_errors', 240);
    const { losses, codes } = pass({ lost: 210 });
    expect(losses).toEqual({ ...none, nic: 200, link: 10 });
    expect(codes).toEqual(['E_NIC_DROPS']);
  });

  it('not the interface, for what was never ours', () => {
    const { files, pass } = host();
    files.counter('rx0', 'rx_dropped', 1000);
    expect(pass({ lost: 0 })).toMatchObject({ losses: none, codes: [] });
  });

  it('the backlog of the kernel, which is the interface to us', () => {
    const { files, pass } = host();
    files.set('/proc/self/net/softnet_stat', '00 00000000 00\n');
    pass({});
    files.set('/proc/self/net/softnet_stat', '00 00000005 00\n');
    expect(pass({ lost: 5 }).losses).toEqual({ ...none, nic: 5 });
  });

  it('the socket', () => {
    const { pass, socket, files } = host();
    files.set('/proc/sys/net/core/rmem_max', '212992\n');
    socket(103);
    const { losses, codes, details } = pass({ lost: 100 });
    expect(losses).toEqual({ ...none, socket: 100 });
    expect(codes).toEqual(['E_SOCKET_DROPS']);
    expect(details[0]).toContain('now 212992');
  });

  it('the ring, when the processor was busy', () => {
    const { pass } = host();
    expect(pass({ lost: 50, ringDrops: 50, diskMs: 100 })).toMatchObject({
      losses: { ...none, ring: 50 },
      codes: ['E_RING_FULL'],
    });
  });

  it('the disk, when the program waited for it', () => {
    const { pass } = host();
    expect(pass({ lost: 50, ringDrops: 50, diskMs: 900 })).toMatchObject({
      losses: { ...none, disk: 50 },
      codes: ['E_DISK_SLOW'],
    });
  });

  it('all of them at the same time, each its share', () => {
    const { files, pass, socket } = host();
    files.counter('rx0', 'rx_missed_errors', 50);
    socket(23);
    expect(pass({ lost: 100, ringDrops: 30 }).losses).toEqual({
      link: 40,
      nic: 10,
      socket: 20,
      ring: 30,
      disk: 0,
    });
  });
});

it('does not count twice what the ring lost before the sequence numbers showed it', () => {
  const { pass } = host();
  pass({ ringDrops: 30 });
  expect(pass({ ringDrops: 30, lost: 30 }).losses).toEqual({ ...none, ring: 30 });
});

it('does not complain of the loss a link is made for, nor of a few datagrams of an idle one', () => {
  const { pass } = host();
  expect(pass({ lost: 15 }).codes).toEqual([]);
  expect(pass({ lost: 15, admitted: 2000 }).codes).toEqual([]);
});

it('clears an alarm when nothing more is lost for a while', () => {
  const { pass, socket } = host();
  socket(4);
  expect(pass({ lost: 1 }).codes).toEqual(['E_SOCKET_DROPS']);
  let looks = 0;
  while (pass({}).codes.length > 0) looks += 1;
  expect(looks).toBeGreaterThan(5);
});

it('names an interface without light, and an MTU too small', () => {
  const { files, pass } = host();
  files.interface('rx0', { carrier: '0', operstate: 'down', mtu: 1400 });
  expect(pass({}).codes).toEqual(['E_LINK_DOWN', 'E_LINK_MTU']);
});
