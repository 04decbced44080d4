/**
 * Turns what a calibration saw into a configuration. Where every number comes from:
 *
 * - **rate**: 0.8 of the highest rate that lost nothing. A test counts datagrams; in operation the same processors also decode,
 *   decrypt, hash and write, and a test of a second does not see the stall that comes once an hour.
 * - **k, m**: k = 200, and the smallest m with which a block fails at most once in 10^7 at the loss seen, but not below the
 *   default: a minute shows an ordinary minute. If both don't fit into 255 symbols, k gives way.
 * - **D**: D x m is at least 1.5 times the longest burst, scaled to the proposed rate: a pause of the receiving
 *   host lasts as long at any rate. Where D reaches its bound, m grows.
 * - **buffers** of the receiver: by time at that rate, never below what is configured.
 */

import { openBlocksBounds } from '../../shared/config/link-settings.ts';
import { countText } from '../../shared/console/quantities.ts';
import { neededRepairSymbols } from '../../shared/fec/repair-count.ts';
import { limits } from '../../shared/wire/limits.ts';
import { dropsIn, isClean, lossOf, type Rung } from './rungs.ts';

export interface Proposal {
  readonly rateMegabitsPerSecond: number;
  /** k */
  readonly sourceSymbols: number;
  /** m */
  readonly repairSymbols: number;
  /** D */
  readonly openBlocks: number;
  readonly receiveBufferBytes: number;
  readonly ringMegabytes: number;
  readonly memoryMegabytes: number;
}

export interface Analysis {
  /** Undefined if every rate lost something. */
  readonly highestCleanKilobitsPerSecond: number | undefined;
  /** The share lost at the lowest rates before this host: what the link loses at any rate. */
  readonly linkLoss: number;
  /** The loss that m is made for. */
  readonly designLoss: number;
  /** Datagrams, at the proposed rate. */
  readonly longestBurst: number;
  /** Undefined if no rate can be used: then the findings say why. */
  readonly proposal: Proposal | undefined;
  readonly findings: readonly string[];
}

/** The minimum for the proposal: buffers as configured, and the default m. */
export interface ProposalFloor {
  readonly datagramBytes: number;
  readonly receiveBufferBytes: number;
  readonly ringMegabytes: number;
  readonly memoryMegabytes: number;
  readonly repairSymbols: number;
}

const rateShare = 0.8;
const burstReserve = 1.5;
const sourceSymbolsWanted = 200;
const blockFailure = 1e-7;
/** A link that loses more must be repaired, not tuned. */
const lossMax = 0.3;
/** How long a pause of this program the socket buffer bridges, and one of the disk the ring: as the defaults do at 1 Gb/s. */
const bufferSeconds = 0.25;
const ringSeconds = 0.4;
const mebibyte = 2 ** 20;

/** @param rungs one for each rate, the lowest first */
export function analyse(rungs: readonly Rung[], floor: ProposalFloor): Analysis {
  const lowest = rungs.slice(0, Math.max(1, Math.floor(rungs.length / 3)));
  const linkLoss = linkLossOf(lowest);
  const usable = usableRungs(rungs, linkLoss);
  const highest = fastest(usable);
  const clean = fastest(usable.filter(isClean));
  const findings = findingsOf(rungs, usable, linkLoss);
  const base = { highestCleanKilobitsPerSecond: clean?.rateKilobitsPerSecond, linkLoss };
  if (highest === undefined || linkLoss > lossMax)
    return { ...base, designLoss: linkLoss, longestBurst: 0, proposal: undefined, findings };
  const rate = rateShare * highest.rateKilobitsPerSecond;
  const sent = usable.reduce((sum, rung) => sum + rung.sent, 0);
  const lost = usable.reduce((sum, rung) => sum + rung.lost, 0);
  // What was never seen in n trials may still have probability 3/n: the rule of three.
  const designLoss = Math.min(lossMax, (lost + 3) / sent);
  const [sourceSymbols, forLoss] = code(designLoss, floor.repairSymbols);
  const longestBurst = Math.max(0, ...usable.map((rung) => atRate(rung, rate)));
  // What even the most open blocks don't spread thinly enough takes more repair symbols, as far as there are any.
  const repairSymbols = Math.min(
    limits.encodingSymbolsMax - sourceSymbols,
    Math.max(forLoss, Math.ceil((burstReserve * longestBurst) / openBlocksBounds.max)),
  );
  const wanted = Math.ceil((burstReserve * longestBurst) / repairSymbols);
  const openBlocks = Math.min(openBlocksBounds.max, Math.max(openBlocksBounds.fallback, wanted));
  if (wanted > openBlocks)
    findings.push(
      `a burst of ${longestBurst} datagrams is more than ${openBlocks} open blocks can repair: the second pass and the carousel bring the rest`,
    );
  const bytesPerSecond = rate * 125;
  const blockBytes = (sourceSymbols + repairSymbols) * floor.datagramBytes;
  const proposal = {
    rateMegabitsPerSecond: rounded(rate / 1000),
    sourceSymbols,
    repairSymbols,
    openBlocks,
    receiveBufferBytes: Math.min(
      2 ** 30,
      Math.max(floor.receiveBufferBytes, Math.ceil((bytesPerSecond * bufferSeconds) / mebibyte) * mebibyte),
    ),
    ringMegabytes: Math.min(
      1024,
      Math.max(floor.ringMegabytes, Math.ceil((bytesPerSecond * ringSeconds) / 1e6)),
    ),
    memoryMegabytes: Math.max(floor.memoryMegabytes, Math.ceil((4 * openBlocks * blockBytes) / 1e6)),
  };
  return { ...base, designLoss, longestBurst, proposal, findings };
}

