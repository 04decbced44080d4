/** The receiver: the list of its parts, in the order in which they start. It stops in reverse. */
import { secretsOf } from '../../shared/crypto/key-file.ts';
import { DiodeError } from '../../shared/errors.ts';
import { AlarmsPart } from '../../shared/program/alarms-part.ts';
import { EventsPart } from '../../shared/program/events-part.ts';
import { guardedLoop } from '../../shared/program/loop.ts';
import { RequestsPart } from '../../shared/program/requests-part.ts';
import { listParts, type RunningParts } from '../../shared/program/run-parts.ts';
import { StatusPart } from '../../shared/program/status-part.ts';
import { StorePart } from '../../shared/program/store.ts';
import { timedDisk } from '../../shared/timed-disk.ts';
import type { ReceiverConfiguration } from '../configuration.ts';
import { DeliveryService } from '../deliver/delivery-service.ts';
import { gatePolicyOf } from '../gate/inspect.ts';
import { receiverOperations } from '../operate/receiver-operations.ts';
import { Pipeline } from '../pipeline/pipeline.ts';
import { inboxFolderOf } from '../places.ts';
import type { ReceiverHost } from './host.ts';
import { LinkPart } from './link-part.ts';
import { pipelineLog } from './pipeline-log.ts';
import { Receiving } from './receiving.ts';
import { VaultPart } from './vault-part.ts';

/** Puts a receiver together. @throws DiodeError what prevents that */
export function listReceiver(configuration: ReceiverConfiguration, host: ReceiverHost) {
  const { clock, log, die } = host;
  if (inboxFolderOf(configuration) === undefined && configuration.destinations.length === 0)
    throw new DiodeError('E_CONFIG_VALUE', 'without an inbox there has to be a [[destinations]]');
  const loop = guardedLoop(host.loop, die);
  return listParts(loop, (parts) => {
    const keys = host.readKeys();
    const { ledger, requests } = parts.use(new StorePart(host.openStore()));
    const patientKey = host.patientKey();
    const { alarms, alarmEvents } = parts.use(new AlarmsPart(host, ledger.standingAlarms));
    parts.use(new StatusPart({ host, alarms, parts }));
    const disk = timedDisk(host.disk, clock);
    const { vault, room, spill } = parts.use(new VaultPart(configuration, disk, alarms));
    const code = host.createErasureCode(configuration['code.engine']);
    // Before all whose facts it has to be behind at a stop.
    parts.use(
      new EventsPart({
        ...{ ledger, alarmEvents, alarms, clock, configuration, keys, version: host.version },
        runningMs: () => delivery.runningTime.nowMs(),
      }),
    );
    const delivery = parts.use(
      new DeliveryService({
        ...{ configuration, ledger, vault, clock, alarms, log, die },
        outgoing: () => pipeline.outgoing,
        groupOf: (senderId) => pipeline.senders.admission.groupOf(senderId),
      }),
    );
    // The link opens before what the last run left is looked at: what comes in the meantime waits in the ring.
    const link = host.openLink(secretsOf(keys.keys));
    const linkPart = parts.use(
      new LinkPart({
        ...{ configuration, link, alarms, clock, disk, files: host.files },
        assembler: () => pipeline.assembler,
      }),
    );
    const inspector = host.inspector({ policy: gatePolicyOf(configuration), patientKey, vault });
    parts.use({ name: 'gate', stop: () => inspector?.close?.(0) });
    const pipeline = parts.use(
      new Pipeline(
        {
          ...{ configuration, ledger, vault, disk, spill, room, clock, alarms, code, keys, patientKey },
          ...{ inspector, scanner: host.scanner() },
        },
        {
          ...pipelineLog(log),
          onDocumentDropped: (bytes) => host.usedBuffers.large.add(bytes),
          onMarked: (study, instances) => delivery.plan.enter(study, instances),
        },
      ),
    );
    const receiving = parts.use(
      new Receiving({ link, pipeline, clock, loop, usedBuffers: host.usedBuffers.small }),
    );
    const hasInbox = inboxFolderOf(configuration) !== undefined;
    const operations = receiverOperations({
      ...{ ledger, clock, pipeline, hasInbox, alarms },
      deliveries: delivery,
    });
    const asked = parts.use(new RequestsPart({ operations, requests, ledger, clock, alarms }));
    return { parts, ledger, alarms, pipeline, receiving, asked, linkPart, engine: code.name };
  });
}

export type Receiver = ReturnType<typeof listReceiver>;

export interface RunningReceiver {
  readonly port: number;
  /** Reads the key file again. If it can't be read, nothing changes. */
  readKeysAgain(): void;
  stop(): Promise<void>;
}

/** Starts a receiver. @throws DiodeError what keeps it from starting */
export async function startReceiver(
  configuration: ReceiverConfiguration,
  host: ReceiverHost,
): Promise<RunningReceiver> {
  const { parts, linkPart, engine } = listReceiver(configuration, host);
  await parts.start();
  host.log.info('receiver started', { port: linkPart.port, engine });
  return {
    port: linkPart.port,
    readKeysAgain: () => readKeysAgain(host, parts),
    stop: async () => {
      await parts.stop();
      host.log.info('receiver stopped');
    },
  };
}

function readKeysAgain({ log, readKeys }: ReceiverHost, parts: RunningParts): void {
  try {
    const ring = readKeys();
    parts.useKeys(ring);
    log.info('keys read again', { keys: ring.keys.length });
  } catch (error) {
    if (!(error instanceof DiodeError)) throw error;
    log.error('keys not read again', { code: error.code, detail: error.message });
  }
}
