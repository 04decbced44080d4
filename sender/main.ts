#!/usr/bin/env node
/** diode-sender: the command line of the low side. */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { systemClock } from '../shared/clock.ts';
import { prepareCollector } from '../shared/collector.ts';
import { addAcknowledgeCommand } from '../shared/console/acknowledge-command.ts';
import { alarmLines } from '../shared/console/alarm-lines.ts';
import { addAlarmsCommand } from '../shared/console/alarms-command.ts';
import { isRunning } from '../shared/console/ask.ts';
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
import { readKeyFile, writeKeyFile } from '../shared/crypto/key-file.ts';
import { addKey } from '../shared/crypto/key-file-changes.ts';
import { DiodeError } from '../shared/errors.ts';
import { giveBackFreedBuffers } from '../shared/kernel-socket.ts';
import { createLog } from '../shared/log.ts';
import { logOptions } from '../shared/log-options.ts';
import { dieWith, endUnlessStarted, superviseProcess } from '../shared/supervision.ts';
import { priority } from '../shared/wire/manifest.ts';
import { addCalibrateCommand } from './commands/calibrate-command.ts';
import { addCloseCommand } from './commands/close-command.ts';
import { examineSender } from './commands/doctor.ts';
import { importFolder, importText } from './commands/import-command.ts';
import { addResendCommand } from './commands/resend-command.ts';
import type { SenderSide } from './commands/sender-side.ts';
import { addVerifyCommand } from './commands/verify-command.ts';
import { type SenderConfiguration, senderSettings } from './configuration.ts';
import { SenderLedger } from './ledger/ledger.ts';
import type { StudySummary } from './ledger/study-records.ts';
import { ledgerPath, requestsPath, snapshotPath } from './places.ts';
import { senderHost } from './program/host.ts';
import { startSender } from './program/sender.ts';
import type { SenderStatus } from './status.ts';

const studiesShown = 50;
const side: SenderSide = {
  name: 'diode-sender',
  settings: senderSettings,
  requestsPath,
  snapshotPath,
  clock: systemClock,
};

const program = createProgram(
  'diode-sender',
  'takes in DICOM files and sends them over a one-way link',
  '/etc/dicom-diode/sender.toml',
);

program
  .command('run')
  .description('run the sender until it is stopped')
  .action(async (_options, command: Command) => {
    prepareCollector();
    giveBackFreedBuffers();
    const { values } = configurationOf(command, senderSettings);
    const log = createLog('diode-sender', values['log.level'], logOptions(values));
    const die = dieWith(log);
    // A signal during the start also stops it in order.
    const host = senderHost(values, log, die);
    let starting = startSender(values, host);
    endUnlessStarted(starting);
    superviseProcess(
      async () => (await starting).stop(),
      die,
      async () => {
        try {
          readKeyFile(values.keyFile);
        } catch (error) {
          if (!(error instanceof DiodeError)) throw error;
          return log.error('keys not read again', { code: error.code, detail: error.message });
        }
        // A restart with the new keys: interrupted passes are sent again, and what can't go out is planned again.
        await (await starting).stop();
        starting = startSender(values, host);
        await starting;
      },
    );
    await starting;
  });

program
  .command('keygen <file>')
  .description('write a new key file; carry a copy to the receiver by hand')
  .option('--add', 'add a key to an existing file, after the others and under the name of the first', false)
  .option('--name <name>', 'the name that tells the receiver whose key it is; random if left out')
  .action((file: string, { add, name }: { add: boolean; name?: string }, command: Command) => {
    const keyId = (add ? addKey : writeKeyFile)(file, randomBytes, name);
    const { json } = command.optsWithGlobals<GlobalOptions>();
    const next = add ? `, then run keys use ${keyId}` : '';
    print(
      json
        ? JSON.stringify({ keyFile: file, keyId })
        : `key ${keyId} is in ${file}; carry a copy to the receiver by hand${next}`,
    );
  });

const alarms = addAlarmsCommand(program, (command) => {
  const { values } = configurationOf(command, senderSettings);
  const snapshot = readSnapshot<SenderStatus>(snapshotPath(values));
  return { running: isFresh(snapshot, systemClock.wallMs()), alarms: snapshot?.alarms ?? [] };
});
addAcknowledgeCommand(alarms, side);
addDoctorCommand(program, (command, countersPath) => {
  const { values } = configurationOf(command, senderSettings);
  const snapshot = readSnapshot<SenderStatus>(snapshotPath(values));
  return examineSender(values, { snapshot, countersPath, nowMs: systemClock.wallMs() });
});
addCalibrateCommand(program);
addKeyCommands(program, senderSettings);

addCloseCommand(program, side);
addResendCommand(program, side);
addVerifyCommand(program, withLedger);

