/** Connections to PACS: plain or TLS. The only file of the receiver that opens one for DICOM. */
import { connect as connectPlain, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { secureProfile } from '../../shared/dicom/upper-layer/secure-profile.ts';
import { DiodeError, errorCauseCode } from '../../shared/errors.ts';
import { acknowledgeAtOnce } from '../../shared/kernel-socket.ts';
import { type DicomDestination, destinationTimes } from './destination.ts';

/** Connects, TLS handshake included. @throws DiodeError E_PEER_CONNECT */
export function connectToPeer(destination: DicomDestination): Promise<Duplex> {
  const { host, port, tls } = destination;
  const waitMs = destination.connectMs ?? destinationTimes.connectMs;
  return new Promise((resolve, reject) => {
    const socket =
      tls === undefined ? connectPlain({ host, port, allowHalfOpen: true }) : connectSecure(destination, tls);
    const fail = (why: string, cause?: unknown): void => {
      clearTimeout(timer);
      socket.destroy();
      reject(new DiodeError('E_PEER_CONNECT', `no connection (${why})`, { cause }));
    };
    const timer = setTimeout(() => fail('timed out'), waitMs);
    const failed = (cause: Error): void => fail(errorCauseCode(cause) ?? 'unknown cause', cause);
    socket.once('error', failed);
    socket.once(tls === undefined ? 'connect' : 'secureConnect', () => {
      clearTimeout(timer);
      socket.off('error', failed);
      // Neither side may wait for the other's Nagle algorithm or delayed ACK: 40 ms per instance.
      socket.setNoDelay(true);
      socket.on('data', () => acknowledgeAtOnce(socket));
      resolve(socket);
    });
  });
}

function connectSecure(
  { host, port }: DicomDestination,
  tls: NonNullable<DicomDestination['tls']>,
): Socket | TLSSocket {
  return connectTls({
    host,
    port,
    ...secureProfile(tls),
    rejectUnauthorized: true,
    ...(tls.serverName !== undefined && { servername: tls.serverName }),
  });
}
