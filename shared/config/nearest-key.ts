/** Finds the key that was meant when one is mistyped. */

/** Levenshtein distance: insertions, deletions and replacements. Keys are short, so the square is small. */
function editDistance(from: string, to: string): number {
  let before = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= to.length; column += 1) {
      const replaced = (before[column - 1] ?? 0) + (from[row - 1] === to[column - 1] ? 0 : 1);
      current.push(Math.min(replaced, (before[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1));
    }
    before = current;
  }
  return before[to.length] ?? 0;
}

/** The known key nearest to an unknown one. There always is one, since a wrong hint is better than none. */
export function nearestKey(unknown: string, known: readonly string[]): string | undefined {
  const wanted = unknown.slice(0, 100).toLowerCase();
  let nearest: { key: string; distance: number } | undefined;
  for (const key of known) {
    const whole = editDistance(wanted, key.toLowerCase());
    // The right key in the wrong table is nearer than its full path suggests.
    const last = editDistance(wanted.split('.').at(-1) ?? '', key.toLowerCase().split('.').at(-1) ?? '');
    const distance = Math.min(whole, last + 1);
    if (nearest === undefined || distance < nearest.distance) nearest = { key, distance };
  }
  return nearest?.key;
}
