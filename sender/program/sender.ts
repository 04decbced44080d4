/** The sender: the list of its parts, in the order in which they start. It stops in reverse. */
import { AlarmsPart } from '../../shared/program/alarms-part.ts';
import { EventsPart } from '../../shared/program/events-part.ts';
import { guardedLoop } from '../../shared/program/loop.ts';
import { RequestsPart } from '../../shared/program/requests-part.ts';
import { listParts } from '../../shared/program/run-parts.ts';
import { StatusPart } from '../../shared/program/status-part.ts';
import { StorePart } from '../../shared/program/store.ts';
import type { SenderConfiguration } from '../configuration.ts';
import { senderOperations } from '../operate/sender-operations.ts';
import type { SenderHost } from './host.ts';
import { checkIntake, IntakePart } from './intake-part.ts';
import { LinkPart } from './link-part.ts';
import { Sending } from './sending.ts';
import { SessionPart } from './session-part.ts';
import { SpoolPart } from './spool-part.ts';

/** Puts a sender together. @throws DiodeError what prevents that */
export function listSender(configuration: SenderConfiguration, host: SenderHost) {
  const { clock, disk, files, log, randomBytes } = host;
  checkIntake(configuration);
  const loop = guardedLoop(host.loop, host.die);
  return listParts(loop, (parts) => {
    const keys = host.readKeys();
    const { ledger, requests } = parts.use(new StorePart(host.openStore()));
    const { alarms, alarmEvents } = parts.use(new AlarmsPart(host, ledger.standingAlarms));
    parts.use(new StatusPart({ host, alarms, parts }));
    const { session, identity } = parts.use(
      new SessionPart({ configuration, ledger, keys, alarms, randomBytes }),
    );
    const spoolPart = parts.use(
      new SpoolPart({
        ...{ configuration, ledger, identity, alarms, disk, clock, log },
        onAdopted: () => intake.watch.takeUp(),
      }),
    );
    const { spool, runningTime } = spoolPart;
    const runningMs = () => runningTime.nowMs();
    parts.use(
      new EventsPart({
        ...{ ledger, alarmEvents, alarms, clock, configuration, keys, version: host.version },
        runningMs,
      }),
    );
    const sending = parts.use(
      new Sending({
        ...{ configuration, ledger, spool, identity, session, alarms, clock, log },
        runningMs,
        openDataPlane: () => host.openDataPlane(identity, session),
      }),
    );
    const link = parts.use(new LinkPart({ configuration, identity, sending, alarms, clock, files, log }));
    const intake = parts.use(
      new IntakePart({
        ...{ configuration, ledger, spool, identity, sending, alarms, disk, clock, loop, log },
        watchDisk: host.watchDisk,
        hasRoom: () => spoolPart.hasRoom(),
      }),
    );
    const operations = senderOperations({ clock, alarms, dispatch: sending.dispatch });
    parts.use(
      new RequestsPart({ operations, requests, ledger, clock, alarms, onLooked: () => sending.step() }),
    );
    return { parts, ledger, alarms, identity, spoolPart, sending, link, intake };
  });
}

export type Sender = ReturnType<typeof listSender>;

export interface RunningSender {
  stop(): Promise<void>;
}

/** Starts a sender. @throws DiodeError what keeps it from starting */
export async function startSender(
  configuration: SenderConfiguration,
  host: SenderHost,
): Promise<RunningSender> {
  const { parts, identity, sending, link } = listSender(configuration, host);
  await parts.start();
  host.log.info('sender started', {
    senderId: Buffer.from(identity.senderId).toString('hex'),
    keyId: identity.keyId,
    engine: sending.engine,
    interface: link.interface,
  });
  return {
    stop: async () => {
      await parts.stop();
      host.log.info('sender stopped');
    },
  };
}