/** The lowest rates that are all in order, up to the first that is not. */
function usableRungs(rungs: readonly Rung[], linkLoss: number): Rung[] {
  const end = rungs.findIndex((rung) => !isUsable(rung, linkLoss));
  return rungs.slice(0, end < 0 ? rungs.length : end);
}

/** Nothing was lost; or, on a link that loses at any rate, hardly more than that, and nothing in this host. */
function isUsable(rung: Rung, linkLoss: number): boolean {
  if (isClean(rung)) return true;
  if (linkLoss === 0 || rung.absentRounds > 0 || dropsIn(rung) > 0) return false;
  return rung.lost <= 2 * linkLoss * rung.sent + burstReserve * rung.longestBurst;
}

/** Where the sender is at its limit, the requested rate says little. */
function fastest(rungs: readonly Rung[]): Rung | undefined {
  return rungs.toSorted((a, b) => a.rateKilobitsPerSecond - b.rateKilobitsPerSecond).at(-1);
}

function linkLossOf(rungs: readonly Rung[]): number {
  const sent = rungs.reduce((sum, rung) => sum + rung.sent, 0);
  const lost = rungs.reduce((sum, rung) => sum + Math.max(0, rung.lost - dropsIn(rung)), 0);
  return sent === 0 ? 1 : lost / sent;
}

/** A burst of the same duration; one lost datagram is one at any rate. */
function atRate({ longestBurst, rateKilobitsPerSecond }: Rung, rate: number): number {
  if (longestBurst <= 1) return longestBurst;
  return Math.ceil(longestBurst * Math.max(1, rate / rateKilobitsPerSecond));
}

/** k and m: as few repair symbols as the loss needs, not below the default, and a smaller k where they don't fit. */
function code(loss: number, fewest: number): [number, number] {
  for (let k = sourceSymbolsWanted; k > 1; k -= 10) {
    const m = Math.max(neededRepairSymbols(k, loss, blockFailure), fewest);
    if (k + m <= limits.encodingSymbolsMax) return [k, m];
  }
  return [1, 200];
}

/** Rounds down to about two and a half digits: nobody needs 637.2145. */
function rounded(megabitsPerSecond: number): number {
  const step = 10 ** Math.floor(Math.log10(megabitsPerSecond)) / 20;
  const steps = Math.floor(megabitsPerSecond / step + 1e-9);
  return Number(Math.max(0.1, steps * step).toPrecision(4));
}

function findingsOf(rungs: readonly Rung[], usable: readonly Rung[], linkLoss: number): string[] {
  const findings: string[] = [];
  const rate = ({ rateKilobitsPerSecond }: Rung) => `${Math.round(rateKilobitsPerSecond / 1000)} Mb/s`;
  const percent = (share: number) => `${(share * 100).toPrecision(2)} %`;
  if (linkLoss > 0)
    findings.push(
      `the link loses ${percent(linkLoss)} even at the lowest rates: check the fiber, connectors and converters`,
    );
  if (linkLoss > lossMax) findings.push('that is too much for any transmission: no rate is proposed');
  const first = rungs[usable.length];
  if (first !== undefined && linkLoss <= lossMax) {
    const { nic, socket, ring } = first.hostDrops;
    const places = [
      [socket, 'in the socket buffer: raise net.core.rmem_max and link.receiveBufferBytes'],
      [
        nic,
        'in the network interface or before the socket: enlarge its receive ring (ethtool -G) and net.core.netdev_max_backlog',
      ],
      [
        ring,
        'in the ring because the processor was busy: give this host more processor time, or use a lower rate',
      ],
    ] as const;
    for (const [drops, where] of places)
      if (drops > 0)
        findings.push(`at ${rate(first)} this host lost ${countText(drops, 'datagram')} ${where}`);
    const before = first.lost - dropsIn(first);
    if (first.absentRounds > 0)
      findings.push(`at ${rate(first)} ${first.absentRounds} of ${first.rounds} steps never arrived`);
    else if (before > 0 && lossOf(first) > 2 * linkLoss)
      findings.push(
        `at ${rate(first)} ${countText(before, 'datagram')} went missing before this host: the sender's interface, a converter or the link is at its limit`,
      );
  }
  const notKept = rungs.at(-1);
  if (notKept?.kept === false)
    findings.push(
      `asked for ${Math.round(notKept.askedKilobitsPerSecond / 1000)} Mb/s, the sender reached ${rate(notKept)}: that is its limit, or its interface's`,
    );
  return findings;
}
