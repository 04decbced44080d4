/** The port that scanners connect to: plain or TLS, bound to the one address given. The only file that listens. */
import { BlockList, createServer as createPlainServer, isIPv6, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { createServer as createTlsServer } from 'node:tls';
import { secureProfile, type TlsIdentity } from '../../shared/dicom/upper-layer/secure-profile.ts';
import { DiodeError, errorCauseCode } from '../../shared/errors.ts';
import { acknowledgeAtOnce } from '../../shared/kernel-socket.ts';

export interface ListenerOptions {
  /** An address of this host; there is no default. */
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  readonly tls?: ListenerTls;
  /** The most connections, whether or not they request an association. Any beyond are closed unread. */
  readonly connectionsMax: number;
}

export interface ListenerTls extends TlsIdentity {
  /** Whether a client must present a certificate signed by one of `authorities` (PS3.15 annex B). */
  readonly clientCertificates: 'none' | 'required';
  /** How long a connection has for its handshake. */
  readonly handshakeMs: number;
}

export interface Listener {
  readonly port: number;
  /** Accepts no more connections. */
  stop(): void;
  /** Drops those still open, including unfinished TLS handshakes; resolves when the port is free. */
  close(): Promise<void>;
}

/** Listens. @throws DiodeError E_DICOM_LISTEN */
export async function listen(
  options: ListenerOptions,
  connected: (connection: Duplex, address: string) => void,
): Promise<Listener> {
  const take = (socket: Socket): void => {
    // Neither side may wait for the other's Nagle algorithm or delayed ACK: 40 ms per instance.
    socket.setNoDelay(true);
    socket.on('data', () => acknowledgeAtOnce(socket));
    socket.setKeepAlive(true, 60_000);
    connected(socket, plainAddress(socket.remoteAddress ?? ''));
  };
  const server =
    options.tls === undefined
      ? createPlainServer({ allowHalfOpen: true }, take)
      : secureServer(options.tls, take);
  server.maxConnections = options.connectionsMax;
  const closed = new Promise<void>((resolve) => {
    server.once('close', resolve);
  });
  const open = new Set<Socket>();
  const byAddress = new Map<string, number>();
  // Including TLS, whose connections belong to nobody until their handshake is done.
  server.on('connection', (socket: Socket) => {
    const address = plainAddress(socket.remoteAddress ?? '');
    const own = (byAddress.get(address) ?? 0) + 1;
    // One host must not keep out all others; a connection over its share is closed unread.
    if (own > (options.connectionsMax * 3) / 4) {
      socket.destroy();
      return;
    }
    byAddress.set(address, own);
    open.add(socket);
    socket.once('close', () => {
      open.delete(socket);
      const left = (byAddress.get(address) ?? 1) - 1;
      if (left === 0) byAddress.delete(address);
      else byAddress.set(address, left);
    });
  });
  await bind(server, options);
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : options.port,
    stop: () => void server.close(),
    close: async () => {
      if (server.listening) server.close();
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
}

function secureServer(tls: ListenerTls, take: (socket: Socket) => void): Server {
  const server = createTlsServer(
    {
      ...secureProfile(tls),
      requestCert: tls.clientCertificates === 'required',
      rejectUnauthorized: tls.clientCertificates === 'required',
      handshakeTimeout: tls.handshakeMs,
    },
    take,
  );
  // A failed handshake has already closed its connection.
  server.on('tlsClientError', () => {});
  return server;
}

function bind(server: Server, { host, port }: ListenerOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => {
      const why = errorCauseCode(cause) ?? 'unknown cause';
      reject(new DiodeError('E_DICOM_LISTEN', `the DICOM port cannot be opened (${why})`, { cause }));
    });
    server.listen({ host, port, exclusive: true }, () => {
      // A later failure (no descriptor left, say) costs one connection, never the program.
      server.removeAllListeners('error').on('error', () => {});
      resolve();
    });
  });
}

/** An IPv4 address that came in on an IPv6 socket, as IPv4. */
function plainAddress(address: string): string {
  return address.startsWith('::ffff:') ? address.slice('::ffff:'.length) : address;
}

/**
 * Turns addresses and networks (`192.0.2.7`, `192.0.2.0/24`, also IPv6) into a test for an address.
 * @throws DiodeError E_CONFIG_VALUE
 */
export function addressTest(allowed: readonly string[]): (address: string) => boolean {
  const list = new BlockList();
  for (const entry of allowed) {
    const [network = '', bits, ...rest] = entry.split('/');
    const family = isIPv6(network) ? 'ipv6' : 'ipv4';
    try {
      if (rest.length > 0) throw new TypeError('two slashes');
      if (bits === undefined) list.addAddress(network, family);
      else list.addSubnet(network, Number.parseInt(bits, 10), family);
    } catch (cause) {
      throw new DiodeError('E_CONFIG_VALUE', `${entry} is neither an address nor a network`, { cause });
    }
  }
  return (address) => list.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
}
