/** The plot of the loss benchmark as SVG: how often one pass is enough, over random loss and over one burst. */
import type { LossPoint } from './loss.ts';

const [width, height] = [860, 340];
const plot = { top: 40, bottom: 280, width: 330 } as const;
const colours = ['#1f5fa8', '#c2571a', '#3c7d3c'];
/** 20 ms at 1 Gb/s in datagrams of 1472 bytes. */
const blackoutDatagrams = 1626;

interface Panel {
  readonly left: number;
  readonly title: string;
  readonly axis: string;
  readonly model: LossPoint['model'];
  readonly max: number;
  readonly ticks: readonly number[];
  readonly mark?: { readonly at: number; readonly label: string };
}

const panels: readonly Panel[] = [
  {
    left: 60,
    title: 'Random loss',
    axis: 'datagrams lost, %',
    model: 'random-loss',
    max: 5,
    ticks: [0, 1, 2, 3, 4, 5],
    mark: { at: 3, label: 'design loss' },
  },
  {
    left: 490,
    title: 'One burst, pipeline full',
    axis: 'datagrams lost in a row',
    model: 'one-burst',
    max: 3000,
    ticks: [0, 1000, 2000, 3000],
    mark: { at: blackoutDatagrams, label: '20 ms at 1 Gb/s' },
  },
];

export function lossPlot(points: readonly LossPoint[]): string {
  const counted = points.filter(({ realBytes }) => !realBytes);
  const sizes = [...new Set(counted.map(({ instanceKB }) => instanceKB))];
  const legend = sizes.map((size, index) => {
    const x = 60 + index * 170;
    return (
      `<line x1="${x}" y1="325" x2="${x + 24}" y2="325" stroke="${colours[index]}" stroke-width="2"/>` +
      text(x + 30, 329, `instances of ${size} kB`)
    );
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">`,
    '<title>Share of 1 GB studies that are complete after one pass</title>',
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    ...panels.flatMap((panel) => panelLines(panel, counted, sizes)),
    ...legend,
    '</svg>',
    '',
  ].join('\n');
}

function panelLines(panel: Panel, points: readonly LossPoint[], sizes: readonly number[]): string[] {
  const { left, title, axis, model, max, ticks, mark } = panel;
  const x = (value: number): number => Math.round(left + (value / max) * plot.width);
  const y = (value: number): number => Math.round(plot.bottom - value * (plot.bottom - plot.top));
  const lines = [text(left, 22, `${title}: complete after one pass, % of 1 GB studies`)];
  for (const value of [0, 0.25, 0.5, 0.75, 1]) {
    lines.push(
      `<line x1="${left}" y1="${y(value)}" x2="${left + plot.width}" y2="${y(value)}" stroke="#dddddd"/>`,
      text(left - 8, y(value) + 4, String(value * 100), 'end'),
    );
  }
  for (const tick of ticks) lines.push(text(x(tick), plot.bottom + 16, String(tick), 'middle'));
  lines.push(text(left + plot.width / 2, plot.bottom + 32, axis, 'middle'));
  if (mark !== undefined) {
    const dashed = `stroke="#888888" stroke-dasharray="4 4"`;
    lines.push(
      `<line x1="${x(mark.at)}" y1="${plot.top}" x2="${x(mark.at)}" y2="${plot.bottom}" ${dashed}/>`,
      text(x(mark.at) + 4, plot.top + 130, mark.label),
    );
  }
  for (const [index, size] of sizes.entries()) {
    const series = points
      .filter((point) => point.model === model && point.instanceKB === size)
      .toSorted((a, b) => a.parameter - b.parameter);
    const path = series.map((point) => `${x(point.parameter)},${y(point.firstPassSuccess)}`).join(' ');
    const colour = colours[index % colours.length];
    lines.push(`<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2"/>`);
    for (const point of series) {
      lines.push(
        `<circle cx="${x(point.parameter)}" cy="${y(point.firstPassSuccess)}" r="3" fill="${colour}"/>`,
      );
    }
  }
  return lines;
}

function text(x: number, y: number, content: string, anchor = 'start'): string {
  return `<text x="${x}" y="${y}" fill="#222222" text-anchor="${anchor}">${content}</text>`;
}
