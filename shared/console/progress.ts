/**
 * Progress of something that takes longer than a second: lines redrawn in place on a terminal, or a
 * plain line every few seconds where there is none (a log, a pipe).
 */
import type { WriteStream } from 'node:tty';
import { cutToWidth } from './text-width.ts';

export interface ProgressLines {
  /** What a terminal shows, in as many lines as needed. */
  readonly lines: readonly string[];
  /** The same on one line, for a log. */
  readonly summary: string;
}

const plainIntervalMs = 5000;

export class Progress {
  readonly #stream: WriteStream;
  readonly #nowMs: () => number;
  #drawn = 0;
  #plainAtMs = Number.NEGATIVE_INFINITY;

  constructor(stream: WriteStream, nowMs: () => number) {
    this.#stream = stream;
    this.#nowMs = nowMs;
  }

  show(progress: ProgressLines): void {
    if (!this.#stream.isTTY) {
      const now = this.#nowMs();
      if (now - this.#plainAtMs < plainIntervalMs) return;
      this.#plainAtMs = now;
      this.#stream.write(`${progress.summary}\n`);
      return;
    }
    const { columns, rows } = this.#stream;
    const room = Math.max(1, rows - 1);
    const more = progress.lines.length - room;
    const lines =
      more > 0 ? [...progress.lines.slice(0, room - 1), `… and ${more + 1} more`] : progress.lines;
    // A single write, so that nothing is seen between the old lines and the new ones.
    const drawn = lines.map((line) => `${cutToWidth(line, Math.max(1, columns - 1))}\n`).join('');
    this.#stream.write(this.#erasure() + drawn);
    this.#drawn = lines.length;
  }

  /** Removes the drawn lines, so that what is printed next takes their place. */
  clear(): void {
    if (this.#drawn > 0) this.#stream.write(this.#erasure());
    this.#drawn = 0;
  }

  /** Moves up to the first drawn line and erases everything below it. */
  #erasure(): string {
    return this.#drawn > 0 ? `\x1b[${this.#drawn}A\x1b[J` : '';
  }
}

/** A bar of fixed width: ███████░░░ */
export function bar(done: number, total: number, width = 20): string {
  const filled = total <= 0 ? 0 : Math.min(width, Math.round((done / total) * width));
  return '█'.repeat(filled) + '░'.repeat(width - filled);
}
