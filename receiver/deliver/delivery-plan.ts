/**
 * Which deliveries a release creates: a row for each destination whose rules an instance matches, entered in the transaction
 * that marks the release, so that nothing is released and then forgotten.
 */
import type { Clock } from '../../shared/clock.ts';
import { EventGroups } from '../../shared/program/event-groups.ts';
import type { Events } from '../../shared/program/events.ts';
import type { RunningTime } from '../../shared/running-time.ts';
import { type Priority, priority } from '../../shared/wire/manifest.ts';
import type { Deliveries, DeliveryRecord } from '../ledger/deliveries.ts';
import type { InstanceRecord } from '../ledger/instance-records.ts';
import type { RemovableObjects } from '../ledger/removable-objects.ts';
import type { StudyRecord } from '../ledger/study-records.ts';
import { destinationsOf, type Route } from './routing.ts';

export interface DeliveryPlanOptions {
  readonly deliveries: Deliveries;
  readonly removableObjects: RemovableObjects;
  readonly events: Events;
  readonly routes: readonly Route[];
  readonly runningTime: RunningTime;
  readonly clock: Clock;
  /** Without an inbox, an instance that matches no rule goes nowhere. */
  readonly hasInbox: boolean;
  /** Something new is waiting. */
  readonly onEntered: () => void;
}

/** Takes the place of a destination for instances that no rule sends anywhere. */
export const nowhere = '(nowhere)';

export class DeliveryPlan {
  readonly #options: DeliveryPlanOptions;

  constructor(options: DeliveryPlanOptions) {
    this.#options = options;
  }

  /** Instances of a study are being released: within that transaction. */
  enter(study: StudyRecord, instances: Iterable<InstanceRecord>): void {
    const { deliveries, removableObjects, events, clock, runningTime } = this.#options;
    const failures = new EventGroups();
    const moment = { nowMs: runningTime.nowMs(), atMs: clock.wallMs() };
    for (const instance of instances) {
      const { senderId, studyUid } = instance;
      const entered = this.#destinationsOf(instance).map((destination) => {
        const became = deliveries.enter(instance, destination, urgencyOf(study.priority), moment);
        const failed = { senderId, studyUid, destination, code: 'E_CONFLICT', instances: 1 };
        if (became === 'withheld') failures.add({ kind: 'delivery-failed', ...failed });
        return became;
      });
      // If the same instance already went from another sender, this one has nowhere to go.
      if (entered.every((each) => each === 'known')) removableObjects.enter(instance.objectId, moment.nowMs);
    }
    failures.enterInto(events, moment.atMs);
    this.#options.onEntered();
  }

  /** Applies the current rules to what waits for a destination that does not exist. @returns how many found one */
  routeAgain(
    rows: readonly DeliveryRecord[],
    instanceOf: (objectId: string) => InstanceRecord | undefined,
  ): number {
    const { deliveries, clock, runningTime } = this.#options;
    const moment = { nowMs: runningTime.nowMs(), atMs: clock.wallMs() };
    let routed = 0;
    for (const row of rows) {
      const instance = instanceOf(row.objectId);
      const destinations = instance === undefined ? [nowhere] : this.#destinationsOf(instance);
      if (destinations.includes(row.destination)) continue;
      for (const destination of destinations) deliveries.enter(row, destination, row.urgency, moment);
      deliveries.abandon(row, moment);
      routed += 1;
    }
    return routed;
  }

  /** At least one, in the worst case `(nowhere)`, unless the inbox has it. */
  #destinationsOf(instance: InstanceRecord): string[] {
    const { routes, hasInbox } = this.#options;
    const destinations = destinationsOf(instance, routes);
    return destinations.length > 0 || hasInbox ? destinations : [nowhere];
  }
}

/** Lower is sooner. */
function urgencyOf(of: Priority): number {
  return of === priority.stat ? 0 : 1;
}
