/**
 * What the kernel says about the link's interface: that it is quiet, and that no route leads back over it. Text of
 * /proc and /sys comes in, findings go out; the network is never queried.
 */
import { type HostFiles, interfaceState, isDown, procNet } from '../host-network.ts';
import { countersIn } from '../link-counters.ts';
import { type Finding, ok, wrong } from './finding.ts';

/** UDP 8, IPv4 20. */
const headerBytes = 28;
/** Counters are written every minute; old ones say nothing about the present. */
const countersFreshMs = 300_000;

/** That the interface exists, is up, and takes a whole datagram. */
export function interfaceFindings(
  files: HostFiles,
  name: string | undefined,
  datagramBytes: number,
): Finding[] {
  const state = name === undefined ? undefined : interfaceState(files, name);
  if (state === undefined)
    return [
      wrong(
        'interface',
        'failure',
        name === undefined ? 'no interface has the address of the link' : `there is no interface ${name}`,
        'Set it up as in networkd/ in hw-notes; check link.address and link.interface.',
      ),
    ];
  const needed = datagramBytes + headerBytes;
  const carrier = isDown(state)
    ? wrong(
        'interface',
        'failure',
        `${state.name} is ${state.carrier === false ? 'without carrier' : state.operationalState}`,
        'Check the fiber, the splitter loop and the converter, then bring the interface up with ip link set.',
      )
    : ok('interface', `${state.name} is up`);
  const mtu =
    state.mtu !== undefined && state.mtu < needed
      ? wrong(
          'MTU',
          'failure',
          `${state.mtu}, but a datagram needs ${needed}`,
          'Raise the MTU on both hosts, or lower link.datagramBytes on both sides.',
        )
      : ok('MTU', `${state.mtu ?? 'unknown'}, a datagram needs ${needed}`);
  return [carrier, mtu];
}

/**
 * That the link's socket is bound to its interface.
 * @param configured `link.interface`
 * @param actual the interface that has this host's address on the link
 * @param boundTo as the running program reports it; undefined while it is not bound
 */
export function bindingFinding(
  configured: string | undefined,
  actual: string | undefined,
  running: { readonly boundTo?: string | undefined } | undefined,
): Finding[] {
  const check = 'bound to the link';
  if (configured !== undefined && actual !== undefined && configured !== actual)
    return [
      wrong(
        check,
        'failure',
        `link.interface is ${configured}, but the address of the link is on ${actual}`,
        'Name the interface that faces the link: the socket receives and sends over no other.',
      ),
    ];
  if (running === undefined) return [];
  return running.boundTo === undefined
    ? [
        wrong(
          check,
          'failure',
          'the socket is not bound to an interface: packets from other networks to its address reach it',
          'Run diode-receiver (or diode-sender) explain E_LINK_INTERFACE.',
        ),
      ]
    : [ok(check, `to ${running.boundTo}`)];
}

/** IPv6 sends packets of its own accord, so it must be off. */
export function ipv6Finding(files: HostFiles, name: string): Finding {
  const check = 'IPv6 on the link';
  const told = files.read(`/proc/sys/net/ipv6/conf/${name}/disable_ipv6`)?.trim();
  if (told === '1') return ok(check, 'off');
  const addresses = files.read(`${procNet}/if_inet6`);
  if (told === undefined && addresses === undefined) return ok(check, 'not supported by this kernel');
  return wrong(
    check,
    'failure',
    'on',
    `Run sysctl -w net.ipv6.conf.${name}.disable_ipv6=1, and make it permanent as in sysctl.d/61-diode-link.conf.`,
  );
}

/** The routes over an interface, as `/proc/net/route` lists them. */
export function routesOver(
  text: string,
  name: string,
): { readonly isDefault: boolean; readonly hasGateway: boolean }[] {
  return text
    .split('\n')
    .slice(1, 10_000)
    .map((line) => line.trim().split(/\s+/))
    .filter(([found]) => found === name)
    .map(([, destination = '', gateway = '', , , , , mask = '']) => ({
      isDefault: /^0+$/.test(destination) && /^0+$/.test(mask),
      hasGateway: !/^0+$/.test(gateway),
    }));
}

/**
 * That traffic meant for the link goes out over it.
 * @param defaultRouteOver the interface of the default route, if no other route leads to the receiver
 */
export function wayFinding(name: string | undefined, defaultRouteOver: string | undefined): Finding {
  const check = 'way to the receiver';
  if (defaultRouteOver !== undefined)
    return wrong(
      check,
      'failure',
      `only the default route leads there, over ${defaultRouteOver}`,
      'Give the interface of the link its address, as in networkd/ in hw-notes: until then traffic meant for the link could go out over another network.',
    );
  return name === undefined
    ? wrong(check, 'failure', 'no route leads there', 'Give the interface of the link its address.')
    : ok(check, `over ${name}`);
}

