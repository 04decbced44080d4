/**
 * Goal: what leaves for an instance is the right file, or nothing: after a restart, on a full disk, without an inbox, for
 * whoever asks. What one sender's copies cost does not delay another's. Method: a simulated disk.
 */
import { describe, expect, it } from 'vitest';
import type { InstanceRecord } from '../../../../receiver/ledger/instance-records.ts';
import { DiodeError } from '../../../../shared/errors.ts';
import { folders, High, instance, manifestOf, senderId, sha256Of } from '../high.ts';

const bytes = 1000;
const other = '08'.repeat(8);

/** A file with a preamble that is not zeros, and its instance. */
function program(name: string, change: Partial<InstanceRecord> = {}, length = bytes) {
  const content = new Uint8Array(length).fill(7);
  content.set(new TextEncoder().encode(name), 200);
  const row = instance(name, { bytes: length, sha256: sha256Of(content), ...change });
  return { row, content };
}

function put(high: High, ...files: readonly ReturnType<typeof program>[]): void {
  for (const { row, content } of files) {
    const file = high.disk.open(high.vault.objects.pathOf(row.objectId), 'create');
    file.writeAt(content, 0);
    file.sync();
    high.disk.syncFolder(`${folders.vault}/objects`);
    high.ledger.holds.enter({
      objectId: row.objectId,
      sopClassUid: undefined,
      reasons: [],
      preamble: 'executable',
      zeroPreamble: true,
      patient: {},
    });
    high.store(row);
  }
}

const codeOf = (high: High, { row }: { row: InstanceRecord }) => {
  const file = high.outgoing.file(row.objectId);
  return file instanceof DiodeError ? file.code : file.path;
};
const copyOf = ({ row }: { row: InstanceRecord }) => `${folders.vault}/releasable/${row.objectId}`;
const zeroed = ({ content }: { content: Uint8Array }) => content.slice().fill(0, 0, 128);
const contents = (high: High, folder: string) => [...high.disk.contents(folder).values()];

/** The turns of the pipeline. */
function turns(high: High): void {
  for (let turn = 0; turn < 20; turn += 1) {
    while (high.outgoing.step());
    high.release();
    high.time.advance(1000);
    for (const row of high.ledger.releases.unfinished()) high.studies.retry(row.senderId, row.studyUid);
  }
}

