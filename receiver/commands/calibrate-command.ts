/**
 * `diode-receiver calibrate`: counts what arrives of a test transmission, through the same socket, thread and ring as in
 * operation, and proposes a configuration. Assembling and writing are left out, so the proposal keeps a reserve for them.
 */
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { repairSymbolsBounds } from '../../shared/config/link-settings.ts';
import { configurationOf, type GlobalOptions, print } from '../../shared/console/command-line.ts';
import { numberOption } from '../../shared/console/number-option.ts';
import { bar, Progress } from '../../shared/console/progress.ts';
import { countText, rateText } from '../../shared/console/quantities.ts';
import { readKeyFile, secretsOf } from '../../shared/crypto/key-file.ts';
import { DiodeError } from '../../shared/errors.ts';
import { hostFiles } from '../../shared/host-network.ts';
import { createRing, RingReader } from '../../shared/ring.ts';
import { startThread, stopThread } from '../../shared/supervision.ts';
import { isCalibration } from '../../shared/wire/calibration.ts';
import { wireTimeMs } from '../../shared/wire/wire-time.ts';
import { CalibrationRun } from '../calibrate/calibration-run.ts';
import { analyse } from '../calibrate/proposal.ts';
import { analysisText, configurationLines, rungTable } from '../calibrate/report.ts';
import { type HostDrops, rungsOf } from '../calibrate/rungs.ts';
import { type ReceiverConfiguration, receiverSettings } from '../configuration.ts';
import { ReceiverLinkWatch } from '../link/link-health.ts';
import type { LinkThreadCounters, LinkThreadData, LinkThreadMessage } from '../link/link-thread.ts';

/** A run that has begun is over after this long without a datagram: a step takes 10 s at most, and is followed by markers. */
const silenceMs = 30_000;
const idleMs = 2;
const drainBatch = 512;

interface Calibrated {
  readonly run: CalibrationRun;
  readonly drops: ReadonlyMap<number, HostDrops>;
}

export function addCalibrateCommand(program: Command): void {
  program
    .command('calibrate')
    .description('count what arrives from diode-sender calibrate, and propose a rate, k, m and D')
    .option('--wait <seconds>', 'how long to wait for the first datagram', '120')
    .action(async (options: { wait: string }, command: Command) => {
      const { values } = configurationOf(command, receiverSettings);
      const { json } = command.optsWithGlobals<GlobalOptions>();
      const waitMs = numberOption('--wait', options.wait, 1, 86_400) * 1000;
      const { run, drops } = await calibrate(values, waitMs);
      const nothing: HostDrops = { nic: 0, socket: 0, ring: 0 };
      const rungs = rungsOf(run.results(), (step) => drops.get(step) ?? nothing);
      const datagramBytes = values['link.datagramBytes'];
      const analysis = analyse(rungs, {
        datagramBytes,
        receiveBufferBytes: values['link.receiveBufferBytes'],
        ringMegabytes: values['link.ringMegabytes'],
        memoryMegabytes: values['assemble.memoryMegabytes'],
        repairSymbols: repairSymbolsBounds.fallback,
      });
      const { proposal } = analysis;
      if (json) {
        const lines = proposal === undefined ? {} : configurationLines(proposal);
        print(JSON.stringify({ ok: proposal !== undefined, endSeen: run.isOver, rungs, ...analysis, lines }));
      } else {
        const datagramMs = (rate: number) => wireTimeMs(datagramBytes, rate / 1000);
        print(`${rungTable(rungs)}\n\n${analysisText(analysis, datagramMs)}`);
        if (!run.isOver)
          print('the end of the test never arrived: the sender stopped, or its last datagrams were lost');
      }
      if (proposal === undefined) process.exitCode = 1;
    });
}

