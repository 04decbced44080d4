/** A-ASSOCIATE-RQ and A-ASSOCIATE-AC (PS3.8 sections 9.3.2 and 9.3.3): from bodies to values, and from values to PDUs. */
import { assert } from '../../assert.ts';
import {
  itemTypes,
  readAeTitle,
  readItems,
  readItemUid,
  readUint16,
  uidItem,
  writeAeTitle,
  writeItem,
} from './association-items.ts';
import {
  dicomApplicationContext,
  implementationClassUid,
  implementationVersionName,
} from './implementation.ts';
import { associationLimits } from './limits.ts';
import { pduTypes } from './pdu-reader.ts';
import { type AnsweredContext, contextResults, type ProposedContext } from './presentation-context.ts';
import { invalidParameter } from './protocol-violation.ts';

/** What both sides say about themselves (PS3.7 annex D.3.3). */
export interface UserInformation {
  /** Longest P-DATA-TF the peer accepts; 0 means no limit. */
  readonly dataPduBytesMax: number;
  readonly implementationClassUid: string | undefined;
  readonly implementationVersionName: string | undefined;
}

export interface AssociateRequest {
  /** Whether bit 0 of the protocol version is set: the only version there is. */
  readonly versionSupported: boolean;
  readonly calledAe: string;
  readonly callingAe: string;
  readonly applicationContext: string | undefined;
  readonly contexts: readonly ProposedContext[];
  readonly user: UserInformation;
  /** Both AE titles and 32 reserved bytes as received: the response must repeat them. */
  readonly echoed: Uint8Array;
}

export interface AssociateAccept {
  readonly contexts: readonly AnsweredContext[];
  readonly user: UserInformation;
}

const protocolVersion = 1;
const echoedOffset = 4;
const echoedBytes = 64;
const fixedBytes = echoedOffset + echoedBytes;
const aeTitleBytes = associationLimits.aeTitleCharacters;

/** @throws ProtocolViolation */
export function readAssociateRequest(body: Uint8Array): AssociateRequest {
  if (body.length < fixedBytes) throw invalidParameter('A-ASSOCIATE-RQ is too short');
  let applicationContext: string | undefined;
  let user: UserInformation | undefined;
  const contexts: ProposedContext[] = [];
  for (const { type, value } of readItems(body.subarray(fixedBytes))) {
    if (type === itemTypes.applicationContext) applicationContext = readItemUid(value);
    else if (type === itemTypes.proposedContext) contexts.push(readProposedContext(value));
    else if (type === itemTypes.userInformation) user = readUserInformation(value);
  }
  checkIds(contexts);
  if (contexts.length === 0) throw invalidParameter('A-ASSOCIATE-RQ proposes no presentation context');
  const echoed = body.slice(echoedOffset, fixedBytes);
  return {
    versionSupported: (readUint16(body, 0) & protocolVersion) !== 0,
    calledAe: readAeTitle(echoed.subarray(0, aeTitleBytes)),
    callingAe: readAeTitle(echoed.subarray(aeTitleBytes, 2 * aeTitleBytes)),
    applicationContext,
    contexts,
    user: user ?? noUserInformation,
    echoed,
  };
}

/** @throws ProtocolViolation */
export function readAssociateAccept(body: Uint8Array): AssociateAccept {
  if (body.length < fixedBytes) throw invalidParameter('A-ASSOCIATE-AC is too short');
  let user: UserInformation | undefined;
  const contexts: AnsweredContext[] = [];
  for (const { type, value } of readItems(body.subarray(fixedBytes))) {
    if (type === itemTypes.answeredContext) contexts.push(readAnsweredContext(value));
    else if (type === itemTypes.userInformation) user = readUserInformation(value);
  }
  checkIds(contexts);
  return { contexts, user: user ?? noUserInformation };
}

/** There are peers without user information; what they accept is then unlimited. */
const noUserInformation: UserInformation = {
  dataPduBytesMax: 0,
  implementationClassUid: undefined,
  implementationVersionName: undefined,
};

function readProposedContext(value: Uint8Array): ProposedContext {
  if (value.length < 4) throw invalidParameter('presentation context is too short');
  let abstractSyntax: string | undefined;
  const transferSyntaxes: string[] = [];
  for (const item of readItems(value.subarray(4))) {
    if (item.type === itemTypes.abstractSyntax) abstractSyntax = readItemUid(item.value);
    else if (item.type === itemTypes.transferSyntax) {
      const uid = readItemUid(item.value);
      if (uid !== undefined) transferSyntaxes.push(uid);
      if (transferSyntaxes.length > associationLimits.transferSyntaxesMax) {
        throw invalidParameter('too many transfer syntaxes in a presentation context');
      }
    }
  }
  return { id: value[0] ?? 0, abstractSyntax, transferSyntaxes };
}

