/** The table of everything that a person or a script may ask of the running receiver. */
import type { Clock } from '../../shared/clock.ts';
import { type AcknowledgedAlarms, alarmOperations } from '../../shared/program/acknowledge-alarm.ts';
import type { Operation } from '../../shared/program/operations.ts';
import type { ReceiverLedger } from '../ledger/ledger.ts';
import type { Pipeline } from '../pipeline/pipeline.ts';
import { type DeliveryParts, deliveryOperations } from './deliveries.ts';
import { partialReleaseOperations } from './partial-release.ts';
import { quarantineOperations } from './quarantine.ts';
import { senderOperations } from './senders.ts';
import { vaultFileOperations } from './vault-files.ts';

export interface ReceiverOperationParts {
  readonly ledger: ReceiverLedger;
  readonly clock: Clock;
  readonly pipeline: Pipeline;
  readonly deliveries: DeliveryParts['deliveries'];
  readonly hasInbox: boolean;
  /** Left out if alarms can't be acknowledged. */
  readonly alarms?: AcknowledgedAlarms | undefined;
}

export function receiverOperations(parts: ReceiverOperationParts): readonly Operation[] {
  const { ledger, clock, pipeline, deliveries, hasInbox, alarms } = parts;
  const { studies, releaser, senders, vaultWatch } = pipeline;
  return [
    ...partialReleaseOperations({ ledger, releaser }),
    ...quarantineOperations({
      ledger,
      studies,
      hasInbox,
      clock,
      releaseReady: () => pipeline.releaseReady(),
      collectAgain: (objectIds) => pipeline.collectAgain(objectIds),
      removeBytes: (objectIds) => pipeline.removeBytes(objectIds),
    }),
    ...vaultFileOperations({ ledger, vaultWatch }),
    ...senderOperations({ ledger, senders, clock }),
    ...deliveryOperations({ ledger, clock, deliveries }),
    ...(alarms === undefined ? [] : alarmOperations(alarms, clock)),
  ];
}
