/**
 * The sender's ledger: what was taken in, what study it belongs to, and how often it was sent. All SQL of this side is
 * in this folder, a file for each topic; this one puts them together.
 *
 * A row is written before the scanner is told "success", and nothing is ever deleted here but by retention.
 */
import { LedgerDatabase, type LedgerMode, type Migration } from '../../shared/ledger-database.ts';
import { DoneRequests, doneRequestsSchema } from '../../shared/program/answers.ts';
import { Audit, auditSchema } from '../../shared/program/audit.ts';
import { Events, eventsSchema } from '../../shared/program/events.ts';
import { StandingAlarms, standingAlarmsSchema } from '../../shared/program/standing-alarms.ts';
import { SavedTime, savedTimeSchema } from '../../shared/running-time.ts';
import { Counters, countersSchema } from './counters.ts';
import { Facts, factsSchema } from './facts.ts';
import { InstanceRecords } from './instance-records.ts';
import { ObjectPlans } from './object-plans.ts';
import { Resends, resendsSchema } from './resends.ts';
import { RetainedStudies, retainedStudiesSchema } from './retained-studies.ts';
import { SpoolTotals, spoolTotalsSchema } from './spool-totals.ts';
import { objectsSchema, SpooledObjects } from './spooled-objects.ts';
import { StudyRecords, studiesSchema } from './study-records.ts';
import { TransmittedStudies } from './transmitted-studies.ts';

const migrations: readonly Migration[] = [
  [
    factsSchema,
    studiesSchema,
    objectsSchema,
    countersSchema,
    spoolTotalsSchema,
    retainedStudiesSchema,
    resendsSchema,
    doneRequestsSchema,
    auditSchema,
    savedTimeSchema,
    standingAlarmsSchema,
    eventsSchema,
  ].join('\n'),
];

export class SenderLedger {
  readonly instances: InstanceRecords;
  readonly studies: StudyRecords;
  readonly objects: SpooledObjects;
  readonly plans: ObjectPlans;
  readonly resends: Resends;
  readonly retained: RetainedStudies;
  readonly totals: SpoolTotals;
  readonly transmitted: TransmittedStudies;
  readonly counters: Counters;
  readonly facts: Facts;
  readonly doneRequests: DoneRequests;
  readonly audit: Audit;
  readonly savedTime: SavedTime;
  readonly standingAlarms: StandingAlarms;
  readonly events: Events;
  readonly #database: LedgerDatabase;

  /** @param beforeCommit runs before anything becomes durable; a simulation cuts the power there */
  constructor(path: string, beforeCommit?: () => void, mode?: LedgerMode) {
    const database = new LedgerDatabase(path, migrations, beforeCommit, mode === undefined ? {} : { mode });
    this.#database = database;
    this.facts = new Facts(database);
    this.counters = new Counters(database);
    this.retained = new RetainedStudies(database);
    this.resends = new Resends(database);
    this.totals = new SpoolTotals(database);
    this.transmitted = new TransmittedStudies(database);
    this.plans = new ObjectPlans(database);
    this.objects = new SpooledObjects(database, this.resends);
    this.instances = new InstanceRecords(database, this.retained);
    this.studies = new StudyRecords(database, this.facts, this.retained);
    this.doneRequests = new DoneRequests(database);
    this.audit = new Audit(database);
    this.savedTime = new SavedTime(database);
    this.standingAlarms = new StandingAlarms(database);
    this.events = new Events(database, { ownSenderId: () => this.facts.get('senderId') });
  }

  transaction<T>(act: () => T): T {
    return this.#database.transaction(act);
  }

  close(): void {
    this.#database.close();
  }

  /** Writes a whole, consistent copy to a new file: a backup. */
  copyTo(path: string): void {
    this.#database.copyTo(path);
  }
}
