/** Plain tables for a terminal: columns aligned, numbers to the right, nothing else. */
import { plainText, textWidth } from './text-width.ts';

export type Cell = string | number | undefined;

/** Rows under headings. An empty table is its headings. */
export function table(headings: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const texts = rows.map((row) => row.map(cellText));
  const widths = headings.map((heading, column) =>
    texts.reduce((widest, row) => Math.max(widest, textWidth(row[column] ?? '')), textWidth(heading)),
  );
  const right = headings.map((_, column) => rows.length > 0 && rows.every((row) => isNumeric(row[column])));
  const line = (cells: readonly string[]) =>
    cells
      .map((text, column) => {
        const padding = ' '.repeat(Math.max(0, (widths[column] ?? 0) - textWidth(text)));
        return right[column] === true ? padding + text : text + padding;
      })
      .join('  ')
      .trimEnd();
  return [line(headings), ...texts.map(line)].join('\n');
}

function cellText(cell: Cell): string {
  return cell === undefined ? '-' : plainText(String(cell));
}

/** At most one point: a UID is not a number. */
function isNumeric(cell: Cell): boolean {
  return (
    cell === undefined || typeof cell === 'number' || /^[0-9][0-9,]*(\.[0-9]+)?( ?[a-zA-Z%/]+)?$/.test(cell)
  );
}
