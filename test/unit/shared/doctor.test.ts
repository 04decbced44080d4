/**
 * Goal: doctor finds what is wrong with a host, and complains of nothing on one that is set up as hw-notes say. Method:
 * the files of a host as text, one thing wrong at a time.
 */

import { describe, expect, it } from 'vitest';
import { present } from '../../../shared/assert.ts';
import { doctorText } from '../../../shared/console/doctor-command.ts';
import { Key } from '../../../shared/crypto/key-file.ts';
import {
  bufferFinding,
  clockFinding,
  engineFinding,
  findingOf,
  hardeningFindings,
  offloadFinding,
  spaceFinding,
} from '../../../shared/doctor/host-findings.ts';
import { keyNamesFinding } from '../../../shared/doctor/key-findings.ts';
import {
  forwardingFinding,
  interfaceFindings,
  ipv6Finding,
  listenersFinding,
  portsReachable,
  routeFinding,
  rulesFinding,
  wayFinding,
} from '../../../shared/doctor/link-findings.ts';
import { DiodeError } from '../../../shared/errors.ts';
import type { HostFiles } from '../../../shared/host-network.ts';
import { receiverCounters, senderCounters } from '../../../shared/link-counters.ts';

const routeHead = 'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n';
const udpHead =
  '   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n';
const quiet: Readonly<Record<string, string>> = {
  '/sys/class/net/eth1/operstate': 'up\n',
  '/sys/class/net/eth1/carrier': '1\n',
  '/sys/class/net/eth1/mtu': '1500\n',
  '/sys/class/net/eth1/flags': '0x1003\n',
  '/proc/sys/net/ipv6/conf/eth1/disable_ipv6': '1\n',
  '/proc/sys/net/ipv4/ip_forward': '0\n',
  '/proc/sys/net/core/rmem_max': '33554432\n',
  '/proc/self/net/route': `${routeHead}eth0\t00000000\t0100A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n`,
  // 10.99.0.2:4747
  '/proc/self/net/udp': `${udpHead}  1: 0200630A:128B 00000000:0000 07 00000000:00000000 00:00000000 00000000  0 0 1 2 0 0\n`,
};

function host(changes: Readonly<Record<string, string | undefined>> = {}): HostFiles {
  const files = { ...quiet, ...changes };
  return { read: (path) => files[path], ownAddresses: () => new Map([['10.99.0.2', 'eth1']]) };
}

const verdict = (finding: { verdict: string } | undefined) => finding?.verdict;

