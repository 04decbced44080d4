/** What a fuzzed part is: where its inputs come from, and what has to be true for each of them. */
import type { Random } from '../harness/random.ts';

export interface FuzzTarget {
  readonly name: string;
  /**
   * An input, made from the stream alone, so that its number replays it. What it is worth depends on how far it gets:
   * start from sound ones, change the structure or the bytes.
   */
  readonly input: (random: Random) => Uint8Array;
  /**
   * Gives the input to the part. A DiodeError is an answer; anything else that is thrown is a find, as is an
   * invariant that does not hold.
   * @returns a word for the tally: the code, or what was accepted
   */
  readonly run: (input: Uint8Array, random: Random) => string | Promise<string>;
  /** What is timed, where `run` does more than the part. */
  readonly timed?: (input: Uint8Array) => unknown;
  /** Sound inputs, about this many bytes of the kind that costs the most time: to see that time is linear. */
  readonly sized?: (bytes: number) => Uint8Array;
}
