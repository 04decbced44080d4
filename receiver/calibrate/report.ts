/** What `diode-receiver calibrate` prints: rates and losses, a plot of them, what they mean, and lines for both configurations. */
import { durationText, rateText } from '../../shared/console/quantities.ts';
import { table } from '../../shared/console/table.ts';
import type { Analysis, Proposal } from './proposal.ts';
import { dropsIn, isClean, lossOf, type Rung } from './rungs.ts';

const plotWidth = 30;
/** The plot's decades of loss: from one in a million to everything. */
const plotDecades = 6;

export function rungTable(rungs: readonly Rung[]): string {
  const rows = rungs.map((rung) => [
    rateText(rung.rateKilobitsPerSecond * 1000),
    rung.sent,
    rung.lost,
    lossText(rung),
    rung.longestBurst,
    dropsIn(rung),
    plot(rung),
  ]);
  return table(['rate', 'sent', 'lost', 'loss', 'longest burst', 'in this host', 'loss, 1e-6 … 1'], rows);
}

export function analysisText(
  analysis: Analysis,
  datagramMs: (rateKilobitsPerSecond: number) => number,
): string {
  const { highestCleanKilobitsPerSecond: clean, proposal } = analysis;
  const lines = [
    clean === undefined
      ? 'no rate was clean'
      : `highest clean rate: ${rateText(clean * 1000)} (no datagram lost in any round)`,
    ...analysis.findings,
  ];
  if (proposal === undefined) return lines.join('\n');
  const { openBlocks, repairSymbols, rateMegabitsPerSecond } = proposal;
  const outlasts = openBlocks * repairSymbols;
  lines.push(
    `the proposal can repair a burst of ${outlasts} lost datagrams (${durationText(outlasts * datagramMs(rateMegabitsPerSecond * 1000))}); at this rate the longest one seen would be ${analysis.longestBurst}`,
  );
  const { sender, receiver } = configurationLines(proposal);
  return [
    ...lines,
    '',
    '# for the sender: put these into the existing tables of its configuration',
    ...sender,
    '',
    '# for the receiver: put these into the existing tables of its configuration',
    ...receiver,
  ].join('\n');
}

/** TOML, table by table. */
export function configurationLines(proposal: Proposal): {
  readonly sender: readonly string[];
  readonly receiver: readonly string[];
} {
  const code = [
    '[code]',
    `sourceSymbols = ${proposal.sourceSymbols}`,
    `repairSymbols = ${proposal.repairSymbols}`,
  ];
  return {
    sender: [
      '[link]',
      `rateMegabitsPerSecond = ${proposal.rateMegabitsPerSecond}`,
      ...code,
      `openBlocks = ${proposal.openBlocks}`,
    ],
    receiver: [
      '[link]',
      `receiveBufferBytes = ${proposal.receiveBufferBytes}`,
      `ringMegabytes = ${proposal.ringMegabytes}`,
      ...code,
      '[assemble]',
      `memoryMegabytes = ${proposal.memoryMegabytes}`,
    ],
  };
}

function lossText(rung: Rung): string {
  if (rung.absentRounds > 0) return `${rung.absentRounds} of ${rung.rounds} steps never arrived`;
  return isClean(rung) ? 'clean' : `${(lossOf(rung) * 100).toPrecision(2)} %`;
}

function plot(rung: Rung): string {
  const loss = lossOf(rung);
  if (loss === 0) return '';
  const decades = Math.max(0, plotDecades + Math.log10(loss));
  return '█'.repeat(Math.max(1, Math.round((decades / plotDecades) * plotWidth)));
}