describe('the interface of the link', () => {
  it('is right when it is up, takes a datagram and is quiet', () => {
    const files = host();
    expect(interfaceFindings(files, 'eth1', 1472).map(verdict)).toEqual(['ok', 'ok']);
    expect(verdict(ipv6Finding(files, 'eth1'))).toBe('ok');
    expect(verdict(routeFinding(files, 'eth1', false))).toBe('ok');
    expect(verdict(routeFinding(files, 'eth1', true))).toBe('ok');
    expect(verdict(forwardingFinding(files))).toBe('ok');
    expect(verdict(wayFinding('eth1', undefined))).toBe('ok');
    expect(verdict(listenersFinding(files, '10.99.0.2', 4747))).toBe('ok');
  });

  it('is not that of the default route: the receiver is not to be looked for in another network', () => {
    expect(wayFinding('eth0', 'eth0')).toMatchObject({
      verdict: 'failure',
      found: expect.stringContaining('eth0'),
    });
    expect(verdict(wayFinding(undefined, 'eth0'))).toBe('failure');
    expect(verdict(wayFinding(undefined, undefined))).toBe('failure');
  });

  it('is wrong when it is missing, down, or too small for a datagram', () => {
    expect(interfaceFindings(host(), undefined, 1472).map(verdict)).toEqual(['failure']);
    expect(interfaceFindings(host(), 'eth9', 1472).map(verdict)).toEqual(['failure']);
    expect(interfaceFindings(host(), '../..', 1472).map(verdict)).toEqual(['failure']);
    const dark = host({ '/sys/class/net/eth1/carrier': '0\n', '/sys/class/net/eth1/operstate': 'down\n' });
    expect(interfaceFindings(dark, 'eth1', 1472).map(verdict)).toEqual(['failure', 'ok']);
    expect(interfaceFindings(host(), 'eth1', 1473).map(verdict)).toEqual(['ok', 'failure']);
  });

  it('is wrong with IPv6, and right on a kernel without it', () => {
    const path = '/proc/sys/net/ipv6/conf/eth1/disable_ipv6';
    expect(verdict(ipv6Finding(host({ [path]: '0\n' }), 'eth1'))).toBe('failure');
    expect(verdict(ipv6Finding(host({ [path]: undefined }), 'eth1'))).toBe('ok');
    expect(verdict(ipv6Finding(host({ [path]: undefined, '/proc/self/net/if_inet6': '' }), 'eth1'))).toBe(
      'failure',
    );
  });

  it('has no way back, and no gateway', () => {
    const over = (line: string) => host({ '/proc/self/net/route': `${routeHead}${line}\n` });
    const onLink = over('eth1\t0000630A\t00000000\t0001\t0\t0\t0\tFCFFFFFF\t0\t0\t0');
    expect(verdict(routeFinding(onLink, 'eth1', false))).toBe('warning');
    expect(verdict(routeFinding(onLink, 'eth1', true))).toBe('ok');
    const gateway = over('eth1\t00000000\t0100630A\t0003\t0\t0\t0\t00000000\t0\t0\t0');
    const deviceOnly = over('eth1\t00000000\t00000000\t0001\t0\t0\t0\t00000000\t0\t0\t0');
    for (const files of [gateway, deviceOnly])
      for (const needed of [true, false])
        expect(verdict(routeFinding(files, 'eth1', needed))).toBe('failure');
    expect(verdict(routeFinding(host({ '/proc/self/net/route': undefined }), 'eth1', false))).toBe('unknown');
    expect(verdict(forwardingFinding(host({ '/proc/sys/net/ipv4/ip_forward': '1\n' })))).toBe('failure');
  });

  it('reaches no other listener: own address or any, UDP or listening TCP, IPv6 too', () => {
    const line = (local: string, state: string) =>
      `  1: ${local} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000  0 0 1 2 0 0\n`;
    const elsewhere = line('0100007F:0050', '0A') + line('0100A8C0:0016', '0A') + line('00000000:01BB', '01');
    expect(portsReachable(udpHead + elsewhere, '10.99.0.2', 'tcp')).toEqual([]);
    expect(portsReachable(udpHead + line('00000000:0016', '0A'), '10.99.0.2', 'tcp')).toEqual([22]);
    expect(portsReachable(udpHead + line('0200630A:0035', '07'), '10.99.0.2', 'udp')).toEqual([53]);
    expect(portsReachable('garbage\nmore garbage : 1\n', '10.99.0.2', 'udp')).toEqual([]);
    const any6 = host({ '/proc/self/net/tcp6': udpHead + line(`${'0'.repeat(32)}:0016`, '0A') });
    expect(listenersFinding(any6, '10.99.0.2', 4747)).toMatchObject({
      verdict: 'warning',
      found: 'the link can reach tcp 22',
    });
    expect(verdict(listenersFinding(host(), '10.99.0.2', 4748))).toBe('warning');
  });
});

describe('the rules of the kernel', () => {
  const told = (packets: Readonly<Record<string, number>>, tableName = 'dicom_diode') =>
    JSON.stringify({
      nftables: [
        { metainfo: { version: '1.0.6' } },
        ...Object.entries(packets).map(([name, count]) => ({
          counter: { family: 'inet', name, table: tableName, handle: 1, packets: count, bytes: 0 },
        })),
      ],
    });
  const zero = { sent_to_link: 0, stray_from_link: 0, from_elsewhere: 0, forwarded: 0, from_sender: 9 };

  it('are loaded and stopped nothing, or something is wrong', () => {
    const look = (text: string | undefined, age = 0) => rulesFinding(text, age, receiverCounters);
    expect(verdict(look(told(zero)))).toBe('ok');
    expect(look(told({ ...zero, sent_to_link: 2 }))).toMatchObject({
      verdict: 'failure',
      found: 'they stopped traffic that must not occur: sent_to_link 2',
    });
    expect(verdict(look(told(zero, 'another')))).toBe('failure');
    expect(verdict(look('{"nftables":[]}'))).toBe('failure');
    expect(verdict(rulesFinding(told(zero), 0, senderCounters))).toBe('failure');
    for (const unreadable of [
      look(undefined),
      look('{'),
      look('{"nftables":[{"counter":1}]}'),
      look(told(zero), 600_000),
    ])
      expect(verdict(unreadable)).toBe('warning');
  });
});

