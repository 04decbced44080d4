/**
 * A storage SCP that does what a script says: the PACS of a test that rejects, aborts, stays silent or answers with any
 * status. It takes every presentation context unless told otherwise.
 */
import {
  abort,
  answeredContext,
  associateAccept,
  control,
  dataPdu,
  pdu,
  releaseResponse,
  responseCommand,
} from './association-bytes.ts';
import { type RawConnection, type RawServer, rawServer, splitPdus } from './raw-connection.ts';

export interface ScpScript {
  /** Bytes to answer a request with; by default an A-ASSOCIATE-AC of all contexts. `drop` closes the connection. */
  request?: (
    contexts: readonly ProposedByPeer[],
    association: number,
  ) => Uint8Array | 'drop' | 'silence' | undefined;
  /** A status, or what else is done when the n-th instance (from 0, over all associations) is there. */
  store?: (instance: number, sopInstanceUid: string) => number | 'abort' | 'drop' | 'silence' | Uint8Array;
}

export interface ProposedByPeer {
  readonly id: number;
  readonly abstractSyntax: string;
  readonly transferSyntax: string;
}

export interface ScriptedScp extends RawServer {
  /** UIDs in the order they came, and associations so far. */
  readonly instances: string[];
  readonly associations: () => number;
}

export async function scriptedScp(script: ScpScript): Promise<ScriptedScp> {
  const instances: string[] = [];
  let associations = 0;
  const server = await rawServer((connection) => {
    void serve(connection, script, {
      instances,
      nextAssociation: () => associations++,
    });
  });
  return { ...server, instances, associations: () => associations };
}

interface Counters {
  readonly instances: string[];
  readonly nextAssociation: () => number;
}

async function serve(connection: RawConnection, script: ScpScript, counters: Counters): Promise<void> {
  let taken = 0;
  let command: Buffer = Buffer.alloc(0);
  while (!connection.socket.closed) {
    const pdus = await connection.pdus(taken + 1);
    for (const each of pdus.slice(taken)) {
      taken += 1;
      if (each[0] === 1) {
        const contexts = proposals(each);
        const number = counters.nextAssociation();
        const answer = script.request?.(contexts, number);
        act(
          connection,
          answer ??
            associateAccept(contexts.map(({ id, transferSyntax }) => answeredContext(id, 0, transferSyntax))),
        );
      } else if (each[0] === 5) connection.send(releaseResponse);
      else if (each[0] === 4 && each[11] === control.lastCommand) command = each.subarray(12);
      else if (each[0] === 4 && each[11] === control.lastData) {
        const contextId = each[10] ?? 1;
        const uid = commandUid(command);
        const answer = script.store?.(counters.instances.length, uid) ?? 0;
        counters.instances.push(uid);
        if (typeof answer !== 'number') act(connection, answer);
        else
          connection.send(
            dataPdu(contextId, control.lastCommand, responseCommand(0x8001, messageId(command), answer)),
          );
      }
    }
    if (splitPdus(connection.heard).length === taken && connection.socket.closed) return;
  }
}

function act(connection: RawConnection, action: Uint8Array | 'abort' | 'drop' | 'silence'): void {
  if (action === 'abort') {
    connection.send(abort);
    connection.socket.end();
  } else if (action === 'drop') connection.socket.destroy();
  else if (action !== 'silence') connection.send(action);
}

function proposals(request: Buffer): ProposedByPeer[] {
  const found: ProposedByPeer[] = [];
  for (let offset = 74; offset < request.length; ) {
    const length = request.readUInt16BE(offset + 2);
    const item = request.subarray(offset + 4, offset + 4 + length);
    if (request[offset] === 0x20) {
      const abstractBytes = item.readUInt16BE(6);
      const transferAt = 8 + abstractBytes;
      found.push({
        id: item[0] ?? 0,
        abstractSyntax: item.toString('latin1', 8, transferAt),
        transferSyntax: item.toString('latin1', transferAt + 4),
      });
    }
    offset += 4 + length;
  }
  return found;
}

function elementOf(command: Buffer, wanted: number): Buffer {
  for (let offset = 0; offset + 8 <= command.length; ) {
    const length = command.readUInt32LE(offset + 4);
    if (command.readUInt16LE(offset + 2) === wanted) return command.subarray(offset + 8, offset + 8 + length);
    offset += 8 + length;
  }
  return Buffer.alloc(2);
}

const commandUid = (command: Buffer) => elementOf(command, 0x1000).toString('latin1').replace('\0', '');
const messageId = (command: Buffer) => elementOf(command, 0x0110).readUInt16LE();

export const rejectPdu = (result: number, source: number, reason: number) =>
  pdu(0x03, Buffer.from([0, result, source, reason]));
