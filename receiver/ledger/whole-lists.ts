/**
 * Lists of which everything is here: each is told of once, in the transaction that brings the last of it or finds that it
 * is here. Triggers mark such lists, whatever makes them whole. Part of the receiver's ledger.
 */
import { type LedgerDatabase, number, text } from '../../shared/ledger-database.ts';
import type { Events } from '../../shared/program/events.ts';

/** Part of the receiver's schema, behind open manifests. Where something of a list is lost, it is told of again. */
export const wholeListsSchema = `
   CREATE TABLE whole_lists (manifest INTEGER PRIMARY KEY, told INTEGER NOT NULL DEFAULT 0);
   CREATE INDEX whole_lists_untold ON whole_lists (manifest) WHERE told = 0;
   CREATE TRIGGER list_whole AFTER UPDATE OF entered, missing ON open_manifests
     WHEN NEW.entered = NEW.entries AND NEW.missing = 0 BEGIN
     INSERT INTO whole_lists (manifest) VALUES (NEW.manifest) ON CONFLICT DO NOTHING;
   END;
   CREATE TRIGGER list_whole_no_more AFTER DELETE ON instances BEGIN
     DELETE FROM whole_lists WHERE manifest IN
       (SELECT manifest FROM manifests WHERE sender_id = OLD.sender_id AND study_uid = OLD.study_uid);
   END;`;

/** Lists of one step: the others come with the next. */
const stepLists = 64;

export class WholeLists {
  readonly #database: LedgerDatabase;
  readonly #events: Events;

  constructor(database: LedgerDatabase, events: Events) {
    this.#database = database;
    this.#events = events;
  }

  /** Whether there are some that nobody was told of. */
  isAnyUntold(): boolean {
    return this.#database.get('SELECT 1 FROM whole_lists WHERE told = 0 LIMIT 1') !== undefined;
  }

  /** Enters an event for each that became whole since this was called last, or some of them: within a transaction. */
  tell(atMs: number): void {
    const rows = this.#database.all(
      `SELECT manifests.* FROM whole_lists JOIN manifests ON manifests.manifest = whole_lists.manifest
       WHERE told = 0 ORDER BY whole_lists.manifest LIMIT ${stepLists}`,
    );
    for (const row of rows) {
      this.#database.run('UPDATE whole_lists SET told = 1 WHERE manifest = ?', number(row, 'manifest'));
      const list = {
        senderId: text(row, 'sender_id'),
        studyUid: text(row, 'study_uid'),
        studyNumber: number(row, 'study_number'),
        revision: number(row, 'revision'),
        instances: number(row, 'entries'),
      };
      this.#events.enter({ kind: 'complete', ...list }, atMs);
    }
  }
}