describe('the host', () => {
  it('has room, a clock, buffers, an engine and offload, or it is said what to do', () => {
    const space = (free: number) => verdict(spaceFinding('disk', { free, total: 100 }, 90));
    expect([space(50), space(15), space(10), space(0)]).toEqual(['ok', 'warning', 'failure', 'failure']);
    const now = Date.UTC(2026, 10, 25);
    const clock = (at: number, skew?: number) => verdict(clockFinding(at, skew));
    expect([clock(now), clock(now, -3000), clock(now, -90_000), clock(0)]).toEqual([
      'ok',
      'ok',
      'warning',
      'warning',
    ]);
    const buffer = (limit: string | undefined) =>
      verdict(bufferFinding(host({ '/proc/sys/net/core/rmem_max': limit }), 'rmem_max', 33_554_432));
    expect([buffer('33554432'), buffer('212992'), buffer(undefined)]).toEqual(['ok', 'failure', 'unknown']);
    expect([engineFinding('simd'), engineFinding('reference')].map(verdict)).toEqual(['ok', 'warning']);
    expect([offloadFinding(true), offloadFinding(false)].map(verdict)).toEqual(['ok', 'warning']);
  });

  it('runs the program unprivileged and hardened', () => {
    const status = (uid: number, privileges: number, seccomp: number, capabilities: string) =>
      `Name:\tnode\nUid:\t${uid}\t${uid}\t${uid}\t${uid}\nCapEff:\t${capabilities}\nNoNewPrivs:\t${privileges}\nSeccomp:\t${seccomp}\nSeccomp_filters:\t3\n`;
    const none = '0000000000000000';
    expect(hardeningFindings(status(997, 1, 2, none)).map(verdict)).toEqual(['ok', 'ok', 'ok']);
    expect(hardeningFindings(status(0, 0, 0, '000001ffffffffff')).map(verdict)).toEqual([
      'ok',
      'warning',
      'warning',
    ]);
    for (const open of [
      status(997, 0, 2, none),
      status(997, 1, 0, none),
      status(997, 1, 2, '0000000000001000'),
    ])
      expect(hardeningFindings(open).map(verdict)).toEqual(['ok', 'ok', 'warning']);
    expect(hardeningFindings(undefined).map(verdict)).toEqual(['warning']);
  });

  it('is told of by code where a step throws', () => {
    const failed = findingOf('key file', () => {
      throw new DiodeError('E_KEY_READABLE');
    });
    expect(failed).toMatchObject({ verdict: 'failure', found: expect.stringContaining('E_KEY_READABLE') });
    const broken = () =>
      findingOf('key file', () => {
        throw new TypeError('a defect');
      });
    expect(broken).toThrow(TypeError);
  });

  it('is shown as a table, with what to do below', () => {
    const text = doctorText([engineFinding('simd'), engineFinding('reference')]);
    expect(text).toMatch(/ok +engine +simd/);
    expect(text).toMatch(/^WARNING engine: Reinstall/m);
    expect(text).toMatch(/1 ok, 1 warning, 0 failures, 0 unknown$/);
  });
});

describe('the names of keys', () => {
  const ring = (...names: string[]) => {
    const [first, ...others] = names.map((name, index) => new Key(index + 1, new Uint8Array(32), name));
    return { keys: [present(first, 'a ring has a key'), ...others] } as const;
  };

  it('are missed where several senders could speak for each other', () => {
    expect(verdict(keyNamesFinding(ring('', ''), 2))).toBe('warning');
    expect(keyNamesFinding(ring('ct', ''), 0)).toMatchObject({
      verdict: 'warning',
      found: expect.stringContaining('key 2'),
    });
    expect(verdict(keyNamesFinding(ring('', ''), 1))).toBe('ok');
    expect(verdict(keyNamesFinding(ring('ct', 'ct', 'mr'), 9))).toBe('ok');
  });
});
