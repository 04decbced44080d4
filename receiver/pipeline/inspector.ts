/**
 * Who looks at instances for the gate: a thread of its own in the program (see thread-inspector.ts), this one in
 * simulations and tests, and for the last ones before a stop.
 */
import type { DiodeError } from '../../shared/errors.ts';
import type { ObjectClaim } from '../assemble/kept-state.ts';
import { type Findings, findingsOf } from '../gate/findings.ts';
import type { GatePolicy } from '../gate/inspect.ts';
import type { Vault } from '../vault/vault.ts';

/** An instance that lies whole in incoming/. */
export interface InspectionRequest extends ObjectClaim {
  readonly bytes: number;
}

export interface InspectionAnswer {
  /** The DiodeError where the file can't be read, which says nothing of the instance. */
  readonly found: Findings | DiodeError;
  /** What it took, in a measure of the inspector's own: who takes much waits longer for the next turn. */
  readonly cost: number;
}

export interface Inspector {
  /** Whether it has not answered yet. It is asked again only then. */
  readonly isBusy: boolean;
  /**
   * Looks at instances of one sender.
   * @param onAnswers called once, at once or later. The answers are in the order of the requests; what has none (or an
   *   undefined one) was not looked at, and is asked for again
   */
  inspect(
    requests: readonly InspectionRequest[],
    onAnswers: (answers: readonly (InspectionAnswer | undefined)[]) => void,
  ): void;
  /** Gives up on an instance that takes too long. Call it often. */
  step(): void;
  /** Ends it, after waiting so long at most for what it has in hand. */
  close?(waitMs: number): Promise<void>;
}

export interface GateOptions {
  readonly vault: Vault;
  readonly gate: GatePolicy;
  /** 32 bytes: of patients only hashes under this key leave the files. */
  readonly patientKey: Uint8Array;
}

/** Answers at once, in the thread that asks. */
export class InProcessInspector implements Inspector {
  readonly isBusy = false;
  readonly #options: GateOptions;

  constructor(options: GateOptions) {
    this.#options = options;
  }

  inspect(
    requests: readonly InspectionRequest[],
    onAnswers: (answers: readonly InspectionAnswer[]) => void,
  ): void {
    onAnswers(requests.map((request) => ({ found: this.lookAt(request), cost: 1 })));
  }

  step(): void {}

  lookAt(request: InspectionRequest): Findings | DiodeError {
    const { vault, gate, patientKey } = this.#options;
    const readAt = (offset: number, length: number) => vault.incoming.read(request, offset, length);
    return findingsOf(readAt, request.bytes, gate, patientKey);
  }
}
