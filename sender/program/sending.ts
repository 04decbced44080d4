/** Dispatch and the data plane it feeds: what goes out, in which order, and what came of it. */

import type { Clock } from '../../shared/clock.ts';
import type { ErrorCode } from '../../shared/errors.ts';
import type { Log } from '../../shared/log.ts';
import type { Alarms } from '../../shared/program/alarms.ts';
import type { Measure } from '../../shared/program/measure.ts';
import type { Part } from '../../shared/program/part.ts';
import type { SenderConfiguration } from '../configuration.ts';
import { Dispatch } from '../dispatch/dispatch.ts';
import type { TransmitEnd, TransmitOrder } from '../encode/transmitter.ts';
import type { SenderIdentity, Session } from '../identity.ts';
import type { SenderLedger } from '../ledger/ledger.ts';
import type { LinkThreadOrder } from '../link/link-thread.ts';
import type { Spool } from '../spool/spool.ts';
import type { DataPlane } from './host.ts';

const stepMs = 20;

export interface SendingOptions {
  readonly configuration: SenderConfiguration;
  readonly ledger: SenderLedger;
  readonly spool: Spool;
  readonly identity: SenderIdentity;
  readonly session: Session;
  readonly alarms: Alarms;
  readonly clock: Clock;
  readonly log: Log;
  readonly runningMs: () => number;
  readonly openDataPlane: () => DataPlane | Promise<DataPlane>;
}

/** Who looks after the link: it is told before passes are counted, and of what the kernel refuses. */
export interface LinkListener {
  passesEnd(): void;
  refused(code: ErrorCode, detail: string): void;
}

export class Sending implements Part {
  readonly name = 'sending';
  readonly chores = [{ everyMs: stepMs, act: () => this.step() }];
  readonly dispatch: Dispatch;
  readonly #options: SendingOptions;
  readonly #orders: TransmitOrder[] = [];
  #plane: DataPlane | undefined;
  #listener: LinkListener | undefined;

  constructor(options: SendingOptions) {
    this.#options = options;
    const { configuration, ledger, spool, clock, alarms, identity, session, runningMs, log } = options;
    this.dispatch = new Dispatch({
      ...{ ledger, spool, clock, runningMs, alarms, identity, session },
      schedule: scheduleOf(configuration),
      get beaconIntervalMs() {
        return configuration['beacon.intervalMs'];
      },
      get rollIntervalMs() {
        return configuration['beacon.rollSeconds'] * 1000;
      },
      waitingBlocksMax: configuration['code.openBlocks'] * 2,
      transmit: (order) => this.#orders.push(order),
      onClosed: ({ studyUid, studyNumber, revision, instances }) =>
        log.info('study closed', { studyUid, studyNumber, revision, instances }),
    });
  }

  /** @throws DiodeError what keeps the link from ever opening */
  start(): void | Promise<void> {
    this.dispatch.reissueManifests();
    const opening = this.#options.openDataPlane();
    return opening instanceof Promise ? opening.then((plane) => this.#opened(plane)) : this.#opened(opening);
  }

  stop(): void | Promise<void> {
    return this.#plane?.stop();
  }

  listen(listener: LinkListener): void {
    this.#listener = listener;
  }

  /** What dispatch has for the encoder goes there. */
  step(): void {
    this.dispatch.step();
    if (this.#orders.length > 0) this.#plane?.send(this.#orders.splice(0));
  }

  /** Tells the thread that paces. */
  order(order: LinkThreadOrder): void {
    this.#plane?.order(order);
  }

  get binding(): ReturnType<DataPlane['binding']> {
    return this.#plane?.binding() ?? 'gone';
  }

  /** Which erasure-code engine encodes. */
  get engine(): string {
    return this.#plane?.engine ?? '';
  }

  status() {
    return { datagrams: this.#datagrams };
  }

  measures(): readonly Measure[] {
    return [{ name: 'diode_sender_datagrams_sent_total', value: this.#datagrams }];
  }

  get #datagrams(): number {
    return this.#plane?.datagrams() ?? 0;
  }

  #opened(plane: DataPlane): void {
    this.#plane = plane;
    plane.onRefused((code, detail) => this.#listener?.refused(code, detail));
    plane.onEnded((ends) => this.#ended(ends));
  }

  #ended(ends: readonly TransmitEnd[]): void {
    this.#listener?.passesEnd();
    this.dispatch.passesEnded(ends);
    this.step();
  }
}

function scheduleOf(configuration: SenderConfiguration) {
  return {
    passCount: configuration['passes.count'],
    passGapMs: configuration['passes.gapMs'],
    carouselShare: configuration['passes.carouselPercent'] / 100,
    get carouselGapMs() {
      return configuration['passes.carouselGapSeconds'] * 1000;
    },
    linkBytesPerMs: configuration['link.rateMegabitsPerSecond'] * 125,
  };
}
