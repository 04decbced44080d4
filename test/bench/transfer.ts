/**
 * One transmission of a whole spool to a receiver that begins with nothing: from the first datagram to the last instance
 * verified and durable in the vault.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { rateText } from '../../shared/console/quantities.ts';
import type { RunningProgram } from '../harness/processes.ts';
import { highInterface, lowInterface } from './namespaces.ts';
import type { Pair, Settings } from './pair.ts';
import { interfacePackets, type ProcessUsage, processUsage, socketDrops } from './process-usage.ts';

/** A CT slice. */
export const instanceBytes = 512 * 1024;
export const studyBytes = 1e9;
export const port = 4747;
/** Without a new instance for so long the pass is over: what is not there is lost. */
const stillMs = 3000;
export const onePass: Settings = { 'passes.count': 1, 'passes.carouselPercent': 0 };

/** One transmission of the whole spool. */
export interface Transfer {
  readonly goodputBitsPerSecond: number;
  readonly lost: number;
  readonly datagramsLost: number;
  /** Of these: where the far interface's queue, the socket or the receiver's ring was full. */
  readonly interfaceDrops: number;
  readonly socketDrops: number;
  readonly ringDrops: number;
  readonly sender: ProcessUsage;
  readonly receiver: ProcessUsage;
}

export interface TransfersOptions {
  readonly pair: Pair;
  /** Of the instances in its spool. */
  readonly bytes: number;
  readonly count: number;
}

/** What the sending interface did not send so far, of all transfers over it. */
export interface SharedLink {
  notSent: number;
}

export class Transfers {
  readonly #options: TransfersOptions;
  readonly #link: SharedLink;

  constructor(options: TransfersOptions, link: SharedLink) {
    this.#options = options;
    this.#link = link;
  }

  /** Sends the whole spool once. */
  async send(rateMegabits: number, why: string): Promise<Transfer> {
    const { pair } = this.#options;
    pair.restoreSpool();
    pair.renewHigh();
    const receiver = await pair.startReceiver();
    const receiverPid = pidOf(receiver);
    const ledger = pair.receiverLedger();
    const usage = processUsage(receiverPid).seconds;
    let sender: RunningProgram | undefined;
    try {
      const first = firstPacketAt(receiverPid);
      sender = await pair.startSender({ 'link.rateMegabitsPerSecond': rateMegabits, ...onePass });
      const firstAtMs = await first;
      const { instances, newestAtMs } = await this.#untilStill(() => ledger.vaultCount(), [sender, receiver]);
      const drops = {
        interfaceDrops: interfacePackets(pidOf(sender), lowInterface).notSent - this.#link.notSent,
        socketDrops: socketDrops(receiverPid),
      };
      const used = { sender: processUsage(pidOf(sender)), receiver: processUsage(receiverPid) };
      await sender.stop();
      await receiver.stop();
      const snapshot = pair.receiverSnapshot();
      const bytes = (this.#options.bytes * instances) / this.#options.count;
      this.#link.notSent += drops.interfaceDrops;
      const transfer: Transfer = {
        goodputBitsPerSecond: (bytes * 8000) / Math.max(1, newestAtMs - firstAtMs),
        lost: this.#options.count - instances,
        datagramsLost: snapshot?.link.lost ?? Number.NaN,
        ...drops,
        ringDrops: snapshot?.link.ringDrops ?? Number.NaN,
        sender: used.sender,
        receiver: { ...used.receiver, seconds: used.receiver.seconds - usage },
      };
      this.#print(why, rateMegabits, transfer);
      return transfer;
    } finally {
      ledger.close();
      await sender?.stop();
      await receiver.stop();
    }
  }

  async #untilStill(
    count: () => { instances: number; newestAtMs: number },
    programs: readonly RunningProgram[],
  ): Promise<{ instances: number; newestAtMs: number }> {
    let last = count();
    let changedMs = performance.now();
    // Bounded: either it moves on toward the count, or it stands still for a while.
    while (
      last.instances < this.#options.count &&
      performance.now() - changedMs < this.#patienceMs(last.instances)
    ) {
      const ended = programs.find((program) => program.exit !== undefined);
      if (ended !== undefined) throw new Error(`${ended.name} ended: ${ended.text('stderr')}`);
      await sleep(200);
      const now = count();
      if (now.instances !== last.instances) changedMs = performance.now();
      last = now;
    }
    return last;
  }

  /** The first instance takes until all open blocks were sent, at a low rate much longer than the next ones. */
  #patienceMs(instances: number): number {
    return instances === 0 ? 10 * stillMs : stillMs;
  }

  #print(why: string, rateMegabits: number, transfer: Transfer): void {
    const perGB = (usage: ProcessUsage): string => {
      const seconds = (value: number) => `${((value * 1e9) / this.#options.bytes).toFixed(2)} s/GB`;
      const threads = usage.threads
        .map((thread) => `${thread.name} ${thread.seconds.toFixed(2)} s`)
        .join(', ');
      return `${seconds(usage.seconds)} (${threads})`;
    };
    const {
      goodputBitsPerSecond,
      lost,
      datagramsLost,
      interfaceDrops,
      socketDrops: full,
      ringDrops,
    } = transfer;
    console.log(
      `${why} at ${Math.round(rateMegabits)} Mb/s: ${rateText(goodputBitsPerSecond)}, ${lost} instances lost, ` +
        `${datagramsLost} datagrams lost (full: interface ${interfaceDrops}, socket ${full}, ring ${ringDrops})`,
    );
    console.log(`  processor time: sender ${perGB(transfer.sender)}; receiver ${perGB(transfer.receiver)}`);
  }
}

/** Wall clock of the first datagram at the receiver's interface, to a few ms. */
async function firstPacketAt(receiverPid: number): Promise<number> {
  const before = interfacePackets(receiverPid, highInterface).received;
  for (let look = 0; look < 20_000; look++) {
    if (interfacePackets(receiverPid, highInterface).received > before) return Date.now();
    await sleep(3);
  }
  throw new Error('no datagram in a minute');
}

function pidOf(program: RunningProgram): number {
  if (program.pid === undefined) throw new Error(`${program.name} did not start`);
  return program.pid;
}
