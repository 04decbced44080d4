/**
 * Sends the steps of a calibration the way the sender sends everything: through the same socket, split by the kernel and
 * paced by the same pacer. Tags are written along the way in the pacing thread, so the rate it can keep is an underestimate
 * rather than an overestimate.
 */
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import type { DatagramTag } from '../../shared/crypto/siphash.ts';
import { DiodeError } from '../../shared/errors.ts';
import { sleepThread } from '../../shared/thread-sleep.ts';
import {
  type CalibrationRunFields,
  type CalibrationStepFields,
  writeCalibrationIndex,
  writeCalibrationMarker,
  writeCalibrationStep,
} from '../../shared/wire/calibration.ts';
import { writeSequence } from '../../shared/wire/datagram.ts';
import { framingBytes } from '../../shared/wire/wire-time.ts';
import type { SenderLink } from '../link/link.ts';
import { Pacer } from '../link/pace.ts';

/** The pause after a step, in which buffers empty and the receiver reads its counters. */
const quietMs = 400;
const markersOfStep = 5;
const markerGapMs = 20;
/** How long the kernel is left alone when it had no room, and for how long in all. */
const backOffMs = 1;
const stuckMs = 10_000;

export interface CalibrationSendingOptions {
  readonly link: SenderLink;
  readonly tag: DatagramTag;
  readonly run: CalibrationRunFields;
  readonly burstDatagrams: number;
}

export class CalibrationSending {
  readonly #options: CalibrationSendingOptions;
  #sequence = 0;

  constructor(options: CalibrationSendingOptions) {
    this.#options = options;
  }

  /**
   * Sends all datagrams of a step.
   * @returns the rate kept, in kilobits per second on the wire, at most the one asked for
   * @throws DiodeError E_LINK_SEND
   */
  async step(fields: CalibrationStepFields): Promise<number> {
    const { link, tag, run, burstDatagrams } = this.#options;
    const { datagramBytes } = run;
    const template = new Uint8Array(datagramBytes);
    writeCalibrationStep(template, run, fields);
    const batch = new Uint8Array(burstDatagrams * datagramBytes);
    const each = Array.from({ length: burstDatagrams }, (_, place) =>
      batch.subarray(place * datagramBytes, (place + 1) * datagramBytes),
    );
    for (const datagram of each) datagram.set(template);
    const pacer = new Pacer(datagramBytes, fields.rateKilobitsPerSecond / 1000, burstDatagrams);
    const startMs = performance.now();
    for (let sent = 0; sent < fields.datagrams; ) {
      await this.#untilTaken();
      const count = Math.min(burstDatagrams, fields.datagrams - sent);
      for (const datagram of each.slice(0, count)) {
        writeCalibrationIndex(datagram, sent);
        writeSequence(datagram, this.#sequence);
        sent += 1;
        this.#sequence += 1;
      }
      tag.writeMany(batch, datagramBytes, datagramBytes, count);
      const nowMs = await untilDue(pacer, count);
      const bytes = link.segments * datagramBytes;
      for (let start = 0; start < count * datagramBytes; start += bytes)
        link.send(batch.subarray(start, Math.min(start + bytes, count * datagramBytes)));
      pacer.spend(count, nowMs);
    }
    await this.#untilTaken();
    const tookMs = performance.now() - startMs;
    const kept = (fields.datagrams * (datagramBytes + framingBytes) * 8) / Math.max(tookMs, 1e-3);
    return Math.min(fields.rateKilobitsPerSecond, Math.round(kept));
  }

  /** Tells the end of a step, several times. */
  async markers(fields: CalibrationStepFields, kept: readonly number[], isLast: boolean): Promise<void> {
    const { link, tag, run } = this.#options;
    await sleep(quietMs);
    const marker = new Uint8Array(run.datagramBytes);
    writeCalibrationStep(marker, run, fields);
    writeCalibrationMarker(marker, kept, isLast);
    for (let index = 0; index < markersOfStep; index += 1) {
      writeCalibrationIndex(marker, index);
      writeSequence(marker, this.#sequence);
      this.#sequence += 1;
      tag.write(marker);
      link.send(marker);
      await this.#untilTaken();
      await sleep(markerGapMs);
    }
  }

  /** The kernel may take the bytes later than they are handed over. */
  async #untilTaken(): Promise<void> {
    const { link } = this.#options;
    const startMs = performance.now();
    for (;;) {
      const failure = link.takeFailure();
      if (failure !== undefined) throw failure;
      if (link.idle) return;
      if (performance.now() - startMs > stuckMs)
        throw new DiodeError('E_LINK_SEND', `the kernel accepted nothing for ${stuckMs / 1000} s`);
      if (link.hasRefused) {
        await sleep(backOffMs);
        link.sendRefused();
      } else {
        await nextTurn();
      }
    }
  }
}

/** Waits until that many may be sent. @returns the time they are sent */
async function untilDue(pacer: Pacer, count: number): Promise<number> {
  for (;;) {
    const nowMs = performance.now();
    if (pacer.allowance(nowMs) >= count) return nowMs;
    const waitMs = pacer.waitMs(count, nowMs);
    // The shortest wait of a timer is a millisecond; below that the thread sleeps by itself.
    if (waitMs >= 1) await sleep(waitMs);
    else sleepThread(Math.max(waitMs, 0.01));
  }
}