/** @param wayIsNeeded the sender reaches its receiver over the link; the receiver needs no way back */
export function routeFinding(files: HostFiles, name: string, wayIsNeeded: boolean): Finding {
  const check = wayIsNeeded ? 'gateway over the link' : 'way back over the link';
  const text = files.read(`${procNet}/route`);
  if (text === undefined)
    return wrong(check, 'unknown', 'the routes cannot be read', 'Check them with ip route.');
  const routes = routesOver(text, name);
  if (routes.some(({ isDefault, hasGateway }) => isDefault || hasGateway))
    return wrong(
      check,
      'failure',
      `a gateway is reached over ${name}`,
      `Remove it; ip route show dev ${name} lists it.`,
    );
  if (wayIsNeeded || routes.length === 0) return ok(check, 'none');
  return wrong(
    check,
    'warning',
    `routes over ${name}: ${routes.length}`,
    'Configure the address as /32, as in networkd/10-diode-receiver.network: the kernel then has no route back.',
  );
}

/** This host must not forward anything between the link and another network. */
export function forwardingFinding(files: HostFiles): Finding {
  const check = 'forwarding';
  const told = files.read('/proc/sys/net/ipv4/ip_forward')?.trim();
  if (told === '0') return ok(check, 'off');
  if (told === undefined)
    return wrong(check, 'unknown', 'it cannot be read', 'Check it with sysctl net.ipv4.ip_forward.');
  return wrong(
    check,
    'failure',
    'this host forwards packets',
    'Run sysctl -w net.ipv4.ip_forward=0, and make it permanent as in sysctl.d/.',
  );
}

const listeningTcp = '0A';

/** Ports of sockets that the link can reach: bound to its address or to all. Text of `/proc/net/udp` or `tcp`. */
export function portsReachable(text: string, address: string, kind: 'udp' | 'tcp'): number[] {
  const own = Buffer.from(address.split('.').map(Number)).reverse().toString('hex').toUpperCase();
  return text
    .split('\n')
    .slice(1, 10_000)
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local = '', , state]) => {
      const [at] = local.split(':');
      return (at === own || /^0+$/.test(at ?? '-')) && (kind === 'udp' || state === listeningTcp);
    })
    .map(([, local = '']) => Number.parseInt(local.split(':')[1] ?? '', 16))
    .filter((port) => Number.isSafeInteger(port) && port > 0);
}

/** @param ownPort the port of the link, if this side has one */
export function listenersFinding(files: HostFiles, address: string, ownPort: number | undefined): Finding {
  const check = 'other listeners';
  const found = (['udp', 'tcp'] as const).flatMap((kind) =>
    [kind, `${kind}6`].flatMap((file) =>
      portsReachable(files.read(`${procNet}/${file}`) ?? '', address, kind)
        .filter((port) => !(kind === 'udp' && port === ownPort))
        .map((port) => `${kind} ${port}`),
    ),
  );
  if (found.length === 0) return ok(check, 'none that the link can reach');
  const some = [...new Set(found)];
  const shown = some.slice(0, 8).join(', ');
  return wrong(
    check,
    'warning',
    `the link can reach ${shown}${some.length > 8 ? ' and more' : ''}`,
    'Bind them to other addresses; until then only the rules in nftables/ protect them.',
  );
}

/**
 * That the rules in nftables/ are loaded and have stopped nothing.
 * @param text what `nft -j list counters` wrote, undefined if the file does not exist
 */
export function rulesFinding(
  text: string | undefined,
  ageMs: number,
  mustStayZero: readonly string[],
): Finding {
  const check = 'kernel rules';
  const enable = 'Enable dicom-diode-nftables.service and dicom-diode-counters.timer, as in hw-notes.';
  if (text === undefined) return wrong(check, 'warning', 'their counters cannot be read', enable);
  if (ageMs > countersFreshMs)
    return wrong(check, 'warning', `their counters are ${Math.round(ageMs / 60_000)} minutes old`, enable);
  const counters = countersIn(text);
  if (counters === undefined) return wrong(check, 'warning', 'their counters are malformed', enable);
  const missing = mustStayZero.filter((name) => !counters.has(name));
  if (missing.length > 0)
    return wrong(
      check,
      'failure',
      `not loaded: ${missing.join(', ')} missing`,
      'Load them with systemctl restart dicom-diode-nftables.',
    );
  const counted = mustStayZero.filter((name) => counters.get(name) !== 0);
  if (counted.length === 0) return ok(check, 'loaded, and they have stopped nothing');
  const told = counted.map((name) => `${name} ${counters.get(name)}`).join(', ');
  return wrong(
    check,
    'failure',
    `they stopped traffic that must not occur: ${told}`,
    'Find out what sends it (tcpdump -i on the interface of the link), then reload the rules to restart the counters at 0.',
  );
}
