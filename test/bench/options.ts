/** What the command line of the benchmarks sets; each benchmark uses what concerns it. */

export interface BenchmarkOptions {
  /** Runs of which the median is taken. */
  readonly runs: number;
  /** Trials of each point of `loss`. */
  readonly trials: number;
  /** Of every study, object and backlog; 1 is what the results page states. */
  readonly scale: number;
  /** A folder on a real disk; what is made in it is removed at the end. */
  readonly folder: string;
  /** Where `loss` puts its table and its plot; nowhere when left out and the run is a reduced one. */
  readonly results: string | undefined;
  /** `link`: measure this pair alone at this rate on the wire, in Mb/s, instead of searching for the best one. */
  readonly rate: number | undefined;
  /** `link`: another checkout, built, whose programs take turns with these. */
  readonly against: string | undefined;
  /** Where processor profiles of sender and receiver go; profiling costs some speed. */
  readonly profile: string | undefined;
  readonly seed: number;
  /** `memory`: beside every attack of a sender with a key, as `hostile` does. */
  readonly hostile: boolean;
}
