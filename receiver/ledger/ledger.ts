/**
 * The receiver's ledger: what is in the vault, what manifests say of it, and what was released. All SQL of this
 * side is in this folder, a file for each topic; this one puts them together.
 */
import { LedgerDatabase, type Migration } from '../../shared/ledger-database.ts';
import { Mailbox, mailboxSchema } from '../../shared/mailbox.ts';
import { SavedTime, savedTimeSchema } from '../../shared/running-time.ts';
import { Account } from './account.ts';
import { Audit, auditSchema } from './audit.ts';
import { Clearances, clearancesSchema } from './clearances.ts';
import { Deliveries, deliveriesSchema } from './deliveries.ts';
import { Departures, departuresSchema } from './departures.ts';
import { Holds, holdsSchema } from './holds.ts';
import { InstanceRecords, instancesSchema } from './instance-records.ts';
import { KnownContent, knownContentSchema } from './known-content.ts';
import { Manifests, manifestsSchema } from './manifests.ts';
import { OpenManifests, openManifestsSchema } from './open-manifests.ts';
import { ReleaseRecords, releasesSchema } from './release-records.ts';
import { SenderAccount, senderAccountSchema } from './sender-account.ts';
import { SenderBindings, senderBindingsSchema } from './sender-bindings.ts';
import { SenderRecords, sendersSchema } from './sender-records.ts';
import { StudyPatients } from './study-patients.ts';
import { StudyRecords, studiesSchema } from './study-records.ts';
import { Told, toldSchema } from './told.ts';
import { VaultBytes, vaultBytesSchema } from './vault-bytes.ts';
import { VaultFiles, vaultFilesSchema } from './vault-files.ts';

const migrations: readonly Migration[] = [
  [
    sendersSchema,
    instancesSchema,
    manifestsSchema,
    studiesSchema,
    releasesSchema,
    auditSchema,
    toldSchema,
    vaultFilesSchema,
    vaultBytesSchema,
    knownContentSchema,
    openManifestsSchema,
    mailboxSchema,
    holdsSchema,
    senderBindingsSchema,
    senderAccountSchema,
    clearancesSchema,
    deliveriesSchema,
    departuresSchema,
    savedTimeSchema,
  ].join('\n'),
];

export class ReceiverLedger {
  readonly instances: InstanceRecords;
  readonly manifests: Manifests;
  readonly openManifests: OpenManifests;
  readonly account: Account;
  readonly studies: StudyRecords;
  readonly releases: ReleaseRecords;
  readonly senders: SenderRecords;
  readonly bindings: SenderBindings;
  readonly senderAccount: SenderAccount;
  readonly audit: Audit;
  readonly told: Told;
  readonly files: VaultFiles;
  readonly vaultBytes: VaultBytes;
  readonly knownContent: KnownContent;
  readonly mailbox: Mailbox;
  readonly holds: Holds;
  readonly studyPatients: StudyPatients;
  readonly clearances: Clearances;
  readonly deliveries: Deliveries;
  readonly departures: Departures;
  readonly savedTime: SavedTime;
  readonly #database: LedgerDatabase;

  /**
   * @param beforeCommit runs before anything becomes durable; a simulation cuts the power there
   * @param quotas what is kept of one sender, where that is another number than usual
   */
  constructor(path: string, beforeCommit?: () => void, quotas: { readonly rollRowsMax?: number } = {}) {
    const database = new LedgerDatabase(path, migrations, beforeCommit);
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
    this.told = new Told(database, quotas.rollRowsMax);
    this.files = new VaultFiles(database);
    this.vaultBytes = new VaultBytes(database);
    this.knownContent = new KnownContent(database);
    this.mailbox = new Mailbox(database);
    this.holds = new Holds(database);
    this.studyPatients = new StudyPatients(database);
    this.clearances = new Clearances(database);
    this.departures = new Departures(database);
    this.deliveries = new Deliveries(database, this.departures);
    this.savedTime = new SavedTime(database);
  }

  transaction<T>(act: () => T): T {
    return this.#database.transaction(act);
  }

  close(): void {
    this.#database.close();
  }
}
