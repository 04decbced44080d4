/**
 * When a run of deliveries gives up: on one sender's files after some losses of its own, and on all files when nobody's get
 * an answer any more. After some time each sender that had no turn gets at most one more file, so that what came in the
 * meantime need not wait. So what one sender's files do to a destination costs the others a few timeouts, and no turn.
 */
import { type Clock, systemClock } from '../../shared/clock.ts';
import { DiodeError } from '../../shared/errors.ts';
import type { DeliveryResult } from './delivery-result.ts';
import type { InstanceFile } from './instance-file.ts';

/** Whose a file is, for counting losses: one sender for all if left out. */
export type SenderOf = (file: InstanceFile) => string;

/** Why a file is not tried; empty if its turn comes again. */
export type Why = Pick<DeliveryResult, 'code' | 'comment'>;

export interface RunOptions {
  readonly clock?: Clock;
  /** Stops after the current instance. */
  readonly signal?: AbortSignal;
  readonly senderOf?: SenderOf;
  /** How long a run goes on, except for one file of each sender. */
  readonly runMs?: number;
}

const runMsDefault = 120_000;

/** Losses of one sender per run, if there are others: more than the instances tried so far in a round. */
const ofSenderMax = 3;

export class Losses {
  readonly #options: RunOptions;
  readonly #clock: Clock;
  readonly #beganMs: number;
  readonly #senderOf: SenderOf;
  readonly #most: number;
  /** Losses of each sender in the run. */
  readonly #ofSenders: Map<string, number>;
  /** Senders that had a turn. */
  readonly #served = new Set<string>();
  readonly #aside = new Map<string, DiodeError>();
  #inARow = 0;
  readonly #sendersInARow = new Set<string>();
  #givenUp: DiodeError | undefined;

  /** @param most losses in a row, without any answer, before the whole run is given up */
  constructor(files: readonly InstanceFile[], most: number, options: RunOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#beganMs = this.#clock.monotonicMs();
    this.#senderOf = options.senderOf ?? (() => '');
    this.#most = most;
    this.#ofSenders = new Map(files.map((file) => [this.#senderOf(file), 0]));
  }

  get isOfOneSender(): boolean {
    return this.#ofSenders.size <= 1;
  }

  /** Why a file is no longer tried in this run. */
  why(file: InstanceFile): Why | undefined {
    const { signal, runMs = runMsDefault } = this.#options;
    if (signal?.aborted === true)
      this.giveUp(new DiodeError('E_ASSOCIATION_ABORTED', 'delivery was stopped'));
    const sender = this.#senderOf(file);
    const error = this.#givenUp ?? this.#aside.get(sender);
    if (error !== undefined) return reasonOf(error);
    const isOver = this.#served.has(sender) && this.#clock.monotonicMs() - this.#beganMs >= runMs;
    return isOver ? {} : undefined;
  }

  answered(files: readonly InstanceFile[]): void {
    for (const file of files) this.#served.add(this.#senderOf(file));
    this.#inARow = 0;
    this.#sendersInARow.clear();
  }

  /** What was sent together was lost; the files of several senders cannot be told apart. */
  lost(files: readonly InstanceFile[], error: DiodeError): void {
    const senders = new Set(files.map(this.#senderOf));
    this.#inARow += 1;
    for (const sender of senders) {
      this.#served.add(sender);
      this.#sendersInARow.add(sender);
    }
    const isOfMore = this.#sendersInARow.size > 1;
    if (this.#inARow >= this.#most && isOfMore) this.giveUp(error);
    const [sender] = senders;
    if (sender === undefined || senders.size > 1) return;
    const losses = (this.#ofSenders.get(sender) ?? 0) + 1;
    this.#ofSenders.set(sender, losses);
    if (losses >= (this.isOfOneSender ? this.#most : ofSenderMax)) this.#aside.set(sender, error);
  }

  /** Nothing of the sender of a file can be sent now. */
  putAside(file: InstanceFile, error: DiodeError): void {
    this.lost([file], error);
    this.#aside.set(this.#senderOf(file), error);
  }

  /** The destination does not work, whoever's files it gets. */
  giveUp(error: DiodeError): void {
    this.#givenUp ??= error;
  }

  /** Files by sender, each list in its order. */
  bySender(files: readonly InstanceFile[]): InstanceFile[][] {
    const lists = new Map<string, InstanceFile[]>();
    for (const file of files) {
      const sender = this.#senderOf(file);
      lists.set(sender, [...(lists.get(sender) ?? []), file]);
    }
    return [...lists.values()];
  }
}

export function reasonOf(error: DiodeError | undefined): Why {
  return error === undefined ? {} : { code: error.code, comment: error.message };
}
