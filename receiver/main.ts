#!/usr/bin/env node
/** diode-receiver: the command line of the high side. */
import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { systemClock } from '../shared/clock.ts';
import { prepareCollector } from '../shared/collector.ts';
import { addAcknowledgeCommand } from '../shared/console/acknowledge-command.ts';
import { alarmLines } from '../shared/console/alarm-lines.ts';
import { addAlarmsCommand } from '../shared/console/alarms-command.ts';
import {
  addCommonCommands,
  configurationOf,
  createProgram,
  type GlobalOptions,
  isFresh,
  print,
  readSnapshot,
  runProgram,
} from '../shared/console/command-line.ts';
import { addDoctorCommand } from '../shared/console/doctor-command.ts';
import { addEventsCommand, followingUntilStopped } from '../shared/console/events-command.ts';
import { addKeyCommands } from '../shared/console/key-commands.ts';
import { bytesText, countText, durationText } from '../shared/console/quantities.ts';
import { table } from '../shared/console/table.ts';
import { DiodeError } from '../shared/errors.ts';
import { giveBackFreedBuffers } from '../shared/kernel-socket.ts';
import { createLog } from '../shared/log.ts';
import { logOptions } from '../shared/log-options.ts';
import { dieWith, endUnlessStarted, superviseProcess } from '../shared/supervision.ts';
import { addCalibrateCommand } from './commands/calibrate-command.ts';
import { addDestinationCommands, deliveryLines } from './commands/destination-commands.ts';
import { examineReceiver } from './commands/doctor.ts';
import { addMissingCommand } from './commands/missing-command.ts';
import { addQuarantineCommands } from './commands/quarantine-commands.ts';
import type { ReceiverSide } from './commands/receiver-side.ts';
import { addReleaseCommand } from './commands/release-command.ts';
import { addSenderCommands } from './commands/sender-commands.ts';
import { addVerifyCommand } from './commands/verify-command.ts';
import { type ReceiverConfiguration, receiverSettings } from './configuration.ts';
import type { DestinationStatus } from './deliver/delivery.ts';
import type { DeliveryCounts } from './ledger/deliveries.ts';
import { ReceiverLedger } from './ledger/ledger.ts';
import type { StudySummary } from './ledger/study-records.ts';
import { studyState } from './ledger/study-state.ts';
import { ledgerPath, requestsPath, snapshotPath } from './places.ts';
import { receiverHost } from './program/host.ts';
import { startReceiver } from './program/receiver.ts';
import type { ReceiverStatus } from './status.ts';

const studiesShown = 50;
const missingShown = 1000;
const side: ReceiverSide = {
  name: 'diode-receiver',
  settings: receiverSettings,
  requestsPath,
  snapshotPath,
  clock: systemClock,
};

const program = createProgram(
  'diode-receiver',
  'receives DICOM studies over a one-way link and releases complete ones to the inbox',
  '/etc/dicom-diode/receiver.toml',
);

program
  .command('run')
  .description('run the receiver until it is stopped')
  .action(async (_options, command: Command) => {
    prepareCollector();
    giveBackFreedBuffers();
    const { values } = configurationOf(command, receiverSettings);
    const log = createLog('diode-receiver', values['log.level'], logOptions(values));
    const die = dieWith(log);
    // A signal during the start also stops it in order.
    const starting = startReceiver(values, receiverHost(values, log, die));
    endUnlessStarted(starting);
    superviseProcess(
      async () => (await starting).stop(),
      die,
      async () => (await starting).readKeysAgain(),
    );
    await starting;
  });

program
  .command('status')
  .description('show the studies, the link, the senders and any problems')
  .action(async (_options, command: Command) => {
    const { values } = configurationOf(command, receiverSettings);
    const { json } = command.optsWithGlobals<GlobalOptions>();
    const snapshot = readSnapshot<ReceiverStatus>(snapshotPath(values));
    const running = isFresh(snapshot, systemClock.wallMs());
    const { studies, held, unreleased } = await withLedger(values, (ledger) => ({
      unreleased: ledger.account.withProblem(),
      studies: ledger.studies.summaries(studiesShown).map((study) => withDeliveries(ledger, study)),
      held: ledger.instances
        .held(missingShown)
        .map(({ studyUid, sopInstanceUid, objectId, heldBecause }) => ({
          studyUid,
          sopInstanceUid,
          objectId,
          because: heldBecause,
        })),
    }));
    if (json) return print(JSON.stringify({ running, ...snapshot, studies, held, unreleased }));
    print(statusText(snapshot, running, studies, { held: held.length, unreleased }));
  });

addEventsCommand(program, {
  open: (command) => {
    const path = existingLedger(configurationOf(command, receiverSettings).values);
    const ledger = new ReceiverLedger(path, undefined, {}, 'read');
    return {
      events: ledger.events,
      studiesNumbered: (studyNumber) => ledger.studies.uidsOfNumber(studyNumber),
      close: () => ledger.close(),
    };
  },
  clock: systemClock,
  print,
  wait: followingUntilStopped,
});
addMissingCommand(program, side, withLedger);
addVerifyCommand(program, side, withLedger);
addReleaseCommand(program, side);
addQuarantineCommands(program, side, withLedger);
addSenderCommands(program, side, withLedger);
addDestinationCommands(program, {
  side,
  configurationOf: (command) => configurationOf(command, receiverSettings).values,
  statusesOf,
  withLedger,
});
const alarms = addAlarmsCommand(program, (command) => {
  const { values } = configurationOf(command, receiverSettings);
  const snapshot = readSnapshot<ReceiverStatus>(snapshotPath(values));
  return { running: isFresh(snapshot, systemClock.wallMs()), alarms: snapshot?.alarms ?? [] };
});
addAcknowledgeCommand(alarms, side);
addDoctorCommand(program, (command, countersPath) => {
  const { values } = configurationOf(command, receiverSettings);
  const snapshot = readSnapshot<ReceiverStatus>(snapshotPath(values));
  return examineReceiver(values, { snapshot, countersPath, nowMs: systemClock.wallMs() });
});
addCalibrateCommand(program);
addKeyCommands(program, receiverSettings);
addCommonCommands(program, receiverSettings);
await runProgram(program);

