/**
 * What a change costs: two builds send the same study over the same link in turn, one transfer each, so that a machine
 * that is slower for a minute is so for both. Each pair of transfers gives a ratio; told are their median and spread.
 */
import { join, resolve } from 'node:path';
import { rateText } from '../../shared/console/quantities.ts';
import { table } from '../../shared/console/table.ts';
import { writeInstances } from './instances.ts';
import { requireTools } from './machine.ts';
import { highAddress, NamespacePair, namespaceTools } from './namespaces.ts';
import type { BenchmarkOptions } from './options.ts';
import { Pair } from './pair.ts';
import { Scratch } from './scratch.ts';
import { median } from './statistics.ts';
import { instanceBytes, port, studyBytes, type Transfer, Transfers } from './transfer.ts';

export interface LinksCompared {
  /** Of each pair of transfers: goodput of this build through that of the other. */
  readonly ratios: readonly number[];
  readonly medianRatio: number;
  readonly theseBitsPerSecond: readonly number[];
  readonly othersBitsPerSecond: readonly number[];
  /** Pairs in which one lost something count for nothing. */
  readonly pairsWithLoss: number;
}

interface Build {
  readonly name: string;
  readonly pair: Pair;
  readonly transfers: Transfers;
}

/** @param against folder of the other build */
export async function compareLinks(options: BenchmarkOptions, against: string): Promise<LinksCompared> {
  requireTools(namespaceTools);
  const { rate } = options;
  if (rate === undefined) throw new Error('--against needs --rate: both builds are told the same');
  const scratch = new Scratch(options.folder, 6 * studyBytes * options.scale + 1e9);
  const builds: Build[] = [];
  let namespaces: NamespacePair | undefined;
  try {
    namespaces = new NamespacePair();
    const link = { notSent: 0 };
    for (const name of ['these', 'others'])
      builds.push(await spooled(name, { options, scratch, namespaces, link, against }));
    return await takeTurns(builds, rate, options.runs);
  } finally {
    for (const { pair } of builds) await pair.processes.cleanUp();
    namespaces?.remove();
    scratch.remove();
  }
}

async function spooled(
  name: string,
  {
    options,
    scratch,
    namespaces,
    link,
    against,
  }: {
    options: BenchmarkOptions;
    scratch: Scratch;
    namespaces: NamespacePair;
    link: { notSent: number };
    against: string;
  },
): Promise<Build> {
  const count = Math.max(1, Math.round((studyBytes * options.scale) / instanceBytes));
  const prepared = scratch.path(`prepared-${name}`);
  const files = { count, approximateBytes: instanceBytes, studyNumber: 1, seed: options.seed };
  const { bytes } = writeInstances({ ...files, folder: prepared, pixels: 'random' });
  const pair = new Pair({
    folder: scratch.path(name),
    low: namespaces.low,
    high: namespaces.high,
    address: highAddress,
    port,
    ...(name === 'others' && { programs: resolve(against) }),
    profile: options.profile === undefined ? undefined : join(options.profile, name),
  });
  await pair.prepare();
  await pair.spool(prepared, count);
  return { name, pair, transfers: new Transfers({ pair, bytes, count }, link) };
}

async function takeTurns(builds: readonly Build[], rate: number, runs: number): Promise<LinksCompared> {
  const pairs: (readonly [Transfer, Transfer])[] = [];
  let pairsWithLoss = 0;
  for (let turn = 0; pairs.length < runs && turn < 2 * runs; turn += 1) {
    const sent = new Map<string, Transfer>();
    // Each is the first in every other turn.
    for (const { name, transfers } of turn % 2 === 0 ? builds : builds.toReversed())
      sent.set(name, await transfers.send(rate, name));
    const these = sent.get('these');
    const others = sent.get('others');
    if (these === undefined || others === undefined) throw new Error('both builds have sent');
    if (these.lost + others.lost === 0) pairs.push([these, others]);
    else pairsWithLoss += 1;
  }
  if (pairs.length === 0) throw new Error('something was lost in each pair: try a lower --rate');
  return told(pairs, pairsWithLoss);
}

function told(pairs: readonly (readonly [Transfer, Transfer])[], pairsWithLoss: number): LinksCompared {
  const ratios = pairs.map(([these, others]) => these.goodputBitsPerSecond / others.goodputBitsPerSecond);
  const result: LinksCompared = {
    ratios,
    medianRatio: median(ratios),
    theseBitsPerSecond: pairs.map(([{ goodputBitsPerSecond }]) => goodputBitsPerSecond),
    othersBitsPerSecond: pairs.map(([, { goodputBitsPerSecond }]) => goodputBitsPerSecond),
    pairsWithLoss,
  };
  const processor = (side: 'sender' | 'receiver') =>
    median(pairs.map(([these, others]) => these[side].seconds / others[side].seconds));
  console.log(
    table(
      [`${pairs.length} pairs`, 'median', 'from', 'to'],
      [
        row('these', result.theseBitsPerSecond, rateText),
        row('others', result.othersBitsPerSecond, rateText),
        row('these through others', ratios, (value) => value.toFixed(3)),
      ],
    ),
  );
  console.log(
    `processor time, these through others: sender ${processor('sender').toFixed(3)}, ` +
      `receiver ${processor('receiver').toFixed(3)}; ${pairsWithLoss} pairs with losses are not counted`,
  );
  return result;
}

function row(name: string, values: readonly number[], text: (value: number) => string): string[] {
  return [name, text(median(values)), text(Math.min(...values)), text(Math.max(...values))];
}
