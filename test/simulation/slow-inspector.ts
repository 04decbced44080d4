/** The gate as a thread beside the receiver, in steps of the receiver: what it looks at takes as many as a test says. */
import type {
  InProcessInspector,
  InspectionAnswer,
  InspectionRequest,
  Inspector,
} from '../../receiver/pipeline/inspector.ts';

/** As of the thread: after so many steps it answers what it has, so that another sender has its turn. */
const orderSteps = 5;

export class SlowInspector implements Inspector {
  readonly #inner: InProcessInspector;
  readonly #stepsFor: (request: InspectionRequest) => number;
  #stepsLeft = 0;
  #answer: (() => void) | undefined;

  /** @param stepsFor how many steps an instance takes; Infinity if the gate never gets through with it */
  constructor(inner: InProcessInspector, stepsFor: (request: InspectionRequest) => number) {
    this.#inner = inner;
    this.#stepsFor = stepsFor;
  }

  get isBusy(): boolean {
    return this.#answer !== undefined;
  }

  inspect(
    requests: readonly InspectionRequest[],
    onAnswers: (answers: readonly InspectionAnswer[]) => void,
  ): void {
    const answers: InspectionAnswer[] = [];
    this.#stepsLeft = 0;
    for (const request of requests) {
      if (this.#stepsLeft > orderSteps) break;
      const cost = this.#stepsFor(request);
      this.#stepsLeft += cost;
      answers.push({ found: this.#inner.lookAt(request), cost });
    }
    this.#answer = () => onAnswers(answers);
  }

  step(): void {
    this.#stepsLeft -= 1;
    if (this.#stepsLeft > 0) return;
    const answer = this.#answer;
    this.#answer = undefined;
    answer?.();
  }
}
