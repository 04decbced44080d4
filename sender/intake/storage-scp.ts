/**
 * The storage SCP: scanners send to it as they would to a PACS (PS3.4 annex B). It owns the port and the
 * associations on it; what arrives goes to an {@link InstanceSink}.
 */
import type { Duplex } from 'node:stream';
import { assert } from '../../shared/assert.ts';
import { type Clock, systemClock } from '../../shared/clock.ts';
import { usedLargeBuffers } from '../../shared/collector.ts';
import type { AssociationTimes } from '../../shared/dicom/upper-layer/association-state.ts';
import { AssociationStream } from '../../shared/dicom/upper-layer/association-stream.ts';
import { associationLimits } from '../../shared/dicom/upper-layer/limits.ts';
import { UpperLayer } from '../../shared/dicom/upper-layer/upper-layer.ts';
import { isAeTitle } from '../../shared/wire/limits.ts';
import { addressTest, type ListenerTls, listen } from './dicom-listener.ts';
import type { ApplicationEntity, InstanceSink } from './instance-sink.ts';
import { MessageRoom } from './message-room.ts';
import { PerformedProcedureSteps, type ProcedureStepListener } from './performed-procedure-steps.ts';
import { StorageAssociation, type StorageAssociationOptions } from './storage-association.ts';

export interface StorageScpOptions {
  /** The address to bind; there is no default, so that nothing listens unintentionally. */
  readonly host: string;
  readonly port: number;
  readonly applicationEntities: readonly ApplicationEntity[];
  readonly tls?: ListenerTls;
  /** Default 32. */
  readonly associationsMax?: number;
  readonly times?: Partial<AssociationTimes>;
  /** Longest P-DATA-TF accepted, at most 256 KiB. */
  readonly dataPduBytesMax?: number;
  /** Accepts performed procedure steps if given. */
  readonly procedureSteps?: ProcedureStepListener;
  /** Grants storage commitment for what this says is kept; if left out, it is refused. */
  readonly isKept?: (sopInstanceUid: string) => boolean;
  readonly clock?: Clock;
}

export interface AssociationStatus {
  readonly id: number;
  readonly calledAe: string;
  readonly callingAe: string;
  readonly address: string;
  readonly openForMs: number;
  /** Stored with success, and bytes of data sets that came so far. */
  readonly instances: number;
  readonly bytes: number;
}

export interface StorageScp {
  readonly port: number;
  associations(): AssociationStatus[];
  /** Accepts no more associations, aborts the open ones, and resolves when all are closed. */
  close(): Promise<void>;
}

const associationsMaxDefault = 32;
const timesDefault: AssociationTimes = {
  associationMs: 30_000,
  // Consoles keep an association open while they reconstruct the next image.
  idleMs: 300_000,
  pduMs: 60_000,
  releaseMs: 10_000,
  closeMs: 2_000,
};

interface OpenAssociation {
  readonly association: StorageAssociation;
  readonly address: string;
  readonly sinceMs: number;
}

/** Starts to listen. @throws DiodeError E_DICOM_LISTEN, E_CONFIG_VALUE */
export async function createStorageScp(options: StorageScpOptions, sink: InstanceSink): Promise<StorageScp> {
  for (const { title } of options.applicationEntities) assert(isAeTitle(title), 'AE titles were checked');
  const associationsMax = options.associationsMax ?? associationsMaxDefault;
  const associations = new Associations(options, associationsMax, sink);
  const listener = await listen(
    {
      host: options.host,
      port: options.port,
      ...(options.tls !== undefined && { tls: options.tls }),
      // Room for telling a scanner that there is no room, and still bounded.
      connectionsMax: 2 * associationsMax + 8,
    },
    (connection, address) => associations.connected(connection, address),
  );
  return {
    port: listener.port,
    associations: () => associations.status(),
    close: async () => {
      listener.stop();
      await associations.close();
      await listener.close();
    },
  };
}

/** The associations on the port: who gets one, and which are open. */
class Associations {
  readonly #options: StorageScpOptions;
  readonly #associationsMax: number;
  readonly #sink: InstanceSink;
  readonly #clock: Clock;
  readonly #times: AssociationTimes;
  readonly #entities: StorageAssociationOptions['entities'];
  readonly #messages = new MessageRoom(usedLargeBuffers());
  readonly #steps: PerformedProcedureSteps | undefined;
  readonly #open = new Map<number, OpenAssociation>();
  #lastId = 0;
  #isClosing = false;
  #allClosed = (): void => {};

  constructor(options: StorageScpOptions, associationsMax: number, sink: InstanceSink) {
    this.#options = options;
    this.#associationsMax = associationsMax;
    this.#sink = sink;
    this.#clock = options.clock ?? systemClock;
    this.#times = { ...timesDefault, ...options.times };
    this.#entities = options.applicationEntities.map((entity) => ({
      entity,
      isAddressAllowed:
        entity.callingAddresses === undefined ? () => true : addressTest(entity.callingAddresses),
    }));
    const { procedureSteps } = options;
    this.#steps =
      procedureSteps === undefined ? undefined : new PerformedProcedureSteps(procedureSteps, this.#messages);
  }

  connected(connection: Duplex, address: string): void {
    const pending = [...this.#open.values()].filter(
      (other) => other.address === address && other.association.facts === undefined,
    );
    if (pending.length >= associationLimits.pendingPerAddressMax) {
      this.#sink.refused('E_ASSOCIATION_REJECTED', address);
      connection.destroy();
      return;
    }
    this.#lastId += 1;
    const id = this.#lastId;
    const sinceMs = this.#clock.monotonicMs();
    const bytesMax = associationLimits.dataPduBytesMax;
    const layer = UpperLayer.acceptor({
      times: this.#times,
      nowMs: sinceMs,
      dataPduBytesMax: Math.min(this.#options.dataPduBytesMax ?? bytesMax, bytesMax),
    });
    const association = new StorageAssociation({
      id,
      address,
      layer,
      sink: this.#sink,
      entities: this.#entities,
      performedProcedureSteps: this.#steps,
      messages: this.#messages,
      isKept: this.#options.isKept,
      nowMs: () => this.#clock.monotonicMs(),
      hasRoom: () => !this.#isClosing && this.#hasRoomFor(address),
      ended: () => {
        this.#open.delete(id);
        if (this.#open.size === 0) this.#allClosed();
      },
    });
    this.#open.set(id, { association, address, sinceMs });
    association.runOn(new AssociationStream(connection, layer, association, this.#clock));
  }

  status(): AssociationStatus[] {
    return [...this.#open].flatMap(([id, { association, sinceMs }]) => {
      const { facts, counts } = association;
      if (facts === undefined) return [];
      const { called, callingAe, address } = facts;
      const openForMs = this.#clock.monotonicMs() - sinceMs;
      return [{ id, calledAe: called.title, callingAe, address, openForMs, ...counts }];
    });
  }

  /** Accepts no more, and aborts those that are open; resolves when they are gone. */
  async close(): Promise<void> {
    this.#isClosing = true;
    const ended = new Promise<void>((resolve) => {
      this.#allClosed = resolve;
    });
    for (const { association } of this.#open.values()) association.abort();
    if (this.#open.size > 0) await ended;
  }

  /** One address may have three times what it leaves free: a single scanner can't get the last quarter of the places. */
  #hasRoomFor(address: string): boolean {
    const accepted = [...this.#open.values()].filter(({ association }) => association.facts !== undefined);
    const own = accepted.filter((other) => other.address === address).length;
    return own < 3 * (this.#associationsMax - accepted.length);
  }
}
