/**
 * The command line of the relay: flags to the options of a {@link Channel}.
 */
import { Command, InvalidArgumentError } from 'commander';
import {
  burstLoss,
  type ChannelOptions,
  type ChannelPreset,
  channelPresets,
  type Interval,
  isChannelPreset,
} from './channel.ts';

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

export interface RelayOptions {
  readonly listen: Endpoint;
  readonly target: Endpoint;
  readonly seed: number;
  readonly channel: ChannelOptions;
}

interface Flags {
  listen: Endpoint;
  target: Endpoint;
  seed: number;
  preset?: ChannelPreset;
  loss?: number;
  burst?: number;
  reorder?: number;
  reorderWindow: number;
  duplicate?: number;
  duplicateWindow: number;
  replay?: number;
  replayHistory: number;
  flip?: number;
  truncate?: number;
  extend?: number;
  latency?: number;
  blackout?: Interval[];
  randomBlackouts?: { meanGapMs: number; lengthMs: number };
}

/** Reads the flags (without node and script); a wrong one prints usage and throws a CommanderError. */
export function parseRelayOptions(flags: readonly string[]): RelayOptions {
  const command = new Command('relay')
    .description('Forwards UDP datagrams one way and harms them on the way, from a seed.')
    .requiredOption('--listen <address:port>', 'where datagrams come in; port 0 chooses one', endpoint)
    .requiredOption('--target <address:port>', 'where they go', endpoint)
    .option('--seed <n>', 'seed of all randomness', count, 1)
    .option('--preset <name>', `one of ${Object.keys(channelPresets).join(', ')}`, preset)
    .option('--loss <p>', 'share of datagrams lost', probability)
    .option('--burst <n>', 'mean length of a loss in datagrams: --loss comes in bursts', amount)
    .option('--reorder <p>', 'share delayed', probability)
    .option('--reorder-window <ms>', 'for how long at most', amount, 10)
    .option('--duplicate <p>', 'share that comes twice', probability)
    .option('--duplicate-window <ms>', 'how much later at most', amount, 0)
    .option('--replay <p>', 'share followed by an older datagram', probability)
    .option('--replay-history <n>', 'from how many', count, 1024)
    .option('--flip <p>', 'share with 1 to 8 bits turned over', probability)
    .option('--truncate <p>', 'share cut short', probability)
    .option('--extend <p>', 'share made longer', probability)
    .option('--latency <ms>', 'delay of every datagram', amount)
    .option('--blackout <from-to>', 'nothing passes, in ms from the first datagram; may repeat', blackout)
    .option('--random-blackouts <gap:length>', 'mean gap and length in ms', randomBlackouts)
    .exitOverride()
    .parse(flags, { from: 'user' });
  const values = command.opts<Flags>();
  return { listen: values.listen, target: values.target, seed: values.seed, channel: channelOf(values) };
}

function channelOf(flags: Flags): ChannelOptions {
  const { loss, burst, reorder, duplicate, replay, flip, truncate, extend, latency } = flags;
  const inBursts = burst !== undefined;
  return {
    ...(flags.preset === undefined ? {} : channelPresets[flags.preset]),
    ...(inBursts ? burstLoss(burst, loss) : {}),
    ...(loss === undefined || inBursts ? {} : { lossProbability: loss }),
    ...(reorder === undefined ? {} : { reordering: { probability: reorder, windowMs: flags.reorderWindow } }),
    ...(duplicate === undefined
      ? {}
      : { duplication: { probability: duplicate, windowMs: flags.duplicateWindow } }),
    ...(replay === undefined
      ? {}
      : { replay: { probability: replay, historyDatagrams: flags.replayHistory } }),
    ...(flip === undefined ? {} : { bitFlips: { probability: flip, bitsMax: 8 } }),
    ...(truncate === undefined ? {} : { truncation: { probability: truncate } }),
    ...(extend === undefined ? {} : { extension: { probability: extend, bytesMax: 64 } }),
    ...(latency === undefined ? {} : { latencyMs: latency }),
    ...(flags.blackout === undefined ? {} : { blackouts: flags.blackout }),
    ...(flags.randomBlackouts === undefined ? {} : { randomBlackouts: flags.randomBlackouts }),
  };
}

function endpoint(text: string): Endpoint {
  const match = /^(\d+\.\d+\.\d+\.\d+):(\d+)$/.exec(text);
  const port = Number(match?.[2]);
  if (match?.[1] === undefined || port > 65_535)
    throw new InvalidArgumentError('An IPv4 address and a port.');
  return { host: match[1], port };
}

function amount(text: string): number {
  const value = Number(text);
  if (text === '' || !Number.isFinite(value) || value < 0) throw new InvalidArgumentError('0 or more.');
  return value;
}

function probability(text: string): number {
  const value = amount(text);
  if (value > 1) throw new InvalidArgumentError('From 0 to 1.');
  return value;
}

function count(text: string): number {
  const value = amount(text);
  if (!Number.isSafeInteger(value)) throw new InvalidArgumentError('A whole number.');
  return value;
}

function preset(text: string): ChannelPreset {
  if (!isChannelPreset(text)) throw new InvalidArgumentError(Object.keys(channelPresets).join(', '));
  return text;
}

function pair(text: string, separator: string): [number, number] {
  const [first = '', second = '', ...more] = text.split(separator);
  if (more.length > 0) throw new InvalidArgumentError(`Two numbers with ${separator} between.`);
  return [amount(first), amount(second)];
}

function blackout(text: string, earlier: Interval[] = []): Interval[] {
  const [fromMs, toMs] = pair(text, '-');
  return [...earlier, { fromMs, toMs }].sort((a, b) => a.fromMs - b.fromMs);
}

function randomBlackouts(text: string): { meanGapMs: number; lengthMs: number } {
  const [meanGapMs, lengthMs] = pair(text, ':');
  return { meanGapMs, lengthMs };
}
