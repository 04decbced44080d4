/**
 * Goal: whatever arrives at the port of a running receiver, it is counted under its code and costs nothing else: the
 * study that crosses meanwhile is released. Method: real programs, and a socket beside the sender that sends all of it.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import type { ReceiverStatus } from '../../receiver/status.ts';
import { readKeyFile } from '../../shared/crypto/key-file.ts';
import { encodeBeacon } from '../../shared/wire/beacon.ts';
import { at, objectType, protection } from '../../shared/wire/datagram.ts';
import { fingerprintOf, type LinkParameters } from '../../shared/wire/link-parameters.ts';
import { HostileSender } from '../harness/hostile-sender.ts';
import { Processes } from '../harness/processes.ts';
import { repositoryRoot } from '../harness/repository-root.ts';
import { Transfer } from '../harness/transfer.ts';
import { sentDatagrams } from '../vectors/cases/sent-datagrams.ts';

const built = existsSync(join(repositoryRoot(), 'dist/receiver/main.js'));
if (!built && process.env['CI'] !== undefined) throw new Error('the programs are not built');

const processes = new Processes();
afterEach(() => processes.cleanUp());

/** Datagrams of each kind. */
const each = 3;

it.skipIf(!built)(
  'datagrams that are not right are counted under their code, and a study arrives',
  async () => {
    const transfer = new Transfer({ processes, seed: 21 });
    await transfer.prepare();
    await transfer.startReceiver();
    const hostile = new HostileSender(Number(transfer.receiverSettings['link.port']), transfer.high('key'));
    const otherKeyFile = transfer.low('other-key');
    await transfer.command('sender', ['keygen', otherKeyFile]);
    const otherKey = new HostileSender(Number(transfer.receiverSettings['link.port']), otherKeyFile);
    const stranger = otherKey.good;
    // Under the id of the receiver's key, so that its tag is computed.
    stranger.set(hostile.good.subarray(at.keyId, at.keyId + 2), at.keyId);
    const kinds: Record<string, readonly Uint8Array[]> = {
      E_DATAGRAM_LENGTH: [
        hostile.good.slice(0, 100),
        new Uint8Array([...hostile.good, 0]),
        hostile.tagged(at.datagramBytes, 2, 0),
        new Uint8Array(0),
      ],
      E_DATAGRAM_MAGIC: [hostile.tagged(at.magic, 0), new Uint8Array(1472)],
      E_DATAGRAM_VERSION: [hostile.tagged(at.version, 2)],
      E_DATAGRAM_KEY: [hostile.tagged(at.keyId, 0, 0)],
      E_DATAGRAM_TAG: [hostile.forged(at.symbol, 1, 2, 3), hostile.forged(1470, 0, 0), stranger].filter(
        (datagram) => Buffer.compare(datagram, hostile.good) !== 0,
      ),
      E_DATAGRAM_MODE: [hostile.tagged(at.protection, protection.authenticated)],
      E_DATAGRAM_FIELD: [
        hostile.tagged(at.type, 9),
        hostile.tagged(at.protection, 0),
        hostile.tagged(at.maximumSourceSymbols, 0),
        hostile.tagged(at.reserved, 1),
        hostile.tagged(at.objectBytes, 255),
        hostile.tagged(at.blockNumber, 255),
        hostile.tagged(at.encodingSymbolId, 255),
      ],
    };
    await transfer.startSender();
    transfer.putStudy({ instances: 12, bytes: 40_000 });
    for (let round = 0; round < each; round += 1) await hostile.send(Object.values(kinds).flat());
    await transfer.untilAllReleased();
    const expected = Object.fromEntries(
      Object.entries(kinds).map(([code, sent]) => [code, each * sent.length]),
    );
    const refused = () => {
      const status = transfer.receiverStatus();
      return { ...status?.link.refused, ...status?.assemble.refused };
    };
    await transfer.until('all is counted', () => sum(refused()) >= sum(expected));
    const shown: ReceiverStatus = JSON.parse(
      (await transfer.configured('receiver', 'status', '--json')).output,
    );
    expect({ ...shown.link.refused, ...shown.assemble.refused }).toEqual(expected);
    expect(transfer.account()).toEqual({ instances: 12, released: 12, absent: 0, twice: 0, wrong: 0 });
    expect([transfer.receiver?.exit, transfer.sender?.exit]).toEqual([undefined, undefined]);
    hostile.close();
    otherKey.close();
  },
);

it.skipIf(!built)('a replayed beacon has no effect, a document that is none is named', async () => {
  const transfer = new Transfer({ processes, seed: 22 });
  await transfer.prepare();
  await transfer.startReceiver();
  const port = Number(transfer.receiverSettings['link.port']);
  const hostile = new HostileSender(port, transfer.high('key'));
  const [key] = readKeyFile(transfer.high('key'));
  const parameters = {
    datagramBytes: 1472,
    sourceSymbols: 200,
    repairSymbols: 24,
    protection: protection.sealed,
  };
  const from = { senderId: new Uint8Array(8).fill(9), keyId: key.id, secret: key.secret, parameters };
  const beacon = (sessionCounter: number, highestStudyNumber: number) =>
    sentDatagrams(beaconOf(parameters, sessionCounter, highestStudyNumber), {
      type: objectType.beacon,
      from,
      session: { counter: sessionCounter, random: 1 },
    });
  const sender = () => transfer.receiverStatus()?.senders.find(({ senderId }) => senderId === '09'.repeat(8));
  await hostile.send(beacon(5, 2));
  await transfer.until('the beacon is known', () => sender()?.beacon.highestStudyNumber === 2);
  // It claims forty studies, and is of an older session.
  await hostile.send(beacon(4, 40));
  await transfer.until(
    'the replay is counted',
    () => transfer.receiverStatus()?.assemble.refused['E_DATAGRAM_REPLAY'] === 1,
  );
  expect(sender()?.beacon.highestStudyNumber).toBe(2);

  await hostile.send(sentDatagrams(new Uint8Array(300).fill(7), { type: objectType.manifest, from }));
  await transfer.until(
    'the document is counted',
    () => transfer.receiverStatus()?.assemble.refused['E_DOCUMENT'] === 1,
  );
  expect(transfer.receiverStatus()?.alarms.map(({ code }) => code)).toContain('E_DOCUMENT');
  expect(transfer.receiver?.exit).toBeUndefined();
  hostile.close();
});

function beaconOf(
  parameters: LinkParameters,
  sessionCounter: number,
  highestStudyNumber: number,
): Uint8Array {
  const nothing = { queuedObjects: 0, queuedBytes: 0, oldestQueuedMs: 0, spoolBytes: 0, spoolFreeBytes: 0 };
  return encodeBeacon({
    senderId: '09'.repeat(8),
    sessionCounter,
    sessionRandom: 1,
    beaconNumber: 1,
    fingerprint: fingerprintOf(parameters),
    parameters,
    clockMs: 0,
    upMs: 0,
    highestStudyNumber,
    lowestRetainedStudyNumber: 1,
    ...nothing,
    rejected: [],
    alarms: [],
  });
}

function sum(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((total, count) => total + count, 0);
}
