/** What the pipeline did, as lines of the log. */
import type { Log } from '../../shared/log.ts';
import type { StageListeners } from '../pipeline/stages.ts';

export function pipelineLog(log: Log): Pick<StageListeners, 'onReconciled' | 'onReleased'> {
  return {
    onReconciled: ({ adopted, orphans, lost }) =>
      log.info('vault compared with its ledger', { adopted, orphans, unreadable: lost }),
    onReleased: ({ studyUid, senderId, revision, kind, instances, expected, conflictIds }) =>
      log.info('study released', {
        ...{ studyUid, senderId, revision, kind, instances, expected },
        conflicts: conflictIds.length,
      }),
  };
}
