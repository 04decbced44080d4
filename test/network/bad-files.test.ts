/**
 * Goal: a file that can't be taken is in rejected/ under its code, byte for byte, and is told of on both sides; nothing
 * else of the folder is delayed by it. Method: real programs, one watch folder with a good study and all the bad files.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { hostileFiles } from '../harness/hostile-files.ts';
import { Processes } from '../harness/processes.ts';
import { Random } from '../harness/random.ts';
import { repositoryRoot } from '../harness/repository-root.ts';
import { smallInstance } from '../harness/small-instance.ts';
import { filesBelow, Transfer } from '../harness/transfer.ts';

const built = existsSync(join(repositoryRoot(), 'dist/sender/main.js'));
if (!built && process.env['CI'] !== undefined) throw new Error('the programs are not built');

const processes = new Processes();
afterEach(() => processes.cleanUp());

/** More than this of a synthetic big file would only cost time. */
const bytesMax = 1_000_000;

it.skipIf(!built)(
  'files that can not be taken are kept under their code, and the study beside them arrives',
  async () => {
    const transfer = new Transfer({ processes, seed: 31 });
    await transfer.prepare();
    await transfer.startReceiver();
    await transfer.startSender();
    const good = smallInstance({
      studyUid: '2.25.7',
      seriesUid: '2.25.7.1',
      sopInstanceUid: '2.25.7.1.1',
      patientId: 'SYNTHETIC',
      patientName: 'SYNTHETIC^ONE',
      approximateBytes: 3000,
      random: new Random(31),
    });
    const files = new Map<string, { bytes: Uint8Array; code: string }>([
      ['empty.dcm', { bytes: new Uint8Array(0), code: 'E_FILE_EMPTY' }],
      ['one-byte.dcm', { bytes: new Uint8Array(1), code: 'E_NOT_DICOM' }],
      ['letter.txt', { bytes: Buffer.from('Dear colleague, '.repeat(50)), code: 'E_NOT_DICOM' }],
      ['ends-in-its-meta-group.dcm', { bytes: good.slice(0, 200), code: 'E_FILE_TRUNCATED' }],
      ['ends-in-its-header.dcm', { bytes: good.slice(0, 300), code: 'E_FILE_TRUNCATED' }],
      ['ends-before-its-uids.dcm', { bytes: good.slice(0, 400), code: 'E_NO_UID' }],
    ]);
    for (const [index, { intake, make }] of hostileFiles.entries()) {
      const bytes = intake === 'taken' ? undefined : make();
      if (bytes !== undefined && bytes.length <= bytesMax)
        files.set(`a folder/hostile-${index}.dcm`, { bytes, code: String(intake) });
    }
    const prepared = transfer.low('prepared', 'all');
    for (const [name, { bytes }] of files) {
      mkdirSync(dirname(join(prepared, name)), { recursive: true });
      writeFileSync(join(prepared, name), bytes);
    }
    renameSync(prepared, transfer.low('watch', 'all'));
    transfer.putStudy({ instances: 5, bytes: 20_000 });
    await transfer.untilAllReleased();

    const rejectedFolder = transfer.low('spool', 'rejected');
    await transfer.until('all are rejected', () => filesBelow(rejectedFolder).length >= files.size);
    const counts: Record<string, number> = {};
    for (const [name, { bytes, code }] of files) {
      counts[code] = (counts[code] ?? 0) + 1;
      const kept = join(rejectedFolder, code, 'all', name);
      expect(existsSync(kept), `${code}/${name} is kept`).toBe(true);
      expect(Buffer.compare(readFileSync(kept), bytes), name).toBe(0);
    }
    expect(filesBelow(rejectedFolder)).toHaveLength(files.size);
    expect(filesBelow(transfer.low('watch'))).toEqual([]);
    // Both sides tell of it: the high side from the beacon.
    await transfer.until('the low side counts them', () => {
      const counters = transfer.senderStatus()?.counters ?? {};
      return Object.entries(counts).every(([code, count]) => counters[code] === count);
    });
    await transfer.until('the high side knows', () => {
      const told = transfer.receiverStatus()?.senders[0]?.beacon.rejected ?? [];
      return Object.entries(counts).every(([code, count]) =>
        told.some((one) => one.code === code && one.count === count),
      );
    });
    expect(transfer.account()).toEqual({ instances: 5, released: 5, absent: 0, twice: 0, wrong: 0 });
    expect([transfer.sender?.exit, transfer.receiver?.exit]).toEqual([undefined, undefined]);
  },
);