describe('an instance whose preamble is zeroed', () => {
  it('leaves as its copy, whatever way, and as nothing before that is made', () => {
    const high = new High();
    const marked: string[] = [];
    high.withoutInbox((_, instances) => {
      for (const { objectId } of instances) {
        const file = high.outgoing.file(objectId);
        marked.push(file instanceof DiodeError ? file.code : file.sha256);
      }
    });
    const a = program('a');
    put(high, a);
    expect(codeOf(high, a)).toBe('E_COPY_WAITING');
    high.manifest(manifestOf(1, [a.row]));
    turns(high);
    expect(marked).toEqual([sha256Of(zeroed(a))]);
    expect(codeOf(high, a)).toBe(copyOf(a));
    expect(high.state()).toBe('released');
  });

  it.each(['gone', 'cut'])('whose copy is %s after a restart has it made again', (what) => {
    const high = new High();
    const a = program('a');
    put(high, a);
    high.manifest(manifestOf(1, [a.row]));
    turns(high);
    high.disk.remove(copyOf(a));
    if (what === 'cut') high.disk.open(copyOf(a), 'create').writeAt(new Uint8Array(10), 0);
    high.restart();
    expect(codeOf(high, a)).toBe('E_COPY_WAITING');
    expect(high.outgoing.want(a.row, () => {})).toBe(true);
    turns(high);
    expect(codeOf(high, a)).toBe(copyOf(a));
    expect(high.disk.contents(`${folders.vault}/releasable`).get(a.row.objectId)).toEqual(zeroed(a));
  });

  it('waits on a full disk, named by an alarm, while others go out; then it goes out by itself', () => {
    const high = new High();
    const a = program('a');
    const b = instance('b', { senderId: other, studyUid: '1.3' });
    put(high, a);
    high.store(b);
    high.disk.capacityBytes = contents(high, folders.vault).reduce((sum, { length }) => sum + length, 500);
    high.manifest(manifestOf(1, [a.row]));
    high.manifest(manifestOf(1, [b], { senderId: other, studyUid: '1.3' }));
    high.release();
    turns(high);
    expect(Object.values(high.inbox())).toEqual([b.objectId]);
    expect(high.standing()).toEqual([`E_DISK_FULL copies for ${senderId}`]);
    high.disk.capacityBytes = Number.POSITIVE_INFINITY;
    turns(high);
    expect(contents(high, folders.inbox)).toContainEqual(zeroed(a));
    expect(high.standing()).toEqual([]);
  });

  it('goes into the partial folder as its copy, or not at all', () => {
    const high = new High();
    const [a, b] = [program('a', {}, 40_000_000), program('b')];
    put(high, a);
    high.manifest(manifestOf(1, [a.row, b.row]));
    const study = high.ledger.studies.get(senderId, '1.2');
    if (study === undefined) throw new Error('the study is there');
    const partially = () => high.releaser.carryOutPart(high.releaser.beginPart(study, [a.row], 2));
    expect(partially).toThrow(expect.objectContaining({ code: 'E_COPY_WAITING' }));
    expect(contents(high, folders.partial)).toEqual([]);
    turns(high);
    partially();
    expect(Buffer.compare(contents(high, folders.partial)[0] ?? Buffer.of(), zeroed(a))).toBe(0);
  });

  it('of which the vault has other bytes than came is not copied: it is collected again', () => {
    const high = new High();
    const a = program('a');
    put(high, a);
    high.disk.open(high.vault.objects.pathOf(a.row.objectId), 'update').writeAt(Uint8Array.of(9), 500);
    high.manifest(manifestOf(1, [a.row]));
    high.release();
    expect(high.damaged).toContain(a.row.objectId);
    expect([contents(high, folders.inbox), high.disk.facts(copyOf(a))]).toEqual([[], undefined]);
  });

  it('that is purged while it is copied leaves no copy', () => {
    const high = new High();
    const a = program('a');
    put(high, a);
    high.outgoing.want(a.row, () => {});
    high.outgoing.step();
    high.vault.removeObjects([a.row.objectId]);
    turns(high);
    expect(contents(high, folders.vault)).toEqual([]);
  });

  it('of one sender waits for no more than a step of another sender', () => {
    const high = new High();
    const large = Array.from({ length: 5 }, (_, index) => program(`large ${index}`, {}, 20_000_000));
    const small = program('small', { senderId: other });
    put(high, ...large, small);
    const made: string[] = [];
    for (const each of [...large, small]) high.outgoing.want(each.row, () => made.push(each.row.senderId));
    for (let step = 0; step < 5; step += 1) high.outgoing.step();
    expect(made).toEqual([other]);
  });
});

describe('an instance that leaves as it came', () => {
  it.each(['gone', 'cut'])('does not leave when its file is %s, and is collected again', (what) => {
    const high = new High();
    const a = instance('a');
    high.store(a);
    const path = high.vault.objects.pathOf(a.objectId);
    high.disk.remove(path);
    if (what === 'cut') high.disk.open(path, 'create').writeAt(new Uint8Array(10), 0);
    const file = high.outgoing.file(a.objectId);
    expect(file).toMatchObject({ code: 'E_VAULT_DAMAGED' });
    expect(high.damaged).toEqual([a.objectId]);
  });

  it('does not leave when it was removed on purpose', () => {
    const high = new High();
    const a = instance('a');
    high.store(a);
    high.ledger.files.markRemoved([a.objectId]);
    expect(high.outgoing.file(a.objectId)).toMatchObject({ code: 'E_FILE_READ' });
    expect(high.damaged).toEqual([]);
  });
});

describe('a file in the inbox', () => {
  it('is one of its own where the file system shares blocks, durable before it is there', () => {
    const high = new High();
    high.disk.clones = true;
    const a = instance('a');
    high.store(a);
    high.manifest(manifestOf(1, [a]));
    turns(high);
    const [name = ''] = Object.keys(high.inbox());
    high.disk.open(`${folders.inbox}/${name}`, 'update').writeAt(Uint8Array.of(0), 0);
    const inVault = high.disk.contents(`${folders.vault}/objects`).get(a.objectId);
    expect(new TextDecoder().decode(inVault)).toBe(a.objectId);
  });
});
