/**
 * Goal: a sender that begins objects and never completes them can take the vault's disk from itself only, also over a power
 * cut. Method: a hostile sender with a key of its own fills a small disk with all but the ends of large objects; an
 * honest one sends studies meanwhile.
 */
import { describe, expect, it } from 'vitest';
import { ctImage, encodePart10 } from '../harness/unchecked-writer.ts';
import { beginningOf, identity, secret } from '../unit/receiver/assemble/datagrams.ts';
import { HostileLink } from './hostile-link.ts';

const capacityBytes = 18_500_000;
const objectBytes = 6_400_000;
/** About what a block uses, of 20 symbols. */
const blockBytes = 20 * 8892;
const hostile = {
  ...identity,
  keyId: 2,
  secret: new Uint8Array(32).fill(9),
  senderId: new Uint8Array(8).fill(0xbb),
  parameters: { ...identity.parameters, datagramBytes: 8972, sourceSymbols: 20, repairSymbols: 2 },
};

/** All but the end of an object: 97 of 100 datagrams. */
function neverCompleted(number: number): Uint8Array[] {
  const datagrams = Math.ceil(objectBytes / blockBytes) * 22;
  return beginningOf(new Uint8Array(16).fill(number), objectBytes, hostile, Math.floor(datagrams * 0.97));
}

const study = (number: number) => ({
  files: [1, 2].map((instance) => {
    const sopInstanceUid = `2.25.${number}.${instance}`;
    const studyUid = `2.25.${number}`;
    return { sopInstanceUid, bytes: encodePart10({ dataSet: ctImage({ sopInstanceUid, studyUid }) }) };
  }),
  list: { studyUid: `2.25.${number}`, studyNumber: number },
});

describe('a sender that never completes what it begins', () => {
  it('takes the disk past no mark, and no study of another, also after a power cut', () => {
    const link = new HostileLink();
    const { high, time } = link;
    high.disk.capacityBytes = capacityBytes;
    high.useSecrets(
      new Map([
        [1, secret],
        [2, hostile.secret],
      ]),
    );
    let usedMost = 0;
    const attack = (first: number) => {
      for (let number = first; number < first + 5; number += 1) {
        for (const datagram of neverCompleted(number)) high.receive(datagram);
        high.step();
        time.advance(1000);
        high.step();
        const { free, total } = high.disk.freeBytes();
        usedMost = Math.max(usedMost, 1 - free / total);
      }
    };
    const released = () => [...link.inbox().keys()].filter((path) => path.endsWith('.dcm')).length;
    attack(1);
    for (const number of [1, 2]) {
      const { files, list } = study(number);
      link.sendStudy(files, list);
      expect(released()).toBe(2 * number);
      attack(10 * number);
    }
    expect(usedMost).toBeGreaterThan(0.5);
    expect(usedMost).toBeLessThanOrEqual(0.98 + blockBytes / capacityBytes);
    expect(link.standing()).toContain(`E_NO_ROOM ${'bb'.repeat(8)}`);

    high.restart('power cut');
    time.advance(1000);
    attack(50);
    const { files, list } = study(3);
    link.sendStudy(files, list);
    expect(released()).toBe(6);

    // What stands still is given up, and nothing of it stays on the disk.
    for (let hour = 0; hour < 25; hour += 1) {
      time.advance(3_600_000);
      high.step();
    }
    expect(high.pipeline.assembler.openObjects).toBe(0);
    expect([...high.disk.contents('/high/vault/incoming').keys()]).toEqual([]);
    expect(link.standing().filter((alarm) => alarm.startsWith('E_NO_ROOM'))).toEqual([]);
  });
});
