/**
 * The port for scanners, as the configuration says: opens it, hands what comes to the spool and to the closing of studies,
 * counts what was refused, and tells who is connected.
 */
import { readFileSync, statSync } from 'node:fs';
import type { Clock } from '../shared/clock.ts';
import { DiodeError, type ErrorCode, errorCauseCode, isStorageCode, storageCodes } from '../shared/errors.ts';
import type { Log } from '../shared/log.ts';
import type { AlarmDesk } from '../shared/program/alarm-desk.ts';
import type { Alarms } from '../shared/program/alarms.ts';
import { closeReason } from '../shared/wire/manifest.ts';
import type { SenderConfiguration } from './configuration.ts';
import type { Dispatch } from './dispatch/dispatch.ts';
import type { ListenerTls } from './intake/dicom-listener.ts';
import type { ApplicationEntity } from './intake/instance-sink.ts';
import { SpoolSink } from './intake/spool-sink.ts';
import { type AssociationStatus, createStorageScp } from './intake/storage-scp.ts';
import type { IntakeOptions } from './intake/take.ts';
import type { InstanceRow } from './ledger/instance-records.ts';
import type { SenderLedger } from './ledger/ledger.ts';
import { ProcedureStepClosing } from './schedule/procedure-step-closing.ts';

/** Of what says something of this host: it stands as an alarm until an instance was taken again. */
const alarmSubject = 'scanner port';
/** A code is logged once in so long for each address: whoever sends nonsense must not fill the disk with it. */
const logEachMs = 10_000;
/** Addresses that have lines of their own. */
const loggedMax = 256;
/** Used when the configuration names no title. */
const titlesDefault: readonly ApplicationEntity[] = [
  { title: 'DIODE', priority: 'routine', quietSeconds: 60 },
  { title: 'DIODE_STAT', priority: 'stat', quietSeconds: 10 },
];

export interface ScannerPort {
  readonly port: number;
  associations(): AssociationStatus[];
  /** New instances are in the ledger, from wherever. */
  instancesEntered(rows: readonly InstanceRow[]): void;
  /** Writes what was counted since to the ledger, and looks whether its alarm still stands. Call it now and then. */
  saveCounts(): void;
  /** Aborts what is open; resolves when nothing of it is left. */
  stop(): Promise<void>;
}

export interface ScannerPortOptions {
  readonly configuration: SenderConfiguration;
  readonly intake: IntakeOptions;
  readonly ledger: SenderLedger;
  readonly dispatch: Dispatch;
  readonly alarms: Alarms;
  readonly log: Log;
  readonly clock: Clock;
  readonly hasRoom: () => boolean;
  readonly onTaken: (entered: readonly InstanceRow[], duplicates: number) => void;
}

/** Opens the port; undefined where the configuration names no address. @throws DiodeError E_DICOM_LISTEN, E_CONFIG_VALUE */
export async function openScannerPort(options: ScannerPortOptions): Promise<ScannerPort | undefined> {
  const { configuration, intake, ledger, dispatch, log } = options;
  const host = configuration['dicom.address'];
  if (host === undefined) return undefined;
  const desk = options.alarms.desk('scanner port');
  const refusals = new Refusals(options, desk);
  const steps = new ProcedureStepClosing(ledger, (studyUid) => {
    desk.during('procedure steps', storageCodes, () => dispatch.close(studyUid, closeReason.mpps));
  });
  const sink = new SpoolSink({
    ...intake,
    hasRoom: options.hasRoom,
    onTaken: (entered, duplicates) => {
      for (const code of storageCodes) desk.clear(code, alarmSubject);
      options.onTaken(entered, duplicates);
    },
    onStudySeen: (studyUid, associationId) => dispatch.closing.studySeen(studyUid, associationId),
    onAssociationClosed: (associationId) => dispatch.closing.associationClosed(associationId),
    onRefused: (code, address) => refusals.add(code, address),
  });
  const tls = tlsOf(configuration);
  const titles = configuration['dicom.titles'];
  const scp = await createStorageScp(
    {
      host,
      port: configuration['dicom.port'],
      applicationEntities: titles.length === 0 ? titlesDefault : titles.map(entityOf),
      ...(tls !== undefined && { tls }),
      associationsMax: configuration['dicom.associationsMax'],
      dataPduBytesMax: configuration['dicom.pduBytesMax'],
      times: {
        associationMs: configuration['dicom.associationSeconds'] * 1000,
        idleMs: configuration['dicom.idleSeconds'] * 1000,
        pduMs: configuration['dicom.pduSeconds'] * 1000,
      },
      ...(configuration['dicom.procedureSteps'] && { procedureSteps: steps }),
      ...(configuration['dicom.storageCommitment'] === 'own-spool' && {
        isKept: (sopInstanceUid: string) => ledger.instances.has(sopInstanceUid),
      }),
      clock: options.clock,
    },
    sink,
  );
  log.info('scanner port open', { port: scp.port });
  return {
    port: scp.port,
    associations: () => scp.associations(),
    instancesEntered: (rows) => steps.instancesEntered(rows),
    saveCounts: () => refusals.save(),
    stop: async () => {
      await scp.close();
      refusals.save();
    },
  };
}

