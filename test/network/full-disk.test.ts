/**
 * Goal: a full disk on either side loses nothing, and both sides go on by themselves when there is room again; so does a
 * receiver that was off for all planned passes. Method: the real programs, their folders on a small tmpfs that is filled
 * to the last byte.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { Processes } from '../harness/processes.ts';
import { repositoryRoot } from '../harness/repository-root.ts';
import { noSmallDisks, SmallDisk } from '../harness/small-disk.ts';
import { filesBelow, Transfer } from '../harness/transfer.ts';

const missing = whatIsMissing();
if (missing !== undefined && process.env['CI'] !== undefined) throw new Error(missing);

const processes = new Processes();
const mounted: SmallDisk[] = [];

afterEach(async () => {
  for (const program of [transfer?.sender, transfer?.receiver]) await program?.stop();
  for (const disk of mounted.splice(0)) disk.unmount();
  await processes.cleanUp();
});

let transfer: Transfer | undefined;
const firstStudy = { instances: 3, bytes: 100_000 };
const secondStudy = { instances: 20, bytes: 200_000 };

describe.skipIf(missing !== undefined)('a full disk', () => {
  it('of the sender: files stay in the folder, and are taken when there is room', async () => {
    const disk = smallDisk();
    transfer = new Transfer({ processes, seed: 31, lowFolder: disk.folder });
    await transfer.prepare();
    await transfer.startReceiver();
    const sender = await transfer.startSender();
    transfer.putStudy(firstStudy);
    await transfer.untilAllReleased();
    const { moveIn } = transfer.prepareStudy(secondStudy);
    const fromLine = sender.lineCount;
    disk.fill();
    moveIn();
    await sender.waitForLine(/E_DISK_FULL/, { fromLine });
    expect(filesBelow(transfer.low('watch'))).toHaveLength(20);
    expect(filesBelow(transfer.low('spool', 'rejected'))).toEqual([]);
    expect(sender.exit).toBeUndefined();

    disk.makeRoom();
    await transfer.untilAllReleased();
    expect(transfer.account()).toMatchObject({ absent: 0, twice: 0, wrong: 0 });
    expect(filesBelow(transfer.low('watch'))).toEqual([]);
    expect(sender.exit).toBeUndefined();
    const status = transfer;
    await status.until('the alarm is cleared', () => status.senderStatus()?.alarms.length === 0);
  });

  it('of the receiver: it keeps counting, and collects when there is room', async () => {
    const disk = smallDisk();
    transfer = new Transfer({ processes, seed: 32, highFolder: disk.folder });
    transfer.receiverSettings['assemble.spillMegabytes'] = 1;
    await transfer.prepare();
    const receiver = await transfer.startReceiver();
    await transfer.startSender();
    transfer.putStudy(firstStudy);
    await transfer.untilAllReleased();
    const fromLine = receiver.lineCount;
    disk.fill();
    const link = transfer;
    const sent = () => link.senderStatus()?.datagrams ?? 0;
    const sentBefore = sent();
    const countedBefore = transfer.receiverStatus()?.link.admitted ?? 0;
    transfer.putStudy(secondStudy);
    await receiver.waitForLine(/E_DISK_FULL/, { fromLine });
    await transfer.until('all of it was sent twice', () => {
      const { queue, highestStudyNumber } = link.senderStatus() ?? {};
      return queue?.objects === 0 && highestStudyNumber === 2;
    });
    const sentWhileFull = sent() - sentBefore;
    expect(sentWhileFull).toBeGreaterThan(20 * 140);
    // Who looks now sees that it runs, and why it does not go on.
    await transfer.until('the command line tells of the full disk', () => {
      const { atMs = 0, alarms = [] } = link.receiverStatus() ?? {};
      return Date.now() - atMs < 2000 && alarms.some(({ code }) => code === 'E_DISK_FULL');
    });
    expect(transfer.releasedFiles()).toBe(3);
    expect(receiver.exit).toBeUndefined();

    disk.makeRoom();
    await transfer.untilAllReleased();
    expect(transfer.account()).toMatchObject({ absent: 0, twice: 0, wrong: 0 });
    expect(receiver.exit).toBeUndefined();
    // What came while the disk was full was taken from the socket and counted all the same.
    const { admitted = 0, ringDrops = 0 } = transfer.receiverStatus()?.link ?? {};
    expect(admitted + ringDrops - countedBefore).toBeGreaterThan(sentWhileFull * 0.95);
  });
});

it.skipIf(missing !== undefined)('a receiver that was off for all planned passes', async () => {
  transfer = new Transfer({ processes, seed: 33 });
  await transfer.prepare();
  const sender = await transfer.startSender();
  transfer.putStudy({ instances: 10, bytes: 50_000 });
  transfer.putStudy({ instances: 1, bytes: 2_000_000 });
  const low = transfer;
  await transfer.until('all is sent', () => {
    const { queue, highestStudyNumber } = low.senderStatus() ?? {};
    return queue?.objects === 0 && highestStudyNumber === 2;
  });
  await transfer.startReceiver();
  await transfer.untilAllReleased();
  expect(transfer.account()).toEqual({ instances: 11, released: 11, absent: 0, twice: 0, wrong: 0 });
  expect(sender.exit).toBeUndefined();
});

function smallDisk(): SmallDisk {
  const disk = new SmallDisk(join(processes.temporaryFolder(), 'disk'), 24);
  mounted.push(disk);
  return disk;
}

function whatIsMissing(): string | undefined {
  if (noSmallDisks !== undefined) return noSmallDisks;
  return existsSync(join(repositoryRoot(), 'dist/sender/main.js')) ? undefined : 'the programs are not built';
}
