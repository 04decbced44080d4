/** The receiving end of a simulated link: the real admission, and what it admitted waits in a queue. */
import { Admission } from '../../receiver/link/admission.ts';
import type { LinkThreadCounters } from '../../receiver/link/link-thread.ts';
import type { OpenedLink, ReceivingEnd } from '../../receiver/link/receiving-end.ts';

export class SimulatedReceivingEnd implements ReceivingEnd {
  readonly datagramBytes: number;
  readonly slots: number;
  readonly admission: Admission;
  readonly #opened: OpenedLink;
  readonly #waiting: Uint8Array[] = [];
  #ringDrops = 0;
  #wake = () => {};

  constructor(options: {
    readonly datagramBytes: number;
    readonly slots: number;
    readonly secrets: ReadonlyMap<number, Uint8Array>;
    readonly opened: OpenedLink;
  }) {
    this.datagramBytes = options.datagramBytes;
    this.slots = options.slots;
    this.admission = new Admission(options.datagramBytes, options.secrets);
    this.#opened = options.opened;
  }

  /** A datagram comes out of the fibre. */
  offer(datagram: Uint8Array): void {
    if (!this.admission.admit(datagram)) return;
    if (this.#waiting.length >= this.slots) this.#ringDrops += 1;
    else this.#waiting.push(datagram);
    this.#wake();
  }

  get available(): number {
    return this.#waiting.length;
  }

  get counters(): LinkThreadCounters {
    const { admitted, refused } = this.admission;
    return { admitted, refused: { ...refused }, ringDrops: this.#ringDrops, binding: { to: 'fibre0' } };
  }

  opened(): OpenedLink {
    return this.#opened;
  }

  take(count: number, visit: (datagrams: Uint8Array) => void): void {
    for (const datagram of this.#waiting.splice(0, count)) visit(datagram);
  }

  sleep(): boolean {
    return this.#waiting.length === 0;
  }

  onWake(wake: () => void): void {
    this.#wake = wake;
  }

  useSecrets(secrets: ReadonlyMap<number, Uint8Array>): void {
    this.admission.useSecrets(secrets);
  }

  stop(): void {}
}
