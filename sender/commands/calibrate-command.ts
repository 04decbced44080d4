/**
 * `diode-sender calibrate`: sends a ladder of rates to a receiver that runs `diode-receiver calibrate`. This side cannot
 * learn what arrived; the result is read there.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { linkParameters } from '../../shared/config/link-settings.ts';
import { configurationOf, type GlobalOptions, print } from '../../shared/console/command-line.ts';
import { numberOption } from '../../shared/console/number-option.ts';
import { bar, Progress } from '../../shared/console/progress.ts';
import { countText, rateText } from '../../shared/console/quantities.ts';
import { table } from '../../shared/console/table.ts';
import { readKeyFile } from '../../shared/crypto/key-file.ts';
import { deriveTagKey } from '../../shared/crypto/keys.ts';
import { DatagramTag } from '../../shared/crypto/siphash.ts';
import { DiodeError } from '../../shared/errors.ts';
import { hostFiles } from '../../shared/host-network.ts';
import { takeOwnership } from '../../shared/ledger-database.ts';
import { type CalibrationRunFields, keptShare } from '../../shared/wire/calibration.ts';
import { limits } from '../../shared/wire/limits.ts';
import { Ladder, ladderRates, stepDatagrams } from '../calibrate/ladder.ts';
import { type SenderConfiguration, senderSettings } from '../configuration.ts';
import { SenderLedger } from '../ledger/ledger.ts';
import { beginSession } from '../ledger/session.ts';
import { SenderLink } from '../link/link.ts';
import { linkInterface, SenderLinkWatch } from '../link/link-health.ts';
import { ledgerPath, spoolFolderOf } from '../places.ts';
import { CalibrationSending } from './calibration-sending.ts';

interface Options {
  readonly from: string;
  readonly to: string;
  readonly repeat: string;
  readonly seconds: string;
}

interface SentStep {
  readonly rateKilobitsPerSecond: number;
  readonly keptKilobitsPerSecond: number;
  readonly datagrams: number;
}

export function addCalibrateCommand(program: Command): void {
  program
    .command('calibrate')
    .description('send a test at rising rates; start diode-receiver calibrate first: it reports what arrives')
    .option('--from <megabits>', 'the lowest rate on the wire', '100')
    .option('--to <megabits>', 'the highest rate, if the sender can keep it up', '10000')
    .option('--repeat <times>', 'how many times all rates are sent', '3')
    .option('--seconds <seconds>', 'how long each step takes', '1')
    .action(async (options: Options, command: Command) => {
      const { values } = configurationOf(command, senderSettings);
      const { json } = command.optsWithGlobals<GlobalOptions>();
      const from = numberOption('--from', options.from, 0.1, 100_000);
      const to = numberOption('--to', options.to, from, 100_000);
      const repeat = numberOption('--repeat', options.repeat, 1, limits.calibrationStepsMax);
      const seconds = numberOption('--seconds', options.seconds, 0.05, 10);
      const rates = ladderRates(from * 1000, to * 1000);
      const most = Math.floor(limits.calibrationStepsMax / rates.length);
      if (Math.floor(repeat) > most)
        throw new DiodeError(
          'E_USAGE',
          `${rates.length} rates can be repeated at most ${countText(most, 'time')}`,
        );
      const steps = await calibrate(values, new Ladder(rates, Math.floor(repeat)), seconds);
      if (json) return print(JSON.stringify({ ok: true, steps }));
      const rows = steps.map((step) => [
        rateText(step.rateKilobitsPerSecond * 1000),
        rateText(step.keptKilobitsPerSecond * 1000),
        step.datagrams,
      ]);
      print(
        `${table(['rate', 'kept', 'datagrams'], rows)}\nsent; diode-receiver calibrate shows what arrived`,
      );
    });
}

async function calibrate(values: SenderConfiguration, ladder: Ladder, seconds: number): Promise<SentStep[]> {
  const [key] = readKeyFile(values.keyFile);
  mkdirSync(spoolFolderOf(values), { recursive: true, mode: 0o750 });
  const giveUp = own(spoolFolderOf(values));
  checkLink(values);
  const { datagramBytes, protection, sourceSymbols } = linkParameters(values);
  const session = identify(values);
  const run: CalibrationRunFields = {
    datagramBytes,
    keyId: key.id,
    protection,
    maximumSourceSymbols: sourceSymbols,
    senderId: session.senderId,
    sessionCounter: session.counter,
    sessionRandom: session.random,
  };
  const link = await SenderLink.open({
    address: values['link.address'],
    port: values['link.port'],
    sourceAddress: values['link.sourceAddress'],
    interface: linkInterface(hostFiles, {
      address: values['link.address'],
      interface: values['link.interface'],
    }),
    sendBufferBytes: values['link.sendBufferBytes'],
    datagramBytes,
  });
  const tag = new DatagramTag(deriveTagKey(key.secret));
  const sending = new CalibrationSending({ link, tag, run, burstDatagrams: values['link.burstDatagrams'] });
  const progress = new Progress(process.stderr, () => performance.now());
  const sent: SentStep[] = [];
  try {
    for (let at = ladder.current; at !== undefined; at = ladder.current) {
      const { step, rateKilobitsPerSecond } = at;
      const summary = `step ${step + 1} of ${ladder.steps}, ${rateText(rateKilobitsPerSecond * 1000)}`;
      progress.show({ lines: [`${bar(step, ladder.steps)} ${summary}`], summary });
      const datagrams = stepDatagrams(rateKilobitsPerSecond, seconds, datagramBytes);
      const fields = { step, steps: ladder.steps, rateKilobitsPerSecond, datagrams };
      const keptKilobitsPerSecond = await sending.step(fields);
      ladder.done(keptKilobitsPerSecond >= rateKilobitsPerSecond * keptShare);
      sent.push({ rateKilobitsPerSecond, keptKilobitsPerSecond, datagrams });
      const kept = sent.map((each) => each.keptKilobitsPerSecond);
      await sending.markers(fields, kept, ladder.current === undefined);
    }
    return sent;
  } finally {
    progress.clear();
    link.close();
    giveUp();
  }
}

function own(spoolFolder: string): () => void {
  try {
    return takeOwnership(join(spoolFolder, 'owner.lock'));
  } catch (cause) {
    if (!(cause instanceof DiodeError) || cause.code !== 'E_ALREADY_RUNNING') throw cause;
    const detail = 'the sender is running: stop it before you calibrate (systemctl stop diode-sender)';
    throw new DiodeError('E_ALREADY_RUNNING', detail, { cause });
  }
}

/** A calibration is a session of its sender. */
function identify(values: SenderConfiguration) {
  const ledger = new SenderLedger(ledgerPath(values));
  try {
    const session = beginSession(ledger, randomBytes);
    return { ...session, senderId: new Uint8Array(Buffer.from(session.senderId, 'hex')) };
  } finally {
    ledger.close();
  }
}

/** What can't cross is not worth sending: it would look like a link that loses everything. */
function checkLink(values: SenderConfiguration): void {
  const watch = new SenderLinkWatch(hostFiles, {
    address: values['link.address'],
    interface: values['link.interface'],
    datagramBytes: values['link.datagramBytes'],
  });
  const { stopped, problems } = watch.look();
  const [problem] = problems;
  if (stopped !== 'none' && problem !== undefined) throw new DiodeError(problem.code, problem.detail);
}
