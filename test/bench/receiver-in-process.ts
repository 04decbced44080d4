/** The receiver in one process without a socket, over a real disk: for benchmarks of parts of it. */
import { receiverSettings } from '../../receiver/configuration.ts';
import { receiverHost } from '../../receiver/program/host.ts';
import { listReceiver } from '../../receiver/program/receiver.ts';
import { nodeDisk } from '../../shared/disk.ts';
import { createLog } from '../../shared/log.ts';
import { configurationWith } from '../harness/settings.ts';
import { linkSettingsOf, ringOf } from '../simulation/simulated-host.ts';
import { SimulatedReceivingEnd } from '../simulation/simulated-receiving-end.ts';
import { studyIdentity } from './recorded-pass.ts';
import type { Scratch } from './scratch.ts';

/** Its parts are made and not started: who measures gives the pipeline what it receives, and its turns. */
export function makeReceiverInProcess(scratch: Scratch) {
  const { parameters, keyId, secret } = studyIdentity;
  for (const name of ['vault', 'inbox', 'partial']) nodeDisk.makeFolder(scratch.path(name));
  const configuration = configurationWith(receiverSettings, {
    ...linkSettingsOf(parameters),
    'vault.folder': scratch.path('vault'),
    'vault.highWaterPercent': 98,
    'vault.lowWaterPercent': 97,
    'vault.fullPercent': 99,
    'inbox.folder': scratch.path('inbox'),
    'inbox.partialFolder': scratch.path('partial'),
    'inbox.files': 'auto',
    'assemble.memoryMegabytes': 128,
    'assemble.spillMegabytes': 100,
    'assemble.openObjects': 4096,
  });
  const secrets = new Map([[keyId, secret]]);
  const link = new SimulatedReceivingEnd({
    datagramBytes: parameters.datagramBytes,
    slots: 1,
    secrets,
    opened: { port: 4747, receiveBufferBytes: configuration['link.receiveBufferBytes'] },
  });
  const log = createLog('bench', 'error');
  const { ledger, pipeline, parts } = listReceiver(configuration, {
    ...receiverHost(configuration, log, (error) => {
      throw error;
    }),
    readKeys: () => ringOf(secrets),
    openLink: () => link,
    inspector: () => undefined,
  });
  return { ledger, pipeline, parts, admission: link.admission };
}
