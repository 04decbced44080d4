/**
 * What is done with manifests, beacons and rolls that came whole: read, kept, told to who waits for it. One that does
 * not follow its format is dropped, counted, and an alarm until a good one of its kind comes from that sender.
 */
import type { Alarms } from '../../shared/alarms.ts';
import type { Clock } from '../../shared/clock.ts';
import { DiodeError, storageCodes } from '../../shared/errors.ts';
import { decodeBeacon } from '../../shared/wire/beacon.ts';
import { type ObjectType, objectType } from '../../shared/wire/datagram.ts';
import { decodeManifest } from '../../shared/wire/manifest.ts';
import { decodeRollPage } from '../../shared/wire/roll.ts';
import type { AssembledObject, Assembler } from '../assemble/assembler.ts';
import type { ReceiverLedger } from '../ledger/ledger.ts';
import type { Studies } from '../studies/studies.ts';
import type { SenderWatch } from '../watch/sender-watch.ts';

/** Objects by their type, in the words of the protocol. */
const names = { 1: 'instance', 2: 'manifest', 3: 'beacon', 4: 'roll' } as const satisfies Record<
  ObjectType,
  string
>;

export interface ControlDocumentsOptions {
  readonly ledger: ReceiverLedger;
  readonly clock: Clock;
  readonly alarms: Alarms;
  readonly assembler: Assembler;
  readonly studies: Studies;
  readonly senders: SenderWatch;
  /** The ledger refused something in the middle of a document. */
  readonly onRefused: () => void;
}

export class ControlDocuments {
  readonly #options: ControlDocumentsOptions;
  readonly #waiting: AssembledObject[] = [];

  constructor(options: ControlDocumentsOptions) {
    this.#options = options;
  }

  add(document: AssembledObject): void {
    this.#waiting.push(document);
  }

  /** Reads what waits. */
  read(): void {
    const { alarms, assembler } = this.#options;
    for (const object of this.#waiting.splice(0)) {
      const subject = `${names[object.type]} of ${object.senderId}`;
      try {
        const read = alarms.during(subject, storageCodes, () => {
          this.#readOne(object);
          return true;
        });
        alarms.clear('E_DOCUMENT', subject);
        if (read !== undefined) continue;
        // Not durable, so not finished: it comes again with a later pass.
        assembler.unfinish(object.objectId);
        this.#options.onRefused();
      } catch (error) {
        if (!(error instanceof DiodeError)) throw error;
        assembler.counters.refuse(error.code);
        alarms.raise(error.code, subject, error.message);
      }
    }
  }

  #readOne(object: AssembledObject): void {
    const { ledger, clock, alarms, assembler, studies, senders } = this.#options;
    const { document } = object;
    if (document === undefined) return;
    if (object.type === objectType.manifest) {
      const manifest = decodeManifest(document);
      if (manifest.senderId !== object.senderId)
        throw new DiodeError('E_DOCUMENT', 'a manifest of another sender');
      const revision = ledger.transaction(() => {
        ledger.studies.begin(manifest.senderId, manifest.studyUid, clock.wallMs());
        return ledger.manifests.enter(manifest, object.objectId, document, clock.wallMs());
      });
      assembler.finish(object.objectId);
      const known = ledger.knownContent.recognise(manifest.senderId, manifest.entries);
      for (const objectId of known) assembler.dismiss(objectId);
      if (revision !== undefined) studies.manifestStored({ ...manifest, revision });
      return;
    }
    const fresh =
      object.type === objectType.beacon
        ? senders.beaconCame(decodeBeacon(document), object)
        : senders.rollCame(decodeRollPage(document), object);
    if (!fresh) assembler.counters.refuse('E_DATAGRAM_REPLAY');
    alarms.set(!fresh, 'E_DATAGRAM_REPLAY', object.senderId);
  }
}
