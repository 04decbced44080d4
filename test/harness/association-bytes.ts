/**
 * PDUs and commands as bytes, right and wrong ones, for tests. It shares no code with `shared/dicom`, so each can show a
 * fault of the other.
 */

const ascii = (text: string): Buffer => Buffer.from(text, 'latin1');

export function pdu(type: number, body: Uint8Array, announcedBytes = body.length): Buffer {
  const header = Buffer.alloc(6);
  header[0] = type;
  header.writeUInt32BE(announcedBytes, 2);
  return Buffer.concat([header, body]);
}

export function associationItem(type: number, value: Uint8Array, announcedBytes = value.length): Buffer {
  const header = Buffer.from([type, 0, 0, 0]);
  header.writeUInt16BE(announcedBytes, 2);
  return Buffer.concat([header, value]);
}

export interface ContextBytes {
  readonly id: number;
  readonly abstractSyntax: string;
  readonly transferSyntaxes: readonly string[];
}

export const explicitLittle = '1.2.840.10008.1.2.1';
export const ctImageStorage = '1.2.840.10008.5.1.4.1.1.2';
export const verification = '1.2.840.10008.1.1';

export interface RequestBytes {
  readonly calledAe?: string;
  readonly callingAe?: string;
  readonly version?: number;
  readonly applicationContext?: string;
  readonly contexts?: readonly ContextBytes[];
  /** Presentation context items in place of `contexts`. */
  readonly contextItems?: readonly Uint8Array[];
  readonly maximumLength?: number;
  readonly userItems?: readonly Uint8Array[];
}

export function proposedContext({ id, abstractSyntax, transferSyntaxes }: ContextBytes): Buffer {
  return associationItem(
    0x20,
    Buffer.concat([
      Uint8Array.of(id, 0, 0, 0),
      associationItem(0x30, ascii(abstractSyntax)),
      ...transferSyntaxes.map((uid) => associationItem(0x40, ascii(uid))),
    ]),
  );
}

export function answeredContext(id: number, result: number, transferSyntax: string): Buffer {
  const body = Buffer.concat([Uint8Array.of(id, 0, result, 0), associationItem(0x40, ascii(transferSyntax))]);
  return associationItem(0x21, body);
}

/** The body of an A-ASSOCIATE-RQ, or of an A-ASSOCIATE-AC when its items say so. */
export function associateBody(request: RequestBytes = {}): Buffer {
  const version = Buffer.alloc(4);
  version.writeUInt16BE(request.version ?? 1);
  const maximumLength = Buffer.alloc(4);
  maximumLength.writeUInt32BE(request.maximumLength ?? 16_384);
  const contexts = request.contexts ?? [
    { id: 1, abstractSyntax: ctImageStorage, transferSyntaxes: [explicitLittle] },
  ];
  return Buffer.concat([
    version,
    ascii((request.calledAe ?? 'DIODE').padEnd(16)),
    ascii((request.callingAe ?? 'SCANNER').padEnd(16)),
    Buffer.alloc(32),
    associationItem(0x10, ascii(request.applicationContext ?? '1.2.840.10008.3.1.1.1')),
    ...(request.contextItems ?? contexts.map(proposedContext)),
    associationItem(
      0x50,
      Buffer.concat([
        associationItem(0x51, maximumLength),
        associationItem(0x52, ascii('1.2.3.4')),
        ...(request.userItems ?? []),
      ]),
    ),
  ]);
}

export function associateRequest(request: RequestBytes = {}): Buffer {
  return pdu(0x01, associateBody(request));
}

export function associateAccept(contexts: readonly Uint8Array[], maximumLength = 16_384): Buffer {
  return pdu(0x02, associateBody({ contextItems: contexts, maximumLength }));
}

export const releaseRequest = pdu(0x05, Buffer.alloc(4));
export const releaseResponse = pdu(0x06, Buffer.alloc(4));
export const abort = pdu(0x07, Buffer.alloc(4));

/** A presentation data value item. */
export function dataValue(contextId: number, control: number, bytes: Uint8Array): Buffer {
  const header = Buffer.alloc(6);
  header.writeUInt32BE(bytes.length + 2);
  header[4] = contextId;
  header[5] = control;
  return Buffer.concat([header, bytes]);
}

/** Message control headers (PS3.8 annex E.2). */
export const control = { data: 0, command: 1, lastData: 2, lastCommand: 3 } as const;

export function dataPdu(contextId: number, controlHeader: number, bytes: Uint8Array): Buffer {
  return pdu(0x04, dataValue(contextId, controlHeader, bytes));
}

export function commandElement(element: number, value: Uint8Array, announcedBytes = value.length): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt16LE(element, 2);
  header.writeUInt32LE(announcedBytes, 4);
  return Buffer.concat([header, value]);
}

export function uint16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value);
  return bytes;
}

/** A UID padded to an even length. */
export function uidValue(uid: string): Buffer {
  return ascii(uid.length % 2 === 0 ? uid : `${uid}\0`);
}

/** A command set of elements, with its group length. */
export function commandSet(...elements: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(elements);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(body.length);
  return Buffer.concat([commandElement(0x0000, length), body]);
}

export interface StoreBytes {
  readonly messageId?: number;
  readonly sopClassUid?: string;
  readonly sopInstanceUid?: string;
  readonly dataSetType?: number;
}

/** C-STORE-RQ (PS3.7 table 9.3-1). */
export function storeRequest(store: StoreBytes = {}): Buffer {
  return commandSet(
    commandElement(0x0002, uidValue(store.sopClassUid ?? ctImageStorage)),
    commandElement(0x0100, uint16(0x0001)),
    commandElement(0x0110, uint16(store.messageId ?? 1)),
    commandElement(0x0700, uint16(0)),
    commandElement(0x0800, uint16(store.dataSetType ?? 0)),
    commandElement(0x1000, uidValue(store.sopInstanceUid ?? '1.2.3.4.5')),
  );
}

/** A response with a status (PS3.7 tables 9.3-2 and 9.3-13). */
export function responseCommand(field: number, respondedTo: number, status: number): Buffer {
  return commandSet(
    commandElement(0x0100, uint16(field)),
    commandElement(0x0120, uint16(respondedTo)),
    commandElement(0x0800, uint16(0x0101)),
    commandElement(0x0900, uint16(status)),
  );
}

export function echoRequest(messageId = 1): Buffer {
  return commandSet(
    commandElement(0x0002, uidValue(verification)),
    commandElement(0x0100, uint16(0x0030)),
    commandElement(0x0110, uint16(messageId)),
    commandElement(0x0800, uint16(0x0101)),
  );
}
