/**
 * Between an instance being durable and the studies being told of it: a malware scanner looks at it, where one is
 * configured, and the copy is made that goes out in its place, where its preamble does not.
 *
 * Scans go on beside everything else and copies are made in steps, so that nobody waits for either. What a stop
 * interrupts is begun again: until it is scanned an instance is held in the ledger as E_SCAN_WAITING.
 */
import type { Alarms } from '../../shared/alarms.ts';
import type { Clock } from '../../shared/clock.ts';
import { DiodeError, type ErrorCode } from '../../shared/errors.ts';
import type { InstanceRecord } from '../ledger/instance-records.ts';
import type { ReceiverLedger } from '../ledger/ledger.ts';
import type { Vault } from '../vault/vault.ts';

/** Looks at a file. Rejects with a DiodeError E_SCANNER where it can't: that is never a pass. */
export interface MalwareScanner {
  scan(path: string, fileBytes: number): Promise<'clean' | 'infected'>;
}

export interface ClearanceOptions {
  readonly ledger: ReceiverLedger;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly alarms: Alarms;
  readonly scanner?: MalwareScanner | undefined;
}

const scansMax = 4;
const retryMs = 5000;
const waitingMax = 100_000;
const copyCodes = ['E_DISK', 'E_DISK_FULL'] as const satisfies readonly ErrorCode[];

interface Scanned {
  readonly row: InstanceRecord;
  readonly outcome: 'clean' | 'infected' | DiodeError;
}

export class Clearance {
  readonly #options: ClearanceOptions;
  #toScan: InstanceRecord[] = [];
  readonly #scanned: Scanned[] = [];
  #scanning = 0;
  #scanAgainAtMs = 0;
  readonly #toCopy: InstanceRecord[] = [];
  /** Copies to be made, by study. */
  readonly #copiesOf = new Map<string, number>();
  #copy: { readonly row: InstanceRecord; readonly steps: Generator<void, string> } | undefined;
  #cleared: InstanceRecord[] = [];

  constructor(options: ClearanceOptions) {
    this.#options = options;
    this.#loadWaiting();
  }

  /** Code of the hold that instances are entered with that nothing else holds. */
  get initialHold(): ErrorCode | undefined {
    return this.#options.scanner === undefined ? undefined : 'E_SCAN_WAITING';
  }

  /** Instances became durable. Those that are held for another reason are known to the studies at once. */
  add(rows: readonly InstanceRecord[]): void {
    for (const row of rows) {
      if (row.heldBecause === 'E_SCAN_WAITING') this.#toScan.push(row);
      else this.#clear(row);
    }
  }

  /** Goes on, a bounded step. @returns whether there is more to do at once */
  step(): boolean {
    for (let scanned = this.#scanned[0]; scanned !== undefined; scanned = this.#scanned[0]) {
      this.#judge(scanned);
      // Only now: where the ledger refuses, it is judged again.
      this.#scanned.shift();
    }
    this.#beginScans();
    this.#copyOn();
    return this.#copy !== undefined || this.#toCopy.length > 0;
  }

  /** Instances that the studies may be told of now. */
  takeCleared(): readonly InstanceRecord[] {
    const cleared = this.#cleared;
    this.#cleared = [];
    return cleared;
  }

  /** Whether a copy of something of a study is still to be made. */
  isCopyingOf({ senderId, studyUid }: Pick<InstanceRecord, 'senderId' | 'studyUid'>): boolean {
    return this.#copiesOf.has(`${senderId} ${studyUid}`);
  }

  #loadWaiting(): void {
    const { ledger, scanner } = this.#options;
    for (const { objectId } of ledger.holds.heldBecause('E_SCAN_WAITING', waitingMax)) {
      // Where the scanner was taken out of the configuration since, nobody waits for it.
      if (scanner === undefined) ledger.holds.lift(objectId);
      const row = ledger.instances.get(objectId);
      if (row !== undefined) this.add([row]);
    }
  }

  #beginScans(): void {
    const { scanner, vault, clock } = this.#options;
    if (scanner === undefined || clock.monotonicMs() < this.#scanAgainAtMs) return;
    while (this.#scanning < scansMax) {
      const row = this.#toScan.shift();
      if (row === undefined) return;
      this.#scanning += 1;
      const done = (outcome: Scanned['outcome']): void => {
        this.#scanning -= 1;
        this.#scanned.push({ row, outcome });
      };
      scanner.scan(vault.objects.pathOf(row.objectId), row.bytes).then(done, (cause: unknown) => {
        done(cause instanceof DiodeError ? cause : new DiodeError('E_SCANNER', undefined, { cause }));
      });
    }
  }

  #judge({ row, outcome }: Scanned): void {
    const { ledger, alarms, clock } = this.#options;
    const { objectId } = row;
    // A person may have purged or released it meanwhile.
    if (ledger.instances.get(objectId)?.heldBecause !== 'E_SCAN_WAITING') return;
    if (outcome instanceof DiodeError) {
      alarms.raise('E_SCANNER', 'clamd', outcome.message);
      this.#toScan.push(row);
      this.#scanAgainAtMs = clock.monotonicMs() + retryMs;
      return;
    }
    alarms.clear('E_SCANNER', 'clamd');
    if (outcome === 'infected') {
      ledger.instances.hold(objectId, 'E_MALWARE');
      this.#cleared.push({ ...row, heldBecause: 'E_MALWARE' });
    } else {
      ledger.holds.lift(objectId);
      this.#clear({ ...row, heldBecause: undefined });
    }
  }

  #clear(row: InstanceRecord): void {
    const inspection = this.#options.ledger.holds.inspection(row.objectId);
    const needsCopy = row.heldBecause === undefined && inspection?.zeroPreamble === true;
    (needsCopy ? this.#toCopy : this.#cleared).push(row);
    if (needsCopy) this.#countCopy(row, 1);
  }

  #copyOn(): void {
    const { ledger, vault, alarms } = this.#options;
    const row = this.#copy?.row ?? this.#toCopy.shift();
    if (row === undefined) return;
    this.#copy ??= { row, steps: vault.zeroPreamble(row.objectId) };
    const { steps } = this.#copy;
    const step = alarms.during('vault copy', copyCodes, () => steps.next());
    if (step?.done === false) return;
    this.#copy = undefined;
    if (step?.done === true) ledger.holds.keepReleasedSha256(row.objectId, step.value);
    // Where the disk refused the copy, the release tries again, and waits until it can.
    this.#countCopy(row, -1);
    this.#cleared.push(row);
  }

  #countCopy({ senderId, studyUid }: InstanceRecord, change: 1 | -1): void {
    const key = `${senderId} ${studyUid}`;
    const copies = (this.#copiesOf.get(key) ?? 0) + change;
    if (copies > 0) this.#copiesOf.set(key, copies);
    else this.#copiesOf.delete(key);
  }
}