function readAnsweredContext(value: Uint8Array): AnsweredContext {
  if (value.length < 4) throw invalidParameter('presentation context is too short');
  const result = value[2] ?? 0;
  let transferSyntax: string | undefined;
  for (const item of readItems(value.subarray(4))) {
    // It has no meaning for a refused context (PS3.8 section 9.3.3.2).
    if (item.type !== itemTypes.transferSyntax || result !== contextResults.accepted) continue;
    transferSyntax = readItemUid(item.value);
  }
  if (result === contextResults.accepted && transferSyntax === undefined) {
    throw invalidParameter('accepted presentation context without a transfer syntax');
  }
  return { id: value[0] ?? 0, result, transferSyntax };
}

function checkIds(contexts: readonly { readonly id: number }[]): void {
  const ids = new Set<number>();
  for (const { id } of contexts) {
    if (id % 2 === 0 || ids.has(id))
      throw invalidParameter('presentation context id is even or occurs twice');
    ids.add(id);
  }
}

function readUserInformation(value: Uint8Array): UserInformation {
  let user = noUserInformation;
  for (const item of readItems(value)) {
    if (item.type === itemTypes.maximumLength)
      user = { ...user, dataPduBytesMax: readMaximumLength(item.value) };
    else if (item.type === itemTypes.implementationClassUid) {
      user = { ...user, implementationClassUid: readItemUid(item.value) };
    } else if (item.type === itemTypes.implementationVersionName) {
      user = { ...user, implementationVersionName: readVersionName(item.value) };
    }
    // Asynchronous operations, roles, extended negotiation and identities are ignored: the defaults apply.
  }
  return user;
}

function readMaximumLength(value: Uint8Array): number {
  if (value.length !== 4) throw invalidParameter('maximum length is not 4 bytes long');
  const bytes = new DataView(value.buffer, value.byteOffset, 4).getUint32(0, false);
  if (bytes !== 0 && bytes < associationLimits.announcedPduBytesMin) {
    throw invalidParameter('maximum length is too small to send anything');
  }
  return bytes;
}

/** For logs and the operator, so only printable ASCII. */
function readVersionName(value: Uint8Array): string | undefined {
  const text = Buffer.from(value).toString('latin1', 0, 16).trim();
  return /^[ -~]+$/.test(text) ? text : undefined;
}

/** A whole A-ASSOCIATE-RQ PDU. */
export function writeAssociateRequest(request: {
  readonly calledAe: string;
  readonly callingAe: string;
  readonly contexts: readonly ProposedContext[];
  readonly dataPduBytesMax: number;
}): Uint8Array {
  assert(request.contexts.length <= associationLimits.presentationContextsMax, 'at most 128 contexts');
  const contexts = request.contexts.map(({ id, abstractSyntax, transferSyntaxes }) => {
    assert(abstractSyntax !== undefined, 'a proposed context has an abstract syntax');
    return writeItem(
      itemTypes.proposedContext,
      Uint8Array.of(id, 0, 0, 0),
      uidItem(itemTypes.abstractSyntax, abstractSyntax),
      ...transferSyntaxes.map((uid) => uidItem(itemTypes.transferSyntax, uid)),
    );
  });
  const echoed = [writeAeTitle(request.calledAe), writeAeTitle(request.callingAe), new Uint8Array(32)];
  return writeAssociate(pduTypes.associateRequest, echoed, contexts, request.dataPduBytesMax);
}

/** A whole A-ASSOCIATE-AC PDU. */
export function writeAssociateAccept(accept: {
  readonly echoed: Uint8Array;
  readonly contexts: readonly AnsweredContext[];
  readonly dataPduBytesMax: number;
}): Uint8Array {
  const contexts = accept.contexts.map(({ id, result, transferSyntax }) =>
    writeItem(
      itemTypes.answeredContext,
      Uint8Array.of(id, 0, result, 0),
      uidItem(itemTypes.transferSyntax, transferSyntax ?? ''),
    ),
  );
  return writeAssociate(pduTypes.associateAccept, [accept.echoed], contexts, accept.dataPduBytesMax);
}

function writeAssociate(
  type: number,
  echoed: readonly Uint8Array[],
  contexts: readonly Uint8Array[],
  dataPduBytesMax: number,
): Uint8Array {
  const maximumLength = Buffer.alloc(4);
  maximumLength.writeUInt32BE(dataPduBytesMax);
  return writePdu(
    type,
    Uint8Array.of(0, protocolVersion, 0, 0),
    ...echoed,
    uidItem(itemTypes.applicationContext, dicomApplicationContext),
    ...contexts,
    writeItem(
      itemTypes.userInformation,
      writeItem(itemTypes.maximumLength, maximumLength),
      uidItem(itemTypes.implementationClassUid, implementationClassUid),
      writeItem(itemTypes.implementationVersionName, Buffer.from(implementationVersionName, 'latin1')),
    ),
  );
}

/** A PDU of a given type: header, then the parts of its body. */
export function writePdu(type: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const header = Buffer.from([type, 0, 0, 0, 0, 0]);
  header.writeUInt32BE(
    parts.reduce((sum, part) => sum + part.length, 0),
    2,
  );
  return Buffer.concat([header, ...parts]);
}