program
  .command('import <folder>')
  .description('take in a CD, a USB stick or any folder; files are copied, never moved')
  .option('--stat', 'send them ahead of everything else', false)
  .action(async (folder: string, { stat }: { stat: boolean }, command: Command) => {
    const { values } = configurationOf(command, senderSettings);
    const { json } = command.optsWithGlobals<GlobalOptions>();
    const summary = await withLedger(values, (ledger) =>
      importFolder({
        configuration: values,
        ledger,
        folder,
        priority: stat ? priority.stat : priority.routine,
        isRunning: () => isRunning({ snapshotPath: snapshotPath(values), clock: systemClock }),
      }),
    );
    print(json ? JSON.stringify(summary) : importText(summary));
    if (Object.keys(summary.failed).length > 0) process.exitCode = 1;
  });

program
  .command('status')
  .description('show the queue, the studies and any problems')
  .action(async (_options, command: Command) => {
    const { values } = configurationOf(command, senderSettings);
    const { json } = command.optsWithGlobals<GlobalOptions>();
    const snapshot = readSnapshot<SenderStatus>(snapshotPath(values));
    const running = isFresh(snapshot, systemClock.wallMs());
    const studies = await withLedger(values, (ledger) => ledger.studies.summaries(studiesShown));
    if (json) return print(JSON.stringify({ running, ...snapshot, studies }));
    print(statusText(snapshot, running, studies));
  });

addEventsCommand(program, {
  open: (command) => {
    const path = existingLedger(configurationOf(command, senderSettings).values);
    const ledger = new SenderLedger(path, undefined, 'read');
    return {
      events: ledger.events,
      studiesNumbered: (studyNumber) => {
        const study = ledger.resends.study(studyNumber);
        return study === undefined ? [] : [study.studyUid];
      },
      close: () => ledger.close(),
    };
  },
  clock: systemClock,
  print,
  wait: followingUntilStopped,
});
addCommonCommands(program, senderSettings);
await runProgram(program);

function statusText(
  snapshot: SenderStatus | undefined,
  running: boolean,
  studies: readonly StudySummary[],
): string {
  const lines = [running ? 'diode-sender is running' : 'diode-sender is not running'];
  if (snapshot !== undefined) {
    const { queue, spool, datagrams, counters, link } = snapshot;
    const oldest = queue.objects === 0 ? '' : `, the oldest waiting for ${durationText(queue.oldestMs)}`;
    lines.push(`queue    ${countText(queue.objects, 'object')}, ${bytesText(queue.bytes)}${oldest}`);
    lines.push(`spool    ${bytesText(spool.bytes)} kept, ${bytesText(spool.freeBytes)} free`);
    const stopped = link.stopped === 'none' ? '' : '; STOPPED: nothing can be sent now';
    const notSent = link.notSent === 0 ? '' : `, ${link.notSent} not sent by ${link.interface}`;
    lines.push(`link     ${datagrams} datagrams transmitted in this session${notSent}${stopped}`);
    for (const [code, count] of Object.entries(counters))
      lines.push(`${code === 'duplicate' ? 'duplicates' : 'rejected'}  ${count} ${code}`);
    lines.push(...alarmLines(snapshot.alarms));
  }
  const rows = studies.map((study) => [
    study.studyNumber,
    study.studyUid,
    study.open ? 'open' : `closed, revision ${study.revision}`,
    study.instances,
    bytesText(study.bytes),
    sentText(study),
  ]);
  const connected = running ? (snapshot?.associations ?? []) : [];
  if (connected.length > 0) lines.push('', associationTable(connected));
  return [...lines, '', table(['number', 'study', 'state', 'instances', 'size', 'sent'], rows)].join('\n');
}

function associationTable(associations: SenderStatus['associations']): string {
  const rows = associations.map((association) => [
    association.callingAe,
    association.address,
    association.calledAe,
    durationText(association.openForMs),
    association.instances,
    bytesText(association.bytes),
  ]);
  return table(['scanner', 'address', 'sends to', 'connected for', 'instances', 'size'], rows);
}

function sentText({ expired, unreadable, passes }: StudySummary): string {
  if (expired) return 'transmitted, expired';
  if (unreadable > 0) return `${unreadable} unreadable`;
  if (passes === 0) return 'queued';
  return `transmitted, ${countText(passes, 'pass', 'passes')}`;
}

async function withLedger<T>(
  values: SenderConfiguration,
  act: (ledger: SenderLedger) => T | Promise<T>,
): Promise<T> {
  const path = ledgerPath(values);
  if (!existsSync(path))
    throw new DiodeError('E_LEDGER', 'there is no ledger yet: diode-sender run creates it');
  const ledger = new SenderLedger(existingLedger(values));
  try {
    return await act(ledger);
  } finally {
    ledger.close();
  }
}

/** @throws DiodeError E_LEDGER */
function existingLedger(values: SenderConfiguration): string {
  const path = ledgerPath(values);
  if (!existsSync(path))
    throw new DiodeError('E_LEDGER', 'there is no ledger yet: diode-sender run makes it when it starts');
  return path;
}
