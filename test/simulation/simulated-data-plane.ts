/** The sender's data plane in a simulation: its real encoder, from which datagrams are taken by calls. */
import { Transmission } from '../../sender/encode/transmission.ts';
import { type TransmitEnd, type TransmitOrder, Transmitter } from '../../sender/encode/transmitter.ts';
import { type SenderIdentity, type Session, secretsOf } from '../../sender/identity.ts';
import type { LinkThreadOrder } from '../../sender/link/link-thread.ts';
import type { DataPlane } from '../../sender/program/host.ts';
import { HeaderTags } from '../../shared/crypto/header-tags.ts';
import type { Disk } from '../../shared/disk.ts';
import { createErasureCode } from '../../shared/fec/engine.ts';

/** One shared engine: it keeps no state between two calls, and making one takes longer than a short scenario. */
const code = createErasureCode();

export class SimulatedDataPlane implements DataPlane {
  readonly engine = code.name;
  readonly #transmitter: Transmitter;
  #datagrams = 0;
  #onEnded: (ends: readonly TransmitEnd[]) => void = () => {};

  constructor(identity: SenderIdentity, session: Session, openBlocks: number, disk: Disk) {
    const transmission = new Transmission({
      identity,
      session,
      code,
      tag: new HeaderTags(secretsOf(identity)),
      openBlocks,
      allocate: (byteLength) => new Uint8Array(byteLength),
    });
    this.#transmitter = new Transmitter(transmission, disk);
  }

  /** Writes the next datagram. @returns false when there is none */
  next(target: Uint8Array): boolean {
    const produced = this.#transmitter.next(target);
    if (produced) this.#datagrams += 1;
    const ended = this.#transmitter.takeEnded();
    if (ended.length > 0) this.#onEnded(ended);
    return produced;
  }

  datagrams(): number {
    return this.#datagrams;
  }

  binding(): { to: string } {
    return { to: 'lo' };
  }

  send(orders: readonly TransmitOrder[]): void {
    for (const order of orders) this.#transmitter.add(order);
  }

  order(_order: LinkThreadOrder): void {}

  onRefused(): void {}

  onEnded(listener: (ends: readonly TransmitEnd[]) => void): void {
    this.#onEnded = listener;
  }

  stop(): void {}
}
