/**
 * Delivery in the running receiver: the plan by which releases are entered, the queue, the delivering thread, and the
 * removal of what has been delivered everywhere from the vault.
 */

import type { Clock } from '../../shared/clock.ts';
import { DiodeError, storageCodes } from '../../shared/errors.ts';
import type { Log } from '../../shared/log.ts';
import type { AlarmDesk } from '../../shared/program/alarm-desk.ts';
import type { Alarms } from '../../shared/program/alarms.ts';
import type { Measure } from '../../shared/program/measure.ts';
import type { Part } from '../../shared/program/part.ts';
import { RunningTime } from '../../shared/running-time.ts';
import { type Die, startThread, stopThread } from '../../shared/supervision.ts';
import type { ReceiverConfiguration } from '../configuration.ts';
import type { DeliveryRecord } from '../ledger/deliveries.ts';
import type { ReceiverLedger } from '../ledger/ledger.ts';
import { inboxFolderOf } from '../places.ts';
import type { Outgoing, OutgoingFile } from '../vault/outgoing.ts';
import type { Vault } from '../vault/vault.ts';
import { Delivery, type DestinationStatus } from './delivery.ts';
import { DeliveryPlan } from './delivery-plan.ts';
import type { DeliveryThreadData, DeliveryThreadMessage, DeliveryThreadOrder } from './delivery-thread.ts';
import { policyOf, resolveDestination, routeOf } from './resolve-destination.ts';
import { VaultRemoval } from './vault-removal.ts';

const stepMs = 50;
const removeIntervalMs = 1000;
/** Time for the current instances when the receiver stops; what is cut off is sent again later. */
const stopWaitMs = 3000;
const dayMs = 86_400_000;

export interface DeliveryServiceOptions {
  readonly configuration: ReceiverConfiguration;
  readonly ledger: ReceiverLedger;
  readonly vault: Vault;
  /** Of the running pipeline, which is made later. */
  readonly outgoing: () => Outgoing;
  /** As in {@link Delivery}. */
  readonly groupOf?: (senderId: string) => string;
  readonly clock: Clock;
  readonly alarms: Alarms;
  readonly log: Log;
  readonly die: Die;
}

interface DeliveryStatus {
  /** The queue, by destination. */
  readonly destinations: readonly DestinationStatus[];
}

export class DeliveryService implements Part<DeliveryStatus> {
  readonly name = 'delivery';
  readonly chores = [
    { everyMs: stepMs, act: () => this.#delivery.step() },
    { everyMs: removeIntervalMs, act: () => this.#removal.step() },
  ];
  readonly plan: DeliveryPlan;
  readonly runningTime: RunningTime;
  readonly #options: DeliveryServiceOptions;
  readonly #delivery: Delivery;
  readonly #removal: VaultRemoval;
  readonly #desk: AlarmDesk;
  #order: (order: DeliveryThreadOrder) => void = () => {};
  #endThread: (() => Promise<void>) | undefined;
  #isStopping = false;

  /** @throws DiodeError E_CREDENTIALS */
  constructor(options: DeliveryServiceOptions) {
    this.#options = options;
    const { configuration, ledger, clock, alarms, log } = options;
    const { destinations } = configuration;
    this.#desk = alarms.desk('delivery service');
    // Unreadable files are found now, and not when the first study comes.
    for (const settings of destinations) resolveDestination(settings);
    const { deliveries, removableObjects } = ledger;
    this.runningTime = new RunningTime(ledger.savedTime, clock);
    this.plan = new DeliveryPlan({
      deliveries,
      removableObjects,
      events: ledger.events,
      routes: destinations.map(routeOf),
      runningTime: this.runningTime,
      clock,
      hasInbox: inboxFolderOf(configuration) !== undefined,
      onEntered: () => this.#delivery.wake(),
    });
    this.#removal = new VaultRemoval({
      ledger,
      vault: options.vault,
      runningTime: this.runningTime,
      alarms,
      keptMs: configuration['vault.keepForDays'] * dayMs,
    });
    this.#delivery = new Delivery({
      deliveries,
      events: ledger.events,
      transaction: (act) => ledger.transaction(act),
      policies: new Map(destinations.map((settings) => [settings.name, policyOf(settings)])),
      courier: { send: (destination, items) => this.#order({ kind: 'round', destination, items }) },
      fileOf: (row) => this.#fileOf(row),
      groupOf: options.groupOf,
      onDamaged: (objectId) => options.outgoing().damaged(objectId),
      runningTime: this.runningTime,
      clock,
      alarms,
      onStudyDelivered: (senderId, studyUid) => log.info('study delivered', { studyUid, senderId }),
    });
  }

  start(): void {
    if (this.#options.configuration.destinations.length > 0) this.#startThread();
  }

  status(): DeliveryStatus {
    return { destinations: this.#delivery.statuses() };
  }

  measures({ destinations }: DeliveryStatus): readonly Measure[] {
    return destinations.flatMap(({ name, waiting, failed, sent }) => [
      { name: 'diode_receiver_deliveries_waiting', value: waiting, labels: { destination: name } },
      { name: 'diode_receiver_deliveries_failed', value: failed, labels: { destination: name } },
      { name: 'diode_receiver_deliveries_sent_total', value: sent, labels: { destination: name } },
    ]);
  }

  isConfigured(destination: string): boolean {
    return this.#options.configuration.destinations.some(({ name }) => name === destination);
  }

  /** A person wants a destination tried at once. */
  hurry(destination: string): void {
    this.#delivery.hurry(destination);
  }

  /** Ends what is under way, and records its results. */
  stop(): void | Promise<void> {
    this.#isStopping = true;
    const ending = this.#endThread?.();
    return ending === undefined ? this.#finish() : ending.then(() => this.#finish());
  }

  #finish(): void {
    this.#delivery.finish();
    this.#desk.during('running time', storageCodes, () => this.runningTime.save());
  }

  /** If the copy that should leave does not exist, it is made. */
  #fileOf(row: DeliveryRecord): OutgoingFile | DiodeError {
    const outgoing = this.#options.outgoing();
    const file = outgoing.file(row.objectId);
    if (file instanceof DiodeError && file.code === 'E_COPY_WAITING') outgoing.want(row, () => {});
    return file;
  }

  #guarded(act: () => void): void {
    try {
      act();
    } catch (error) {
      this.#options.die(error);
    }
  }

  #startThread(): void {
    const { configuration, die } = this.#options;
    let tellStopped = () => {};
    const stopped = new Promise<void>((resolve) => {
      tellStopped = resolve;
    });
    const thread = startThread<DeliveryThreadMessage>({
      file: new URL('./delivery-thread.js', import.meta.url),
      workerData: { destinations: configuration.destinations } satisfies DeliveryThreadData,
      onMessage: (message) => {
        if (message.kind === 'reported')
          this.#delivery.reported(message.destination, message.objectId, message.answer);
        else if (message.kind === 'ended') {
          this.#delivery.ended(message.destination);
          // The next round begins at once.
          if (!this.#isStopping) this.#guarded(() => this.#delivery.step());
        } else tellStopped();
      },
      die,
    });
    this.#order = (order) => thread.postMessage(order);
    this.#endThread = async () => {
      this.#order({ kind: 'stop' });
      const late = new Promise<void>((resolve) => {
        setTimeout(resolve, stopWaitMs).unref();
      });
      await Promise.race([stopped, late]);
      await stopThread(thread);
    };
  }
}
