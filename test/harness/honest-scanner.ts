/** A scanner that does nothing wrong, beside hostile ones: what it stores, and whether it is answered. */
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  associateRequest,
  control,
  dataPdu,
  echoRequest,
  releaseRequest,
  storeRequest,
  verification,
} from './association-bytes.ts';
import { transferSyntaxes } from './dicom-writer.ts';
import { inPieces, write } from './hostile-scanner.ts';
import type { Random } from './random.ts';
import { RawConnection } from './raw-connection.ts';
import { ctImage, element, encodeElements } from './unchecked-writer.ts';

const echoMsMax = 20_000;

export interface HonestScannerOptions {
  readonly port: number;
  readonly seed: number;
  readonly random: Random;
  readonly isOver: () => boolean;
}

export class HonestScanner {
  /** Data set hashes of what was taken, by SOP Instance UID. */
  readonly stored = new Map<string, string>();
  /** Associations that were refused, or ended early. */
  refused = 0;
  echoes = 0;
  slowestEchoMs = 0;
  readonly problems: string[] = [];
  readonly #options: HonestScannerOptions;

  constructor(options: HonestScannerOptions) {
    this.#options = options;
  }

  /** The honest scanner: it tries again what was not taken, as scanners do. */
  async stores(): Promise<void> {
    const { random, seed } = this.#options;
    for (let number = 1; !this.#options.isOver(); number += 1) {
      const studyUid = `2.25.55.${seed}.${number}`;
      const instances = Array.from({ length: random.between(1, 4) }, (_, index) => {
        const sopInstanceUid = `${studyUid}.${index + 1}`;
        const more = [element(0x7fe0_0010, 'OW', random.bytes(random.between(1000, 30_000) * 2))];
        const image = ctImage({ studyUid, seriesUid: `${studyUid}.0`, sopInstanceUid, more });
        return { sopInstanceUid, dataSet: encodeElements(image, transferSyntaxes.explicitLittleEndian) };
      });
      for (let attempt = 0; attempt < 100; attempt += 1) {
        if ((await this.#store(instances)) || this.#options.isOver()) break;
        this.refused += 1;
        if (attempt === 99) this.problems.push('an honest scanner got nothing taken in 100 attempts');
        await sleep(300);
      }
      await sleep(500);
    }
  }

  async #store(instances: readonly { sopInstanceUid: string; dataSet: Uint8Array }[]): Promise<boolean> {
    const connection = await RawConnection.to(this.#options.port).catch(() => undefined);
    if (connection === undefined) return false;
    const timer = setTimeout(() => connection.socket.destroy(), echoMsMax);
    try {
      connection.send(associateRequest());
      const [answer] = await connection.pdus(1);
      if (answer?.[0] !== 2) return false;
      for (const [index, { sopInstanceUid, dataSet }] of instances.entries()) {
        const request = storeRequest({ messageId: index + 1, sopInstanceUid });
        await write(connection, dataPdu(1, control.lastCommand, request));
        await inPieces(connection, 1, dataSet);
        const heard = await connection.pdus(index + 2);
        if (!isSuccess(heard[index + 1])) return false;
        this.stored.set(sopInstanceUid, createHash('sha256').update(dataSet).digest('hex'));
      }
      await write(connection, releaseRequest);
      await connection.pdus(instances.length + 2);
      return true;
    } finally {
      clearTimeout(timer);
      connection.socket.destroy();
    }
  }

  /** An association that is there from the beginning, and is to be answered whatever others do. */
  async echo(): Promise<void> {
    const contexts = [{ id: 1, abstractSyntax: verification, transferSyntaxes: ['1.2.840.10008.1.2'] }];
    const connection = await RawConnection.to(this.#options.port);
    connection.send(associateRequest({ contexts }));
    await connection.pdus(1);
    while (!this.#options.isOver()) {
      const askedMs = performance.now();
      connection.send(dataPdu(1, control.lastCommand, echoRequest()));
      const late = sleep(echoMsMax, undefined, { ref: false });
      await Promise.race([connection.pdus(this.echoes + 2), late]);
      this.slowestEchoMs = Math.max(this.slowestEchoMs, performance.now() - askedMs);
      if (performance.now() - askedMs >= echoMsMax || connection.socket.closed) {
        this.problems.push('the association beside it was not answered');
        break;
      }
      this.echoes += 1;
      await sleep(500);
    }
    connection.socket.destroy();
  }
}

/** Status 0000 in a C-STORE-RSP: the last element of the command. */
function isSuccess(answer: Buffer | undefined): boolean {
  const status = answer?.indexOf(Buffer.from('0000000902000000', 'hex')) ?? -1;
  return answer?.[0] === 4 && status >= 0 && answer.readUInt16LE(status + 8) === 0;
}
