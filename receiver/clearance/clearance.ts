/**
 * What happens between an instance becoming durable and the studies learning of it: a malware scanner examines it, if one is
 * configured, and if its preamble may not go out, the copy that goes out in its place is made.
 *
 * Scans and copies run beside everything else, so that nobody waits for either. What a stop
 * interrupts is started again: until it is scanned, an instance is held in the ledger as E_SCAN_WAITING.
 */

import type { Clock } from '../../shared/clock.ts';
import { DiodeError, type ErrorCode } from '../../shared/errors.ts';
import type { Alarms } from '../../shared/program/alarms.ts';
import type { InstanceRecord } from '../ledger/instance-records.ts';
import type { ReceiverLedger } from '../ledger/ledger.ts';
import type { Outgoing } from '../vault/outgoing.ts';
import type { Vault } from '../vault/vault.ts';
import { ScanAlarms } from './scan-alarms.ts';
import { type ScanEnd, ScanQueue } from './scan-queue.ts';

/**
 * Scans a file. Rejects with a DiodeError if it can't, which is never a pass: E_SCAN_REFUSED if the scanner works but
 * does not accept this file, E_SCANNER for everything else.
 */
export interface MalwareScanner {
  scan(path: string, fileBytes: number): Promise<'clean' | 'infected'>;
}

export interface ClearanceOptions {
  readonly ledger: ReceiverLedger;
  readonly vault: Vault;
  readonly outgoing: Outgoing;
  readonly clock: Clock;
  readonly alarms: Alarms;
  readonly scanner?: MalwareScanner | undefined;
}

/** How often a due scan is looked for while nothing comes and nothing ends. */
const lookMs = 100;

interface Scanned {
  readonly row: InstanceRecord;
  readonly outcome: 'clean' | 'infected' | DiodeError;
}

export class Clearance {
  readonly #options: ClearanceOptions;
  readonly #queue: ScanQueue;
  readonly #alarms: ScanAlarms;
  /** At most as many as there are simultaneous scans. */
  readonly #scanned: Scanned[] = [];
  #lookAtMs = Number.NEGATIVE_INFINITY;
  #cleared: InstanceRecord[] = [];

  /** Create it before the studies read the ledger: if the scanner was removed from the configuration, nobody waits for it. */
  constructor(options: ClearanceOptions) {
    const { ledger, clock, alarms, scanner } = options;
    this.#options = options;
    this.#queue = new ScanQueue(ledger.clearances);
    this.#alarms = new ScanAlarms({ records: ledger.clearances, clock, alarms });
    if (scanner === undefined)
      ledger.transaction(() => {
        ledger.clearances.liftScanWaits();
        ledger.wholeLists.tell(clock.wallMs());
      });
  }

  /** The code under which instances are held at first if nothing else holds them. */
  get initialHold(): ErrorCode | undefined {
    return this.#options.scanner === undefined ? undefined : 'E_SCAN_WAITING';
  }

  /** Instances became durable. Those that are held for another reason are known to the studies at once. */
  add(rows: readonly InstanceRecord[]): void {
    const free = rows.filter(({ heldBecause }) => heldBecause === undefined);
    // Asked once for all of them: hardly any needs a copy.
    const waiting = new Set(this.#options.outgoing.waiting(free.map(({ objectId }) => objectId)));
    for (const row of rows) {
      if (row.heldBecause === 'E_SCAN_WAITING') {
        this.#queue.arrived(row.senderId);
        this.#lookAtMs = Number.NEGATIVE_INFINITY;
      } else if (waiting.has(row.objectId)) {
        this.#clear(row);
      } else {
        this.#cleared.push(row);
      }
    }
  }

  /** Continues by one bounded step. */
  step(): void {
    for (let scanned = this.#scanned[0]; scanned !== undefined; scanned = this.#scanned[0]) {
      this.#queue.ended(scanned.row, this.#judge(scanned), this.#options.clock.monotonicMs());
      // Only now: if the ledger refuses, it is judged again.
      this.#scanned.shift();
      this.#lookAtMs = Number.NEGATIVE_INFINITY;
    }
    this.#beginScans();
  }

  /** Instances that the studies may now learn of. */
  takeCleared(): readonly InstanceRecord[] {
    const cleared = this.#cleared;
    this.#cleared = [];
    return cleared;
  }

  #beginScans(): void {
    const { scanner, vault, clock } = this.#options;
    const now = clock.monotonicMs();
    if (scanner === undefined || now < this.#lookAtMs) return;
    this.#lookAtMs = now + lookMs;
    this.#alarms.watch(this.#queue.refused());
    for (let row = this.#queue.next(now); row !== undefined; row = this.#queue.next(now)) {
      const scanned = row;
      const done = (outcome: Scanned['outcome']): void => {
        this.#scanned.push({ row: scanned, outcome });
      };
      scanner.scan(vault.objects.pathOf(row.objectId), row.bytes).then(done, (cause: unknown) => {
        done(cause instanceof DiodeError ? cause : new DiodeError('E_SCANNER', undefined, { cause }));
      });
    }
  }

  #judge({ row, outcome }: Scanned): ScanEnd {
    const { ledger, clock } = this.#options;
    const { objectId, senderId, studyUid } = row;
    // A person may have purged it or let it through in the meantime.
    if (ledger.instances.get(objectId)?.heldBecause !== 'E_SCAN_WAITING') return 'gone';
    if (outcome instanceof DiodeError) {
      if (outcome.code === 'E_SCAN_REFUSED') return 'refused';
      this.#alarms.failed(outcome.message);
      return 'failed';
    }
    this.#alarms.passed();
    if (outcome === 'infected') {
      const held = { kind: 'held', senderId, studyUid, code: 'E_MALWARE', instances: 1 } as const;
      ledger.transaction(() => {
        ledger.instances.hold(objectId, 'E_MALWARE');
        ledger.events.enter(held, clock.wallMs());
        ledger.wholeLists.tell(clock.wallMs());
      });
      this.#cleared.push({ ...row, heldBecause: 'E_MALWARE' });
    } else {
      ledger.transaction(() => {
        ledger.holds.lift(objectId);
        ledger.wholeLists.tell(clock.wallMs());
      });
      this.#clear({ ...row, heldBecause: undefined });
    }
    return 'verdict';
  }

  /** The studies learn of it when its copy is made; if the disk refuses that, the release asks for it again. */
  #clear(row: InstanceRecord): void {
    const clear = () => void this.#cleared.push(row);
    if (!this.#options.outgoing.want(row, clear)) clear();
  }
}