/** A study as `status` shows it: `delivered` when every destination has all of it. */
interface ShownStudy extends Omit<StudySummary, 'state'> {
  readonly state: StudySummary['state'] | 'delivered';
  readonly deliveries: DeliveryCounts | undefined;
}

function withDeliveries(ledger: ReceiverLedger, study: StudySummary): ShownStudy {
  const deliveries = ledger.deliveries.ofStudy(study.senderId, study.studyUid);
  const isDelivered =
    study.state === studyState.released &&
    deliveries !== undefined &&
    deliveries.waiting + deliveries.failed + deliveries.abandoned === 0;
  return { ...study, state: isDelivered ? 'delivered' : study.state, deliveries };
}

function deliveredText(counts: DeliveryCounts | undefined): string {
  if (counts === undefined) return '';
  const all = counts.waiting + counts.sent + counts.failed + counts.abandoned;
  return `${counts.sent} of ${all}${counts.failed === 0 ? '' : `, ${counts.failed} failed`}`;
}

/** As the running receiver reports them; nothing waits yet for one that is configured and never ran. */
function statusesOf(values: ReceiverConfiguration): readonly DestinationStatus[] {
  const told = readSnapshot<ReceiverStatus>(snapshotPath(values))?.destinations ?? [];
  const untold = values.destinations.filter(({ name }) => told.every((each) => each.name !== name));
  return [
    ...told,
    ...untold.map(({ name }) => ({
      name,
      isConfigured: true,
      waiting: 0,
      failed: 0,
      oldestWaitingMs: 0,
      retryInMs: 0,
      sent: 0,
      code: undefined,
    })),
  ];
}

function statusText(
  snapshot: ReceiverStatus | undefined,
  running: boolean,
  studies: readonly ShownStudy[],
  { held, unreleased }: { held: number; unreleased: number },
): string {
  const lines = [running ? 'diode-receiver is running' : 'diode-receiver is not running'];
  if (snapshot !== undefined) {
    const { link, assemble, senders, alarms } = snapshot;
    lines.push(
      `link     ${link.admitted} datagrams received, ${link.lost} lost${lossesText(link.losses)}, ${assemble.symbolsRepaired} symbols repaired`,
    );
    for (const { senderId, what, count } of assemble.shortages)
      lines.push(`room     ${senderId}: ran out ${countText(count, 'time')} for ${what}`);
    for (const { senderId, beaconAgeMs, beacon } of senders) {
      lines.push(
        `sender   ${senderId}: beacon ${durationText(beaconAgeMs)} ago, ${countText(beacon.queuedObjects, 'object')} queued there`,
      );
    }
    lines.push(...deliveryLines(snapshot.destinations));
    lines.push(...alarmLines(alarms));
  }
  if (held > 0) lines.push(`held     ${countText(held, 'instance')}: see diode-receiver quarantine list`);
  if (unreleased > 0)
    lines.push(
      `waiting  ${countText(unreleased, 'study', 'studies')} could not be released: see diode-receiver missing`,
    );
  const rows = studies.map((study) => [
    study.studyNumber,
    study.studyUid,
    study.state,
    `${study.instances} of ${study.expected ?? '?'}`,
    bytesText(study.bytes),
    study.heldInstances === 0 ? '' : `${study.heldInstances} held`,
    study.partial ?? '',
    deliveredText(study.deliveries),
  ]);
  return [
    ...lines,
    '',
    table(['number', 'study', 'state', 'instances', 'size', 'held', 'partial release', 'delivered'], rows),
  ].join('\n');
}

/** Where datagrams were lost, unless all of them were lost before this host. */
function lossesText({ link, ...here }: ReceiverStatus['link']['losses']): string {
  const places = Object.entries(here).filter(([, count]) => count > 0);
  if (places.length === 0) return '';
  return ` (${[['link', link], ...places].map(([place, count]) => `${place} ${count}`).join(', ')})`;
}

async function withLedger<T>(
  values: ReceiverConfiguration,
  act: (ledger: ReceiverLedger) => T | Promise<T>,
): Promise<T> {
  const path = ledgerPath(values);
  if (!existsSync(path))
    throw new DiodeError('E_LEDGER', 'there is no ledger yet: diode-receiver run creates it');
  const ledger = new ReceiverLedger(existingLedger(values));
  try {
    return await act(ledger);
  } finally {
    ledger.close();
  }
}

/** @throws DiodeError E_LEDGER */
function existingLedger(values: ReceiverConfiguration): string {
  const path = ledgerPath(values);
  if (!existsSync(path))
    throw new DiodeError('E_LEDGER', 'there is no ledger yet: diode-receiver run makes it when it starts');
  return path;
}
