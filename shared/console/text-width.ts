/** How much room a text takes on a terminal, accurate enough for tables and progress lines. */

/** East Asian wide and full-width characters and emoji take two columns (Unicode Annex 11). */
const wide =
  /[\u1100-\u115f\u2e80-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;
/** Combining marks and emoji joiners take no column of their own. */
const without = /[\p{Mark}\u200b-\u200d]/u;
/** Control characters and changes of direction, which a terminal would obey. */
const controls = /[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu;

function columnsOf(character: string): number {
  if (without.test(character)) return 0;
  return wide.test(character) ? 2 : 1;
}

/** Columns of a text without control characters. */
export function textWidth(text: string): number {
  let columns = 0;
  for (const character of text) columns += columnsOf(character);
  return columns;
}

/** As much of the beginning of a text as fits. */
export function cutToWidth(text: string, width: number): string {
  let columns = 0;
  let cut = '';
  for (const character of text) {
    columns += columnsOf(character);
    if (columns > width) break;
    cut += character;
  }
  return cut;
}

/** The text without anything that a terminal would obey: what comes over the link may contain anything. */
export function plainText(text: string): string {
  return text.replaceAll(controls, '\ufffd');
}
