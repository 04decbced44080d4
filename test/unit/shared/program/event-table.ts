/** A ledger that has nothing but events. */
import { LedgerDatabase } from '../../../../shared/ledger-database.ts';
import { Events, type EventsOptions, eventsSchema } from '../../../../shared/program/events.ts';

export function eventTable(options?: EventsOptions): { database: LedgerDatabase; events: Events } {
  const database = new LedgerDatabase(':memory:', [eventsSchema]);
  return { database, events: new Events(database, options) };
}

/** A fact of a study that is a row of its own. */
export function delivered(senderId: string, studyUid: string) {
  return { kind: 'delivered', senderId, studyUid, destination: 'PACS', instances: 1 } as const;
}
