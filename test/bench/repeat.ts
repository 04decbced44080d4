/**
 * What a repeat of finished objects costs the receiver against a first pass, and how much of the first pass is work
 * of the ledger: one process, without a socket, as fast as it goes.
 */

import { transmissionBytes } from '../../sender/encode/transmission.ts';
import { createErasureCode } from '../../shared/fec/engine.ts';
import { LedgerDatabase } from '../../shared/ledger-database.ts';
import type { BenchmarkOptions } from './options.ts';
import { makeReceiverInProcess } from './receiver-in-process.ts';
import { openBlocks, StudyPass, studyIdentity, studyObjects } from './recorded-pass.ts';
import { Scratch } from './scratch.ts';

const instances = 400;
const instanceBytes = 500_000;
const batchDatagrams = 512;

export async function run({ folder, scale }: BenchmarkOptions): Promise<object> {
  const count = Math.max(1, Math.round(instances * scale));
  const scratch = new Scratch(folder, 3 * count * instanceBytes + 2e8);
  try {
    const ledgerTime = timeLedgers();
    const { ledger, pipeline, parts, admission } = makeReceiverInProcess(scratch);
    const datagrams = onePass(count);
    const pass = async () => {
      const [cpu, ledgerMs] = [process.cpuUsage(), ledgerTime()];
      let done = 0;
      for (const datagram of datagrams) {
        if (admission.admit(datagram)) pipeline.receive(datagram, performance.now());
        done += 1;
        if (done % batchDatagrams !== 0) continue;
        while (pipeline.step());
        // Syncs go on beside the work.
        await new Promise((resolve) => setImmediate(resolve));
      }
      for (let quiet = 0; quiet < 50; quiet += 1) {
        while (pipeline.step());
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
      const { user, system } = process.cpuUsage(cpu);
      return { cpuMs: (user + system) / 1000, ledgerMs: ledgerTime() - ledgerMs };
    };
    const first = await pass();
    const stored = ledger.files.count();
    const repeat = await pass();
    void parts.stop();
    const result = {
      instances: stored,
      datagrams: datagrams.length,
      firstPassCpuMs: Math.round(first.cpuMs),
      repeatCpuMs: Math.round(repeat.cpuMs),
      repeatPercent: Math.round((100 * repeat.cpuMs) / first.cpuMs),
      ledgerPercentOfCpu: Math.round((1000 * first.ledgerMs) / first.cpuMs) / 10,
    };
    console.log(
      `${stored} instances in ${datagrams.length} datagrams: a repeat costs ${result.repeatPercent} % of a first pass; ` +
        `the ledger takes ${result.ledgerPercentOfCpu} % of the first pass's processor time`,
    );
    return result;
  } finally {
    scratch.remove();
  }
}

/** All datagrams of a pass, in memory. */
function onePass(count: number): Uint8Array[] {
  const { parameters } = studyIdentity;
  const code = createErasureCode('auto', transmissionBytes(parameters, openBlocks) + 2 ** 16);
  const pass = new StudyPass(studyObjects(count, instanceBytes, true), code);
  const datagrams: Uint8Array[] = [];
  const datagram = new Uint8Array(parameters.datagramBytes);
  while (pass.next(datagram)) datagrams.push(datagram.slice());
  return datagrams;
}

/** Counts the processor time of every ledger's operations from now on. @returns how much it is so far, in ms */
function timeLedgers(): () => number {
  let spentMs = 0;
  let depth = 0;
  const timed = <A extends unknown[], R>(act: (this: LedgerDatabase, ...all: A) => R) =>
    function (this: LedgerDatabase, ...all: A): R {
      const before = process.cpuUsage();
      depth += 1;
      try {
        return act.apply(this, all);
      } finally {
        depth -= 1;
        const { user, system } = process.cpuUsage(before);
        if (depth === 0) spentMs += (user + system) / 1000;
      }
    };
  const { run, get, all, transaction } = LedgerDatabase.prototype;
  Object.assign(LedgerDatabase.prototype, {
    run: timed(run),
    get: timed(get),
    all: timed(all),
    transaction: timed(transaction),
  });
  return () => spentMs;
}
