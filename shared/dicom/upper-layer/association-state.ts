/** The states of an association (PS3.8 section 9.2), what may come in each, and the events it reports. */
import type { DiodeError } from '../../errors.ts';
import type { AssociateAccept, AssociateRequest } from './associate-pdu.ts';
import { type DataPart, type PduType, pduTypes } from './pdu-reader.ts';
import type { AbortSource, Rejection } from './short-pdus.ts';

export type UpperLayerEvent =
  /** To be answered with `accept` or `reject`. */
  | { readonly kind: 'requested'; readonly request: AssociateRequest }
  | { readonly kind: 'accepted'; readonly accept: AssociateAccept }
  | { readonly kind: 'rejected'; readonly rejection: Rejection }
  | { readonly kind: 'data'; readonly part: DataPart }
  /** To be answered with `respondRelease`. */
  | { readonly kind: 'release-requested' }
  | { readonly kind: 'released' }
  /** By the peer, or by the loss of the connection. */
  | { readonly kind: 'aborted'; readonly source: AbortSource | 'transport'; readonly reason: number }
  /** By this side: E_DICOM_PROTOCOL or E_ASSOCIATION_TIMEOUT. */
  | { readonly kind: 'failed'; readonly error: DiodeError };

/** Times in milliseconds. The standard has one timer, ARTIM (PS3.8 section 9.1.5); the others keep either end from hanging. */
export interface AssociationTimes {
  /** From connection to a whole request (acceptor), or from request to answer (requestor). */
  readonly associationMs: number;
  /** The longest time without a byte in either direction; for a waiting requestor, its response timer. */
  readonly idleMs: number;
  /** From the first to the last byte of one PDU. */
  readonly pduMs: number;
  readonly releaseMs: number;
  /** From our last PDU until the connection is dropped, if the peer does not close it. */
  readonly closeMs: number;
}

/** The states of PS3.8 table 9-10 by name; the release collision has two. */
export type State =
  | 'awaiting-request' // Sta2
  | 'awaiting-decision' // Sta3
  | 'awaiting-answer' // Sta5
  | 'established' // Sta6
  | 'awaiting-release' // Sta7
  | 'releasing' // Sta8
  | 'collided' // Sta9 to Sta12
  | 'closing' // Sta13
  | 'closed'; // Sta1

/** What may come in each state; anything else ends the association (PS3.8 table 9-10). */
export const expected: Readonly<Record<State, readonly PduType[]>> = {
  'awaiting-request': [pduTypes.associateRequest, pduTypes.abort],
  'awaiting-decision': [pduTypes.abort],
  'awaiting-answer': [pduTypes.associateAccept, pduTypes.associateReject, pduTypes.abort],
  established: [pduTypes.data, pduTypes.releaseRequest, pduTypes.abort],
  'awaiting-release': [pduTypes.data, pduTypes.releaseRequest, pduTypes.releaseResponse, pduTypes.abort],
  releasing: [pduTypes.abort],
  collided: [pduTypes.releaseResponse, pduTypes.abort],
  closing: [],
  closed: [],
};

/** What the peer owes in each state, for the message of a timeout. */
export const waitedFor: Readonly<Record<State, string>> = {
  'awaiting-request': 'its request',
  'awaiting-decision': 'a decision',
  'awaiting-answer': 'the answer to our request',
  established: 'data',
  'awaiting-release': 'its release response',
  releasing: 'a release',
  collided: 'its release response',
  closing: 'closing',
  closed: 'nothing',
};
