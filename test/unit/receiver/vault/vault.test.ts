import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Vault } from '../../../../receiver/vault/vault.ts';
import { nodeDisk } from '../../../../shared/disk.ts';
import { idOf, senderId } from '../high.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vault-'));
  mkdirSync(join(folder, 'inbox'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const open = () => new Vault(join(folder, 'vault'), nodeDisk);
const facts = (objectId: string, objectBytes = 10) => ({
  objectId,
  senderId,
  keyId: 1,
  objectBytes,
  maximumSourceSymbols: 200,
});
const claim = (objectId: string) => ({ objectId, keyId: 1 });
const bytes = (content: string) => new TextEncoder().encode(content);
const inVault = (place: string) => readdirSync(join(folder, 'vault', place)).sort();

/** A whole object of the vault. */
function kept(vault: Vault, name: string): string {
  const objectId = idOf(name);
  vault.incoming.sink(facts(objectId)).write(bytes(name), 0);
  vault.keep([claim(objectId)]);
  return objectId;
}

describe('an object', () => {
  it('is put together in incoming/ in any order, and kept under its id', () => {
    const vault = open();
    const sink = vault.incoming.sink(facts(idOf('a')));
    sink.write(bytes('world'), 5);
    sink.write(bytes('hello'), 0);
    const part = new Uint8Array(4);
    sink.read(part, 3);
    expect(new TextDecoder().decode(part)).toBe('lowo');
    expect(new TextDecoder().decode(vault.incoming.read(claim(idOf('a')), 8, 100))).toBe('ld');
    expect(() => sink.read(new Uint8Array(11), 0)).toThrow(expect.objectContaining({ code: 'E_DISK' }));
    expect(vault.hasObject(idOf('a'))).toBe(false);
    sink.checkpoint(Uint8Array.of(3), 'later');
    vault.keep([claim(idOf('a'))]);
    expect(readFileSync(vault.objects.pathOf(idOf('a')), 'utf8')).toBe('helloworld');
    expect([inVault('incoming'), vault.storedObjects()]).toEqual([[], [idOf('a')]]);
  });

  it('is gone when it is given up, with its state', () => {
    const vault = open();
    const sink = vault.incoming.sink(facts(idOf('a')));
    sink.write(bytes('x'), 0);
    sink.checkpoint(Uint8Array.of(0), 'now');
    expect(inVault('incoming')).toHaveLength(2);
    sink.discard();
    sink.discard();
    expect(inVault('incoming')).toEqual([]);
  });

  it('may be one of many more than there are open files', () => {
    const vault = open();
    const ids = Array.from({ length: 600 }, (_, index) => idOf(`object ${index}`));
    for (const round of [0, 1]) {
      for (const [index, objectId] of ids.entries())
        vault.incoming.sink(facts(objectId)).write(Uint8Array.of(index & 255), round);
    }
    expect(readdirSync('/proc/self/fd').length).toBeLessThan(450);
    vault.keep(ids.map(claim));
    expect(vault.storedObjects()).toHaveLength(600);
    expect([...readFileSync(vault.objects.pathOf(ids[150] ?? ''))]).toEqual([150, 150]);
  });

  it('has an id that is no path', () => {
    for (const objectId of ['../../etc/passwd', '', 'AB'.repeat(16), `${idOf('a')}/x`, `${idOf('a')}\n`])
      expect(() => open().incoming.sink(facts(objectId))).toThrow('an object id is no path');
  });
});

describe('two keys that claim one object id', () => {
  it('have a file each until one of them is verified, and after a restart', () => {
    const before = open();
    const own = facts(idOf('a'));
    const other = { ...own, senderId: 'bb'.repeat(8), keyId: 2 };
    for (const [one, content] of [
      [own, 'of one'],
      [other, 'of another one'],
    ] as const) {
      before.incoming.sink(one).write(bytes(content), 0);
      before.incoming.sink(one).checkpoint(Uint8Array.of(one.keyId), 'now');
    }
    const vault = open();
    expect([...vault.incoming.resumable()].map((found) => found.facts)).toEqual([own, other]);
    vault.keep([own]);
    expect(readFileSync(vault.objects.pathOf(own.objectId), 'utf8')).toBe('of one');
    vault.incoming.discard(other);
    expect([inVault('incoming'), vault.storedObjects()]).toEqual([[], [own.objectId]]);
  });
});

describe('after a restart', () => {
  it('objects with a state go on, everything else in incoming/ is removed', () => {
    const before = open();
    for (const name of ['with state', 'without', 'broken', 'of another'])
      before.incoming.sink(facts(idOf(name))).write(bytes('12345'), 0);
    before.incoming.sink(facts(idOf('with state'))).checkpoint(Uint8Array.of(5), 'now');
    before.incoming.sink(facts(idOf('of another'))).checkpoint(Uint8Array.of(1), 'now');
    const state = (name: string) => join(folder, 'vault', 'incoming', `${idOf(name)}-1.state`);
    writeFileSync(state('broken'), '{"facts":');
    writeFileSync(state('of another'), readFileSync(state('with state')));
    writeFileSync(state('no file'), readFileSync(state('with state')));
    const vault = open();
    expect([...vault.incoming.resumable()]).toEqual([
      { facts: facts(idOf('with state')), finishedBlocks: expect.objectContaining({ 0: 5, length: 1 }) },
    ]);
    expect(inVault('incoming')).toEqual([`${idOf('with state')}-1`, `${idOf('with state')}-1.state`].sort());
    vault.incoming.sink(facts(idOf('with state'))).write(bytes('67890'), 5);
    vault.keep([claim(idOf('with state'))]);
    expect(readFileSync(vault.objects.pathOf(idOf('with state')), 'utf8')).toBe('1234567890');
  });
});

describe('a release', () => {
  const stage = (vault: Vault, id: number, ...ids: string[]) => {
    const files = ids.map((objectId, index) => ({
      from: vault.objects.pathOf(objectId),
      path: ['1.2.1', `${index}.dcm`],
    }));
    for (const _ of vault.staging.build(id, files, 'link'));
  };

  it('is a folder of links beside the inbox, and then one rename', () => {
    const vault = open();
    const [a, b] = [kept(vault, 'a'), kept(vault, 'b')];
    stage(vault, 7, a, b);
    expect([vault.staging.has(7), readdirSync(join(folder, 'inbox'))]).toEqual([true, []]);
    vault.staging.moveToInbox(7, join(folder, 'inbox'), '1.2');
    expect(vault.staging.has(7)).toBe(false);
    const released = join(folder, 'inbox', '1.2', '1.2.1', '1.dcm');
    expect(readFileSync(released, 'utf8')).toBe('b');
    expect(statSync(released).ino).toBe(statSync(vault.objects.pathOf(b)).ino);
  });

  it('that was half staged is staged anew, and one that will not be done is taken away', () => {
    const vault = open();
    const [a, b] = [kept(vault, 'a'), kept(vault, 'b')];
    stage(vault, 7, a, b);
    stage(vault, 7, b);
    expect(readdirSync(join(vault.staging.pathOf(7), '1.2.1'))).toEqual(['0.dcm']);
    vault.staging.drop(7);
    vault.staging.drop(7);
    expect([vault.staging.has(7), vault.hasObject(b)]).toEqual([false, true]);
  });

  it('never replaces what stands under its name', () => {
    const vault = open();
    stage(vault, 7, kept(vault, 'a'));
    writeFileSync(join(folder, 'inbox', '1.2'), 'of somebody else');
    expect(() => vault.staging.moveToInbox(7, join(folder, 'inbox'), '1.2')).toThrow(
      expect.objectContaining({ code: 'E_INBOX_TAKEN' }),
    );
    expect(readFileSync(join(folder, 'inbox', '1.2'), 'utf8')).toBe('of somebody else');
    expect(vault.staging.has(7)).toBe(true);
  });

  it('of what the vault does not have fails before anything is seen', () => {
    const vault = open();
    expect(() => stage(vault, 7, idOf('none'))).toThrow(expect.objectContaining({ code: 'E_DISK' }));
    expect(readdirSync(join(folder, 'inbox'))).toEqual([]);
  });
});