async function calibrate(values: ReceiverConfiguration, waitMs: number): Promise<Calibrated> {
  const secrets = secretsOf(readKeyFile(values.keyFile));
  const datagramBytes = values['link.datagramBytes'];
  const ring = createRing(datagramBytes, Math.ceil((values['link.ringMegabytes'] * 1e6) / datagramBytes));
  let counters: LinkThreadCounters = { admitted: 0, refused: {}, ringDrops: 0, binding: 'gone' };
  let openPort: number | undefined;
  let failure: unknown;
  const link = {
    address: values['link.address'],
    port: values['link.port'],
    interface: values['link.interface'],
    receiveBufferBytes: values['link.receiveBufferBytes'],
  };
  const thread = startThread<LinkThreadMessage>({
    file: new URL('../link/link-thread.js', import.meta.url),
    workerData: { ring, secrets, link } satisfies LinkThreadData,
    onMessage: (message) => {
      if (message.kind === 'counters') counters = message.counters;
      else if (message.kind === 'open') openPort = message.port;
      else if (message.kind === 'failed') failure = new DiodeError(message.code, message.detail);
    },
    die: (error) => {
      failure = error;
    },
  });
  const reader = new RingReader(ring, () => {});
  const run = new CalibrationRun();
  const drops = new Map<number, HostDrops>();
  const hostDrops = dropsSinceLast(values, () => counters);
  const progress = new Progress(process.stderr, () => performance.now());
  const startMs = performance.now();
  let lastMs = startMs;
  try {
    while (!run.isOver) {
      if (failure !== undefined) throw explained(failure);
      const nowMs = performance.now();
      const count = Math.min(reader.available, drainBatch);
      if (count > 0)
        lastMs = take(reader, count, run, (step) => drops.set(step, hostDrops())) ? nowMs : lastMs;
      if (!run.hasBegun && nowMs - startMs >= waitMs) throw silent(run, counters, waitMs);
      if (run.hasBegun && nowMs - lastMs >= silenceMs) break;
      if (openPort !== undefined) progress.show(progressOf(run, openPort));
      if (count === 0) await sleep(idleMs);
      else await nextTurn();
    }
  } finally {
    progress.clear();
    await stopThread(thread);
  }
  return { run, drops };
}

/** @returns whether any of it belonged to a calibration */
function take(
  reader: RingReader,
  count: number,
  run: CalibrationRun,
  onEnd: (step: number) => void,
): boolean {
  let any = false;
  reader.take(count, (datagrams) => {
    for (let start = 0; start < datagrams.length; start += reader.datagramBytes) {
      if (!isCalibration(datagrams, start)) {
        run.others += 1;
        continue;
      }
      any = true;
      const ended = run.receive(datagrams, start);
      if (ended !== undefined) onEnd(ended);
    }
  });
  return any;
}

/** What this host lost since the previous call, by its own counters. */
function dropsSinceLast(values: ReceiverConfiguration, counters: () => LinkThreadCounters): () => HostDrops {
  const watch = new ReceiverLinkWatch(hostFiles, {
    address: values['link.address'],
    port: values['link.port'],
    interface: values['link.interface'],
    datagramBytes: values['link.datagramBytes'],
  });
  // The steps tell what the link lost: here everything that the interface dropped counts.
  const look = () => {
    const { admitted, ringDrops } = counters();
    const lost = Number.MAX_SAFE_INTEGER;
    return watch.look({ atMs: performance.now(), admitted, lost, ringDrops, diskMs: 0 }).losses;
  };
  let before = look();
  return () => {
    const now = look();
    // An interface that was set down or replaced meanwhile starts counting afresh.
    const since = {
      nic: Math.max(0, now.nic - before.nic),
      socket: Math.max(0, now.socket - before.socket),
      ring: Math.max(0, now.ring - before.ring),
    };
    before = now;
    return since;
  };
}

function progressOf(run: CalibrationRun, port: number) {
  const at = run.progress;
  if (at === undefined) {
    const text = run.hasBegun
      ? 'between two steps'
      : `listening on port ${port}: now run diode-sender calibrate on the low side`;
    return { lines: [text], summary: text };
  }
  const rate = rateText(at.rateKilobitsPerSecond * 1000);
  const summary = `step ${at.step + 1} of ${at.steps}, ${rate}: ${countText(at.received, 'datagram')} received`;
  return { lines: [`${bar(at.step, at.steps)} ${summary}`], summary };
}

function explained(failure: unknown): unknown {
  if (!(failure instanceof DiodeError) || failure.code !== 'E_LINK_PORT_BUSY') return failure;
  const detail =
    'the port of the link is in use: stop the receiver before you calibrate (systemctl stop diode-receiver)';
  return new DiodeError('E_LINK_PORT_BUSY', detail, { cause: failure });
}

/** No calibration arrived: what arrived instead says most about why. */
function silent(run: CalibrationRun, { refused }: LinkThreadCounters, waitMs: number): DiodeError {
  const refusals = Object.entries(refused).filter(([, count]) => count > 0);
  const instead = [
    ...(run.others > 0
      ? [`${countText(run.others, 'datagram')} of a running sender: stop it, then run diode-sender calibrate`]
      : []),
    ...(run.refused > 0
      ? [`${countText(run.refused, 'datagram')} of a calibration that this version does not know`]
      : []),
    ...refusals.map(([code, count]) => `${countText(count, 'datagram')} refused with ${code}`),
  ];
  const came = instead.length === 0 ? 'nor did anything else' : `but this did: ${instead.join('; ')}`;
  return new DiodeError('E_CALIBRATION_SILENT', `no test arrived within ${waitMs / 1000} s, ${came}`);
}
