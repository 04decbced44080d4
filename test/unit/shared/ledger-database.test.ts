import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  LedgerDatabase,
  number,
  optionalBytes,
  optionalText,
  takeOwnership,
  text,
} from '../../../shared/ledger-database.ts';
import { root } from '../source-tree.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ledger-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const place = () => join(folder, 'ledger.sqlite');
const failure = (code: string) => expect.objectContaining({ code });
const first = "CREATE TABLE studies (uid TEXT PRIMARY KEY); INSERT INTO studies VALUES ('1.2');";
const second = "ALTER TABLE studies ADD COLUMN state TEXT NOT NULL DEFAULT 'new';";
const broken = 'ALTER TABLE studies ADD COLUMN two TEXT; SELECT * FROM nothing;';

function opened<T>(migrations: readonly string[], use: (database: LedgerDatabase) => T): T {
  const database = new LedgerDatabase(place(), migrations);
  try {
    return use(database);
  } finally {
    database.close();
  }
}

describe('a schema', () => {
  it('is made once and stays', () => {
    expect(opened([first], (database) => database.all('SELECT uid FROM studies'))).toEqual([{ uid: '1.2' }]);
    expect(opened([first], (database) => database.all('SELECT uid FROM studies'))).toHaveLength(1);
    expect(existsSync(`${place()}.version-1`)).toBe(false);
    expect(statSync(place()).mode & 0o777).toBe(0o600);
  });

  it('goes forward, and what it was is kept beside it', () => {
    opened([first], (database) => database.run("INSERT INTO studies VALUES ('1.3')"));
    const rows = opened([first, second], (database) => database.all('SELECT * FROM studies ORDER BY uid'));
    expect(rows).toEqual([
      { uid: '1.2', state: 'new' },
      { uid: '1.3', state: 'new' },
    ]);
    const before = new LedgerDatabase(`${place()}.version-1`, [first]);
    expect(before.all('SELECT * FROM studies ORDER BY uid')).toEqual([{ uid: '1.2' }, { uid: '1.3' }]);
    before.close();
  });

  it('that can not go forward stays whole as it was', () => {
    opened([first], () => {});
    expect(() => opened([first, second, broken], () => {})).toThrow(failure('E_LEDGER'));
    expect(opened([first], (database) => database.all('SELECT * FROM studies'))).toEqual([{ uid: '1.2' }]);
    expect(opened([first, second], (database) => database.all('SELECT * FROM studies'))).toHaveLength(1);
  });

  it('of the same number that was made otherwise is left alone', () => {
    opened([first], () => {});
    expect(() => opened([`${first} CREATE TABLE others (uid TEXT);`], () => {})).toThrow(failure('E_LEDGER'));
    expect(() => opened([`${first} `, second], () => {})).toThrow(failure('E_LEDGER'));
    expect(existsSync(`${place()}.version-1`)).toBe(false);
    expect(opened([first], (database) => database.all('SELECT * FROM studies'))).toHaveLength(1);
  });

  it('of a newer version is left alone', () => {
    opened([first, second], () => {});
    expect(() => opened([first], () => {})).toThrow(failure('E_LEDGER'));
    expect(opened([first, second], (database) => database.all('SELECT state FROM studies'))).toHaveLength(1);
  });
});

