/**
 * What a scanner that means harm does at the port of a sender, by kind. Each act is bounded in bytes and time, and draws
 * what it does from its random stream. It comes from addresses of its own: honest scanners are others.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import {
  associateRequest,
  commandElement,
  commandSet,
  control,
  dataPdu,
  explicitLittle,
  pdu,
  releaseRequest,
  storeRequest,
  uidValue,
  uint16,
} from './association-bytes.ts';
import { transferSyntaxes } from './dicom-writer.ts';
import type { HostileAct } from './hostile-acts.ts';
import { malformedCases } from './malformed-associations.ts';
import { malformedStream } from './malformed-streams.ts';
import type { Random } from './random.ts';
import { RawConnection } from './raw-connection.ts';
import { ctImage, element, encodeElements } from './unchecked-writer.ts';

const stepClass = '1.2.840.10008.3.1.2.3.3';
const stepReferences = 66_000;
const idleConnections = 40;
const pieceBytes = 16_000;
const associateAccept = 0x02;
/** A connection that the sender does not end is ended here: what is kept open for ever is what is tried. */
const actMs = 8000;

export class HostileScanner {
  readonly #port: number;
  #connections = 0;

  constructor(port: number) {
    this.#port = port;
  }

  /** Its acts by name. */
  acts(): Readonly<Record<string, HostileAct>> {
    return {
      malformed: (random) => this.#malformed(random),
      steps: (random) => this.#steps(random),
      idle: (random) => this.#idle(random),
      cut: (random) => this.#cut(random),
      'same-uid': (random) => this.#store(random, 10, () => '2.25.4711'),
      studies: (random) => this.#store(random, 40, () => `2.25.9${random.word()}${random.word()}`),
      contexts: (random) => this.#contexts(random),
      loris: (random) => this.#loris(random),
    };
  }