/** Counts refusals in memory, and writes them to the ledger now and then: a flood of them costs no disk. */
class Refusals {
  readonly #options: ScannerPortOptions;
  readonly #desk: AlarmDesk;
  readonly #counts = new Map<ErrorCode, number>();
  readonly #loggedMs = new Map<string, number>();

  constructor(options: ScannerPortOptions, desk: AlarmDesk) {
    this.#options = options;
    this.#desk = desk;
  }

  add(code: ErrorCode, address: string): void {
    const { log, clock } = this.#options;
    this.#counts.set(code, (this.#counts.get(code) ?? 0) + 1);
    if (isStorageCode(code)) this.#desk.raise(code, alarmSubject);
    const now = clock.monotonicMs();
    for (const [key, atMs] of this.#loggedMs) if (now - atMs >= logEachMs) this.#loggedMs.delete(key);
    const key = `${code} ${address}`;
    if (this.#loggedMs.has(key) || this.#loggedMs.size >= loggedMax) return;
    this.#loggedMs.set(key, now);
    log.warn('refused at the scanner port', { code, subject: address });
  }

  save(): void {
    const { ledger } = this.#options;
    for (const [code, count] of this.#counts) {
      const saved = this.#desk.during('refusal counts', storageCodes, () => {
        ledger.counters.add(code, count);
        return true;
      });
      if (saved === true) this.#counts.delete(code);
    }
  }
}

function entityOf(title: SenderConfiguration['dicom.titles'][number]): ApplicationEntity {
  const { callingTitles, callingAddresses, quietSeconds } = title;
  return {
    title: title.title,
    priority: title.priority,
    quietSeconds: quietSeconds ?? (title.priority === 'stat' ? 10 : 60),
    ...(callingTitles !== undefined && { callingTitles }),
    ...(callingAddresses !== undefined && { callingAddresses }),
  };
}

function tlsOf(configuration: SenderConfiguration): ListenerTls | undefined {
  const keyFile = configuration['dicom.tlsKeyFile'];
  const certificateFile = configuration['dicom.tlsCertificateFile'];
  const authoritiesFile = configuration['dicom.tlsClientAuthoritiesFile'];
  if (keyFile === undefined && certificateFile === undefined && authoritiesFile === undefined)
    return undefined;
  if (keyFile === undefined || certificateFile === undefined)
    throw new DiodeError(
      'E_CONFIG_VALUE',
      'dicom.tlsKeyFile and dicom.tlsCertificateFile must be set together',
    );
  if ((facts('dicom.tlsKeyFile', keyFile).mode & 0o077) !== 0)
    throw new DiodeError('E_KEY_READABLE', 'dicom.tlsKeyFile can be read by others: chmod 600');
  return {
    key: pem('dicom.tlsKeyFile', keyFile),
    certificate: pem('dicom.tlsCertificateFile', certificateFile),
    ...(authoritiesFile !== undefined && {
      authorities: [pem('dicom.tlsClientAuthoritiesFile', authoritiesFile)],
    }),
    clientCertificates: authoritiesFile === undefined ? 'none' : 'required',
    handshakeMs: configuration['dicom.associationSeconds'] * 1000,
  };
}

function facts(key: string, path: string) {
  return reading(key, () => statSync(path));
}

function pem(key: string, path: string): string {
  return reading(key, () => readFileSync(path, 'utf8'));
}

function reading<T>(key: string, act: () => T): T {
  try {
    return act();
  } catch (cause) {
    const why = errorCauseCode(cause) ?? 'unknown cause';
    throw new DiodeError('E_CONFIG_VALUE', `the file of ${key} cannot be read (${why})`, { cause });
  }
}
