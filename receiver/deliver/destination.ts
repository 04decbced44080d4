/** Where instances are delivered: what the configuration says about each destination. */

import type { AssociationTimes } from '../../shared/dicom/upper-layer/association-state.ts';
import type { TlsIdentity } from '../../shared/dicom/upper-layer/secure-profile.ts';

export interface PeerTls extends TlsIdentity {
  /** The name the certificate must have, if it is not the host's. */
  readonly serverName?: string;
}

/** A PACS that accepts C-STORE. */
export interface DicomDestination {
  readonly kind: 'dicom';
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly calledAe: string;
  readonly callingAe: string;
  readonly tls?: PeerTls;
  readonly connectMs?: number;
  /** `idleMs` is the response timer: the longest time without a byte in either direction. */
  readonly times?: Partial<AssociationTimes>;
}

/** A PACS that accepts STOW-RS (PS3.18 section 10.5). */
export interface WebDestination {
  readonly kind: 'dicomweb';
  readonly name: string;
  /** The service root: studies are stored at `<url>/studies`. */
  readonly url: URL;
  readonly credentials?: WebCredentials;
  readonly tls?: PeerTls;
  /** Instances per request; the default of 1 keeps a bad instance from affecting others. */
  readonly instancesPerRequest?: number;
  /** The longest time without a byte in either direction. */
  readonly responseMs?: number;
}

/** For the Authorization header. Never logged. */
export type WebCredentials =
  | { readonly kind: 'basic'; readonly user: string; readonly password: string }
  | { readonly kind: 'bearer'; readonly token: string };

export type Destination = DicomDestination | WebDestination;

export const destinationTimes = {
  connectMs: 10_000,
  association: { associationMs: 30_000, idleMs: 60_000, pduMs: 60_000, releaseMs: 5_000, closeMs: 2_000 },
  /** A PACS answers for a large object only after storing it. */
  responseMs: 120_000,
} as const;
