/** Our own storage SCP on loopback that keeps in memory what it takes: the sender's port for scanners, or a PACS. */
import {
  createStorageScp,
  type StorageScp,
  type StorageScpOptions,
} from '../../sender/intake/storage-scp.ts';
import { CollectingSink, type SinkBehaviour } from './collecting-sink.ts';

export interface CollectingScp {
  readonly scp: StorageScp;
  readonly sink: CollectingSink;
}

/**
 * @param titles AE titles it answers to, for routine work; `options` may say more of them
 * @param behaviour what the sink does with what comes; everything is taken when left out
 */
export async function collectingScp(
  titles: readonly string[],
  options: Partial<StorageScpOptions> = {},
  behaviour: SinkBehaviour = {},
): Promise<CollectingScp> {
  const sink = new CollectingSink(behaviour);
  const applicationEntities = titles.map((title) => ({
    title,
    priority: 'routine' as const,
    quietSeconds: 60,
  }));
  const scp = await createStorageScp({ host: '127.0.0.1', port: 0, applicationEntities, ...options }, sink);
  return { scp, sink };
}