  async #malformed(random: Random): Promise<void> {
    const named = malformedCases.filter(({ flood }) => flood === undefined);
    const pieces = random.chance(0.3) ? [random.pick(named).bytes] : malformedStream(random);
    await this.#talk(async (connection) => {
      for (const piece of pieces) connection.socket.write(piece);
      await sleep(random.between(0, 500));
    });
  }

  /** Performed procedure steps with as many references as a message takes, and none of them ever ends. */
  async #steps(random: Random): Promise<void> {
    const references = Array.from({ length: stepReferences }, (_, number) => [
      element(0x0008_1150, 'UI', '1.2'),
      element(0x0008_1155, 'UI', `2.25.${number}`),
    ]);
    const series = [element(0x0020_000e, 'UI', '2.25.3'), element(0x0008_1140, 'SQ', references)];
    const dataSet = encodeElements(
      [element(0x0040_0252, 'CS', 'IN PROGRESS'), element(0x0040_0340, 'SQ', [series])],
      transferSyntaxes.explicitLittleEndian,
    );
    await this.#talk(
      async (connection) => {
        for (let step = 1; step <= 8; step += 1) {
          const command = commandSet(
            commandElement(0x0002, uidValue(stepClass)),
            commandElement(0x0100, uint16(0x0140)),
            commandElement(0x0110, uint16(step)),
            commandElement(0x0800, uint16(1)),
            commandElement(0x1000, uidValue(`2.25.${random.word()}`)),
          );
          await write(connection, dataPdu(1, control.lastCommand, command));
          await inPieces(connection, 1, dataSet);
        }
        const answers = await connection.pdus(5);
        if (answers.length === 1) throw new Error('no step was answered');
      },
      [{ id: 1, abstractSyntax: stepClass, transferSyntaxes: [explicitLittle] }],
    );
  }

  /** More associations than there may be, all of them silent. */
  async #idle(random: Random): Promise<void> {
    const talks = Array.from({ length: idleConnections }, () => this.#talk(() => sleep(3000)));
    const outcomes = await Promise.allSettled(talks);
    if (outcomes.every(({ status }) => status === 'rejected')) throw new Error('none was accepted');
    await sleep(random.between(0, 1000));
  }

  /** A C-STORE that breaks off in the middle of its data. */
  async #cut(random: Random): Promise<void> {
    await this.#talk(async (connection) => {
      await write(connection, dataPdu(1, control.lastCommand, storeRequest({ sopInstanceUid: '2.25.6' })));
      const pieces = random.between(1, 200);
      for (let piece = 0; piece < pieces; piece += 1)
        await write(connection, dataPdu(1, control.data, random.bytes(pieceBytes)));
    });
  }

  async #store(random: Random, count: number, uid: () => string): Promise<void> {
    await this.#talk(async (connection) => {
      for (let number = 1; number <= count; number += 1) {
        const studyUid = uid();
        const sopInstanceUid = `${studyUid}.1`;
        const pixels = element(0x7fe0_0010, 'OW', random.bytes(random.between(1, 2000) * 2));
        const dataSet = encodeElements(
          ctImage({ studyUid, seriesUid: `${studyUid}.2`, sopInstanceUid, more: [pixels] }),
          transferSyntaxes.explicitLittleEndian,
        );
        await write(
          connection,
          dataPdu(1, control.lastCommand, storeRequest({ messageId: number, sopInstanceUid })),
        );
        await inPieces(connection, 1, dataSet);
      }
      const answers = await connection.pdus(1 + count);
      if (answers.length === 1) throw new Error('nothing was answered');
      await write(connection, releaseRequest);
    });
  }

  async #contexts(random: Random): Promise<void> {
    const syntaxes = Array.from({ length: random.between(20, 60) }, (_, number) => `1.2.3.${number}`);
    const contexts = Array.from({ length: 128 }, (_, number) => ({
      id: 1 + 2 * number,
      abstractSyntax: `1.2.840.10008.5.1.4.1.1.${number}`,
      transferSyntaxes: syntaxes,
    }));
    await this.#talk(() => sleep(100), contexts);
  }

  /** A PDU that comes byte by byte, and never whole. */
  async #loris(random: Random): Promise<void> {
    await this.#talk(async (connection) => {
      const whole = pdu(0x04, random.bytes(4000));
      const endMs = performance.now() + 4000;
      for (let at = 0; at < whole.length - 1 && performance.now() < endMs; at += 1) {
        await write(connection, whole.subarray(at, at + 1));
        await sleep(20);
      }
    });
  }

  async #talk(
    say: (connection: RawConnection) => Promise<unknown>,
    contexts?: NonNullable<Parameters<typeof associateRequest>[0]>['contexts'],
  ): Promise<void> {
    this.#connections += 1;
    const number = this.#connections;
    const address = `127.2.${(number >> 7) & 0xff}.${1 + (number & 0x7f)}`;
    const connection = await RawConnection.to(this.#port, address);
    const timer = setTimeout(() => connection.socket.destroy(), actMs);
    try {
      connection.send(
        associateRequest({ callingAe: 'HOSTILE', ...(contexts !== undefined && { contexts }) }),
      );
      const [answer] = await connection.pdus(1);
      if (answer?.[0] !== associateAccept) throw new Error(`not accepted: PDU type ${answer?.[0]}`);
      await say(connection);
    } finally {
      clearTimeout(timer);
      connection.socket.destroy();
    }
  }
}

/** Waits while the sender takes no more; nothing when it has gone. */
export async function write(connection: RawConnection, bytes: Uint8Array): Promise<void> {
  if (!connection.socket.writable || connection.socket.write(bytes)) return;
  await Promise.race([new Promise((resolve) => connection.socket.once('drain', resolve)), connection.closed]);
}

/** A data set in P-DATA of a usual size. */
export async function inPieces(
  connection: RawConnection,
  contextId: number,
  dataSet: Uint8Array,
): Promise<void> {
  for (let start = 0; start < dataSet.length; start += pieceBytes) {
    const isLast = start + pieceBytes >= dataSet.length;
    const part = dataSet.subarray(start, start + pieceBytes);
    await write(connection, dataPdu(contextId, isLast ? control.lastData : control.data, part));
  }
}
