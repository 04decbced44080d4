/** Plain tables for a terminal: columns aligned, numbers to the right, nothing else. */

export type Cell = string | number | undefined;

/** Rows under headings. An empty table is its headings. */
export function table(headings: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const texts = rows.map((row) => row.map(cellText));
  const widths = headings.map((heading, column) =>
    Math.max(heading.length, ...texts.map((row) => row[column]?.length ?? 0)),
  );
  const right = headings.map((_, column) => rows.length > 0 && rows.every((row) => isNumeric(row[column])));
  const line = (cells: readonly string[]) =>
    cells
      .map((text, column) =>
        right[column] === true ? text.padStart(widths[column] ?? 0) : text.padEnd(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd();
  return [line(headings), ...texts.map(line)].join('\n');
}

function cellText(cell: Cell): string {
  return cell === undefined ? '-' : String(cell);
}

function isNumeric(cell: Cell): boolean {
  return cell === undefined || typeof cell === 'number' || /^[0-9.,]+ ?[a-zA-Z%/]*$/.test(cell);
}