describe('a ledger', () => {
  it('that is no database, or lies nowhere, is refused', () => {
    writeFileSync(place(), 'this is no database, and it is long enough to be looked at'.repeat(20));
    expect(() => opened([first], () => {})).toThrow(failure('E_LEDGER'));
    expect(() => new LedgerDatabase(join(folder, 'none', 'ledger'), [first])).toThrow(failure('E_LEDGER'));
  });

  it('does all of a transaction or nothing of it', () => {
    opened([first], (database) => {
      expect(() =>
        database.transaction(() => {
          database.run("INSERT INTO studies VALUES ('1.3')");
          throw new TypeError('in the middle');
        }),
      ).toThrow(TypeError);
      expect(() =>
        database.transaction(() => {
          database.run("INSERT INTO studies VALUES ('1.4')");
          database.run("INSERT INTO studies VALUES ('1.2')");
        }),
      ).toThrow(failure('E_LEDGER'));
      expect(database.transaction(() => database.all('SELECT * FROM studies'))).toHaveLength(1);
    });
  });

  it('takes back a part of a transaction alone, and all of it with the rest', () => {
    opened([first], (database) => {
      const uids = () => database.all('SELECT uid FROM studies ORDER BY uid').map((row) => row['uid']);
      const add = (uid: string) => database.run('INSERT INTO studies VALUES (?)', uid);
      const fail = () => {
        throw new Error('no');
      };
      database.transaction(() => {
        add('1.3');
        expect(() =>
          database.transaction(() => {
            add('1.4');
            database.transaction(() => add('1.5'));
            fail();
          }),
        ).toThrow('no');
        database.transaction(() => add('1.6'));
      });
      expect(uids()).toEqual(['1.2', '1.3', '1.6']);
      const outer = () =>
        database.transaction(() => {
          database.transaction(() => add('1.7'));
          fail();
        });
      expect(outer).toThrow('no');
      expect(uids()).toEqual(['1.2', '1.3', '1.6']);
    });
  });

  it('asks once before all of a transaction becomes durable', () => {
    let asked = 0;
    const database = new LedgerDatabase(':memory:', [first], () => {
      asked += 1;
    });
    asked = 0;
    database.transaction(() => {
      database.transaction(() => database.run("INSERT INTO studies VALUES ('1.3')"));
      database.run("INSERT INTO studies VALUES ('1.4')");
    });
    database.run("INSERT INTO studies VALUES ('1.5')");
    expect(asked).toBe(2);
    database.close();
  });

  it('goes on behind what another writer held up', () => {
    opened([first], (other) => {
      const database = new LedgerDatabase(place(), [first], () => {}, { busyMs: 1 });
      const add = (uid: string) => database.run('INSERT INTO studies VALUES (?)', uid);
      other.transaction(() => {
        other.run("INSERT INTO studies VALUES ('1.3')");
        expect(() => database.run('DELETE FROM studies')).toThrow(failure('E_LEDGER'));
      });
      database.transaction(() => add('1.4'));
      add('1.5');
      database.close();
      const kept = other.all('SELECT uid FROM studies ORDER BY uid').map(({ uid }) => uid);
      expect(kept).toEqual(['1.2', '1.3', '1.4', '1.5']);
    });
  });

  it('takes a part of a transaction back alone, and all of it with the whole', () => {
    opened([first], (database) => {
      const insert = (uid: string) => database.run('INSERT INTO studies VALUES (?)', uid);
      const fails = (uid: string) =>
        database.transaction(() => {
          insert(uid);
          throw new RangeError('no');
        });
      const uids = () => database.all('SELECT uid FROM studies ORDER BY uid').map((row) => row['uid']);
      database.transaction(() => {
        insert('1.3');
        expect(() => fails('1.4')).toThrow('no');
        database.transaction(() => insert('1.5'));
      });
      expect(uids()).toEqual(['1.2', '1.3', '1.5']);
      expect(() =>
        database.transaction(() => {
          database.transaction(() => insert('1.6'));
          fails('1.7');
        }),
      ).toThrow('no');
      expect(uids()).toEqual(['1.2', '1.3', '1.5']);
      insert('1.8');
      expect(uids()).toHaveLength(4);
    });
  });

  it('makes nothing durable of a part before the whole is', () => {
    let commits = 0;
    const database = new LedgerDatabase(place(), [first], () => {
      commits += 1;
    });
    commits = 0;
    database.transaction(() => {
      database.transaction(() => database.run("INSERT INTO studies VALUES ('1.3')"));
      expect(commits).toBe(0);
    });
    expect(commits).toBe(1);
    database.close();
  });

  it('that is only looked at sees what its owner writes, and changes nothing', () => {
    const owner = new LedgerDatabase(place(), [first]);
    const reader = new LedgerDatabase(place(), [first], undefined, { mode: 'read' });
    owner.run("INSERT INTO studies VALUES ('1.3')");
    expect(reader.all('SELECT uid FROM studies')).toHaveLength(2);
    expect(() => reader.run("INSERT INTO studies VALUES ('1.4')")).toThrow(failure('E_LEDGER'));
    reader.close();
    expect(() => new LedgerDatabase(place(), [first, second], undefined, { mode: 'read' })).toThrow(
      failure('E_LEDGER'),
    );
    expect(owner.all('SELECT uid FROM studies')).toHaveLength(2);
    owner.close();
  });

  it('says of a full disk that it is full, and works again when it is not', () => {
    opened(['CREATE TABLE files (bytes BLOB)'], (database) => {
      database.get('PRAGMA max_page_count = 8');
      const fill = () => {
        for (let row = 0; row < 100; row += 1) database.run('INSERT INTO files VALUES (zeroblob(3000))');
      };
      expect(() => database.transaction(fill)).toThrow(failure('E_DISK_FULL'));
      expect(database.all('SELECT * FROM files')).toHaveLength(0);
      database.get('PRAGMA max_page_count = 1000');
      database.transaction(fill);
      expect(database.all('SELECT * FROM files')).toHaveLength(100);
    });
  });

  it('gives texts, numbers and bytes as what they are', () => {
    opened(['CREATE TABLE t (n INTEGER, s TEXT, b BLOB)'], (database) => {
      const bytes = Uint8Array.of(1, 2, 255);
      database.run('INSERT INTO t VALUES (?, ?, ?)', 2 ** 40, 'text', bytes);
      database.run('INSERT INTO t VALUES (?, ?, ?)', 5, null, null);
      for (const row of [database.get('SELECT * FROM t') ?? {}, database.all('SELECT * FROM t')[0] ?? {}]) {
        expect([number(row, 'n'), text(row, 's')]).toEqual([2 ** 40, 'text']);
        expect([...(optionalBytes(row, 'b') ?? [])]).toEqual([...bytes]);
      }
      const empty = database.all('SELECT * FROM t')[1] ?? {};
      expect([optionalText(empty, 's'), optionalBytes(empty, 'b')]).toEqual([undefined, undefined]);
      expect(() => number(empty, 's')).toThrow('column s is a number');
      expect(() => text(empty, 'none')).toThrow('column none is a text');
    });
  });

  it('may be read and written by another process beside its owner', () => {
    opened([first], (database) => {
      const program =
        "const D = require('libsql'); const d = new D(process.argv[1]); d.exec(\"INSERT INTO studies VALUES ('9')\"); d.close();";
      execFileSync(process.execPath, ['-e', program, place()], { cwd: root });
      expect(database.all('SELECT uid FROM studies')).toHaveLength(2);
    });
  });
});

describe('the right to own a folder', () => {
  const lock = () => join(folder, 'owner.lock');

  it('has one at a time, and can be given back', () => {
    const giveUp = takeOwnership(lock());
    expect(() => takeOwnership(lock())).toThrow(failure('E_ALREADY_RUNNING'));
    giveUp();
    takeOwnership(lock())();
  });

  it('is refused while another process has it, and free when that is killed', async () => {
    const program =
      "const D = require('libsql'); const d = new D(process.argv[1]); d.exec('BEGIN EXCLUSIVE'); console.log('locked'); setInterval(() => d, 1e6);";
    const other = spawn(process.execPath, ['-e', program, lock()], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      await once(other.stdout, 'data');
      expect(() => takeOwnership(lock())).toThrow(failure('E_ALREADY_RUNNING'));
    } finally {
      other.kill('SIGKILL');
      await once(other, 'exit');
    }
    takeOwnership(lock())();
  });

  it('that can not be had for another reason says so', () => {
    expect(() => takeOwnership(join(folder, 'none', 'owner.lock'))).toThrow(failure('E_LEDGER'));
  });
});
