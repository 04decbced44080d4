/**
 * The receiver's ledger: what is in the vault, what manifests say of it, and what was released. All SQL of this
 * side is in this folder, a file for each topic; this one puts them together.
 */
import { LedgerDatabase, type LedgerMode, type Migration } from '../../shared/ledger-database.ts';
import { DoneRequests, doneRequestsSchema } from '../../shared/program/answers.ts';
import { Audit, auditSchema } from '../../shared/program/audit.ts';
import { Events, eventsSchema } from '../../shared/program/events.ts';
import { StandingAlarms, standingAlarmsSchema } from '../../shared/program/standing-alarms.ts';
import { SavedTime, savedTimeSchema } from '../../shared/running-time.ts';
import { Account } from './account.ts';
import { Clearances, clearancesSchema } from './clearances.ts';
import { Deliveries, deliveriesSchema } from './deliveries.ts';
import { Holds, holdsSchema } from './holds.ts';
import { InstanceRecords, instancesSchema } from './instance-records.ts';
import { Manifests, manifestsSchema } from './manifests.ts';
import { ObjectAliases, objectAliasesSchema } from './object-aliases.ts';
import { OpenManifests, openManifestsSchema } from './open-manifests.ts';
import { ReleaseRecords, releasesSchema } from './release-records.ts';
import { RemovableObjects, removableObjectsSchema } from './removable-objects.ts';
import { SenderAccount, senderAccountSchema } from './sender-account.ts';
import { SenderBindings, senderBindingsSchema } from './sender-bindings.ts';
import { SenderRecords, sendersSchema } from './sender-records.ts';
import { SenderReports, senderReportsSchema } from './sender-reports.ts';
import { StudyPatients } from './study-patients.ts';
import { StudyRecords, studiesSchema } from './study-records.ts';
import { VaultBytes, vaultBytesSchema } from './vault-bytes.ts';
import { VaultFiles, vaultFilesSchema } from './vault-files.ts';
import { WholeLists, wholeListsSchema } from './whole-lists.ts';

const migrations: readonly Migration[] = [
  [
    sendersSchema,
    instancesSchema,
    manifestsSchema,
    studiesSchema,
    releasesSchema,
    auditSchema,
    senderReportsSchema,
    vaultFilesSchema,
    vaultBytesSchema,
    objectAliasesSchema,
    openManifestsSchema,
    doneRequestsSchema,
    holdsSchema,
    senderBindingsSchema,
    senderAccountSchema,
    clearancesSchema,
    deliveriesSchema,
    removableObjectsSchema,
    savedTimeSchema,
    standingAlarmsSchema,
    eventsSchema,
    wholeListsSchema,
  ].join('\n'),
];

export class ReceiverLedger {
  readonly instances: InstanceRecords;
  readonly manifests: Manifests;
  readonly openManifests: OpenManifests;
  readonly wholeLists: WholeLists;
  readonly account: Account;
  readonly studies: StudyRecords;
  readonly releases: ReleaseRecords;
  readonly senders: SenderRecords;
  readonly bindings: SenderBindings;
  readonly senderAccount: SenderAccount;
  readonly audit: Audit;
  readonly senderReports: SenderReports;
  readonly files: VaultFiles;
  readonly vaultBytes: VaultBytes;
  readonly objectAliases: ObjectAliases;
  readonly doneRequests: DoneRequests;
  readonly holds: Holds;
  readonly studyPatients: StudyPatients;
  readonly clearances: Clearances;
  readonly deliveries: Deliveries;
  readonly removableObjects: RemovableObjects;
  readonly savedTime: SavedTime;
  readonly standingAlarms: StandingAlarms;
  readonly events: Events;
  readonly #database: LedgerDatabase;

  /**
   * @param beforeCommit runs before anything becomes durable; a simulation cuts the power there
   * @param quotas what is kept of one sender, where that is another number than usual
   */
  constructor(
    path: string,
    beforeCommit?: () => void,
    quotas: { readonly rollRowsMax?: number } = {},
    mode?: LedgerMode,
  ) {
    const database = new LedgerDatabase(path, migrations, beforeCommit, mode === undefined ? {} : { mode });
    this.#database = database;
    this.instances = new InstanceRecords(database);
    this.manifests = new Manifests(database);
    this.openManifests = new OpenManifests(database);
    this.account = new Account(database);
    this.studies = new StudyRecords(database);
    this.releases = new ReleaseRecords(database);
    this.senders = new SenderRecords(database);
    this.bindings = new SenderBindings(database);
    this.senderAccount = new SenderAccount(database);
    this.audit = new Audit(database);
    this.senderReports = new SenderReports(database, quotas.rollRowsMax);
    this.files = new VaultFiles(database);
    this.vaultBytes = new VaultBytes(database);
    this.objectAliases = new ObjectAliases(database);
    this.doneRequests = new DoneRequests(database);
    this.holds = new Holds(database);
    this.studyPatients = new StudyPatients(database);
    this.clearances = new Clearances(database);
    this.removableObjects = new RemovableObjects(database);
    this.deliveries = new Deliveries(database, this.removableObjects);
    this.savedTime = new SavedTime(database);
    this.standingAlarms = new StandingAlarms(database);
    this.events = new Events(database);
    this.wholeLists = new WholeLists(database, this.events);
  }

  transaction<T>(act: () => T): T {
    return this.#database.transaction(act);
  }

  close(): void {
    this.#database.close();
  }
}
