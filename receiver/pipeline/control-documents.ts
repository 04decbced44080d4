/**
 * What is done with manifests, beacons and rolls that came whole: read, kept, told to who waits for it. One that does
 * not follow its format is dropped, counted, and an alarm until a good one of its kind comes from that sender.
 *
 * Next is a document of the sender whose documents took least time, and each sender has its part of the time that is for
 * documents: one whose documents are long, or more than is read meanwhile, makes its own wait, and loses its own.
 */

import type { Clock } from '../../shared/clock.ts';
import { DiodeError, storageCodes } from '../../shared/errors.ts';
import type { AlarmDesk } from '../../shared/program/alarm-desk.ts';
import type { Alarms } from '../../shared/program/alarms.ts';
import { decodeBeacon } from '../../shared/wire/beacon.ts';
import { type ObjectType, objectType } from '../../shared/wire/datagram.ts';
import { checkManifest } from '../../shared/wire/manifest.ts';
import { decodeRollPage } from '../../shared/wire/roll.ts';
import type { AssembledObject, Assembler } from '../assemble/assembler.ts';
import type { ReceiverLedger } from '../ledger/ledger.ts';
import type { Studies } from '../studies/studies.ts';
import type { SenderWatch } from '../watch/sender-watch.ts';
import { TimeShares } from './time-shares.ts';
import { type WaitingDocument, WaitingDocuments } from './waiting-documents.ts';

/** Objects by their type, in the words of the protocol. */
const names = { 1: 'instance', 2: 'manifest', 3: 'beacon', 4: 'roll' } as const satisfies Record<
  ObjectType,
  string
>;

/** Documents that are read in one step. */
const ofStepMax = 64;
/** One step reads no longer than this, but for one document. */
const stepMs = 5;
/** The alarm that some were dropped stands so long after the last one. */
const backlogMs = 60_000;
/** After a start a bad document that comes again does so within this, or a good one. */
const badAgainMs = 3_600_000;

export interface ControlDocumentsOptions {
  readonly ledger: ReceiverLedger;
  readonly clock: Clock;
  readonly alarms: Alarms;
  readonly assembler: Assembler;
  readonly studies: Studies;
  readonly senders: SenderWatch;
  /** As in {@link WaitingDocuments}. */
  readonly groupOf?: ((senderId: string) => string) | undefined;
  /** The ledger refused something in the middle of a document. */
  readonly onRefused: () => void;
  /** So many bytes are not needed any more: of a document, or of its parts when it is whole. */
  readonly onDropped?: ((bytes: number) => void) | undefined;
}

export class ControlDocuments {
  readonly #options: ControlDocumentsOptions;
  readonly #desk: AlarmDesk;
  readonly #waiting: WaitingDocuments;
  readonly #shares = new TimeShares();
  /** When a document of a sender was last dropped. */
  readonly #droppedAtMs = new Map<string, number>();

  constructor(options: ControlDocumentsOptions) {
    this.#options = options;
    this.#desk = options.alarms.desk('documents', { settleMs: { E_DOCUMENT: badAgainMs } });
    this.#waiting = new WaitingDocuments(options.groupOf);
  }

  add(document: AssembledObject): void {
    const { assembler, clock } = this.#options;
    const now = clock.monotonicMs();
    this.#options.onDropped?.(document.bytes);
    for (const { objectId, senderId, bytes } of this.#waiting.add(document, now)) {
      this.#options.onDropped?.(bytes);
      assembler.counters.refuse('E_DOCUMENT_BACKLOG');
      assembler.unfinish(objectId);
      this.#droppedAtMs.set(senderId, now);
      this.#desk.raise('E_DOCUMENT_BACKLOG', senderId);
    }
  }

  /** As of {@link WaitingDocuments}. */
  beaconCameMs(senderId: string): number | undefined {
    return this.#waiting.beaconCameMs(senderId);
  }

  /** Reads what waits, for a bounded time. @returns whether there is more to read at once */
  read(): boolean {
    const { clock } = this.#options;
    const beganMs = clock.monotonicMs();
    this.#watchBacklog(beganMs);
    this.#shares.pass(beganMs);
    for (let count = 0; count < ofStepMax && clock.monotonicMs() - beganMs <= stepMs; count += 1) {
      const next = this.#waiting.next((group) => this.#shares.has(group));
      if (next === undefined) return false;
      const nextAtMs = clock.monotonicMs();
      this.#readApart(next);
      const tookMs = clock.monotonicMs() - nextAtMs;
      this.#waiting.took(next.group, tookMs);
      this.#shares.took(next.group, tookMs);
    }
    return !this.#waiting.isEmpty;
  }

  /** Reads everything that waits: before a stop. */
  readAll(): void {
    for (let next = this.#waiting.next(); next !== undefined; next = this.#waiting.next())
      this.#readApart(next);
  }

  #watchBacklog(now: number): void {
    for (const [senderId, droppedAtMs] of this.#droppedAtMs) {
      if (now - droppedAtMs < backlogMs) continue;
      this.#droppedAtMs.delete(senderId);
      this.#desk.clear('E_DOCUMENT_BACKLOG', senderId);
    }
  }

  /** What is wrong with one document concerns that one alone. */
  #readApart({ document: object, cameMs }: WaitingDocument): void {
    const { assembler } = this.#options;
    const subject = `${names[object.type]} of ${object.senderId}`;
    try {
      const read = this.#desk.during(subject, storageCodes, () => {
        this.#readOne(object, cameMs);
        return true;
      });
      this.#desk.clear('E_DOCUMENT', subject);
      if (read !== undefined) return;
      // Not durable, so not finished: it comes again with a later pass.
      assembler.unfinish(object.objectId);
      this.#options.onRefused();
    } catch (error) {
      if (!(error instanceof DiodeError)) throw error;
      assembler.counters.refuse(error.code);
      // Whatever is wrong with it has one code, which the next good one ends.
      const detail = error.code === 'E_DOCUMENT' ? error.message : `${error.code}: ${error.message}`;
      this.#desk.raise('E_DOCUMENT', subject, detail);
    } finally {
      this.#options.onDropped?.(object.bytes);
    }
  }

  #readOne(object: AssembledObject, cameMs: number): void {
    const { ledger, clock, assembler, studies, senders } = this.#options;
    const { document } = object;
    if (document === undefined) return;
    if (object.type === objectType.manifest) {
      const manifest = checkManifest(document, object.senderId);
      if (!studies.hasRoomFor(manifest.senderId)) {
        // It comes again, and is named by its number and the roll until then.
        assembler.unfinish(object.objectId);
        assembler.counters.refuse('E_STUDIES_FULL');
        return;
      }
      ledger.transaction(() => {
        const revision = ledger.manifests.enter(manifest, object.objectId, document, clock.wallMs());
        if (revision === undefined) return;
        studies.manifestStored({ ...manifest, revision });
        const { senderId, studyUid, studyNumber, count: instances } = manifest;
        const announced = { senderId, studyUid, studyNumber, revision, instances };
        ledger.events.enter({ kind: 'announced', ...announced }, clock.wallMs());
      });
      assembler.finish(object);
      return;
    }
    const arrival = { ...object, cameMs };
    const fresh =
      object.type === objectType.beacon
        ? senders.beaconCame(decodeBeacon(document), arrival)
        : senders.rollCame(decodeRollPage(document), arrival);
    if (!fresh) assembler.counters.refuse(senders.admission.replayed(object.senderId));
  }
}
