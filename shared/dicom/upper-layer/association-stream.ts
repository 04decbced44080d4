/**
 * Runs an {@link UpperLayer} over a connection: reads with real back-pressure (while an event is being handled, nothing is
 * read, and the kernel's window closes), writes, keeps the timers, and closes properly.
 */
import type { Duplex } from 'node:stream';
import type { Clock } from '../../clock.ts';
import type { DiodeError } from '../../errors.ts';
import type { UpperLayerEvent } from './association-state.ts';
import { associationLimits } from './limits.ts';
import type { UpperLayer } from './upper-layer.ts';

export interface AssociationListener {
  /** Events one at a time: as long as the promise is pending, the peer has to wait. Must not reject. */
  event(event: UpperLayerEvent): Promise<void> | undefined;
  /** Called once, after the last event; the connection is gone. */
  closed(): void;
}

const timerMsMax = 2 ** 31 - 1;

export class AssociationStream {
  readonly #stream: Duplex;
  readonly #layer: UpperLayer;
  readonly #listener: AssociationListener;
  readonly #clock: Clock;
  #timer: NodeJS.Timeout | undefined;
  #timerAtMs = Infinity;
  #handling = false;
  #peerEnded = false;
  #gone = false;
  #toldClosed = false;
  #discardedBytes = 0;

  /**
   * @param stream connected or connecting; nobody else reads or writes it. Unless it is TLS, it should allow half-open
   *   connections: the peer may end its half while its last request is being answered.
   */
  constructor(stream: Duplex, layer: UpperLayer, listener: AssociationListener, clock: Clock) {
    this.#stream = stream;
    this.#layer = layer;
    this.#listener = listener;
    this.#clock = clock;
    stream.on('data', (bytes: Uint8Array) => this.#read(bytes));
    stream.on('end', () => {
      this.#peerEnded = true;
      if (!this.#handling) this.#endHalf();
    });
    // An error is always followed by `close`, where everything is handled.
    stream.on('error', () => {});
    stream.on('close', () => {
      this.#gone = true;
      if (!this.#handling) this.#tellClosed();
    });
    this.#settle();
  }

  /** Writes whole P-DATA-TF PDUs; resolves when they are handed over, or the association is over. */
  send(pdus: Uint8Array): Promise<void> | undefined {
    if (!this.#layer.send(pdus)) return undefined;
    return this.#write();
  }

  close(): void {
    this.#layer.requestRelease(this.#clock.monotonicMs());
    this.#settle();
  }

  abort(): void {
    this.#layer.abort(this.#clock.monotonicMs());
    this.#settle();
  }

  /** Aborts because of what the peer did; the listener gets the `failed` event. */
  fail(error: DiodeError): void {
    if (this.#layer.transport !== 'keep') return;
    const event = this.#layer.fail(error, this.#clock.monotonicMs());
    this.#settle();
    void this.#listener.event(event);
  }

  #read(bytes: Uint8Array): void {
    if (this.#layer.transport !== 'keep') {
      // Closing with unread bytes resets the connection, and the peer may never see our last PDU.
      this.#discardedBytes += bytes.length;
      if (this.#discardedBytes > associationLimits.discardedBytesMax) this.#stream.destroy();
      return;
    }
    this.#layer.receive(bytes, this.#clock.monotonicMs());
    this.#continue();
  }

  /** Handles events until one takes longer or there is none left. */
  #continue(): void {
    for (let event = this.#layer.next(); event !== undefined; event = this.#layer.next()) {
      const handled = this.#listener.event(event);
      this.#settle();
      if (handled === undefined) continue;
      this.#handling = true;
      this.#stream.pause();
      // A listener that rejects is a programmer error: it surfaces as an unhandled rejection.
      void handled.then(() => this.#resume());
      return;
    }
    this.#settle();
    this.#endHalf();
    this.#tellClosed();
  }

  #resume(): void {
    this.#handling = false;
    this.#layer.active(this.#clock.monotonicMs());
    this.#continue();
    if (!this.#handling) this.#stream.resume();
  }

  /** The peer has ended its half, and everything it sent before is handled. Without A-RELEASE that is an abort. */
  #endHalf(): void {
    // Our own last PDU may still be on its way: then the connection closes by itself after it.
    if (!this.#peerEnded || this.#layer.transport !== 'keep' || this.#stream.destroyed) return;
    const event = this.#layer.transportClosed();
    if (event !== undefined) void this.#listener.event(event);
    this.#stream.destroy();
  }

  #tellClosed(): void {
    if (!this.#gone || this.#toldClosed) return;
    this.#toldClosed = true;
    clearTimeout(this.#timer);
    const event = this.#layer.transportClosed();
    if (event !== undefined) void this.#listener.event(event);
    this.#listener.closed();
  }

  #write(): Promise<void> | undefined {
    const output = this.#layer.takeOutput();
    const [first] = output;
    if (first === undefined || this.#stream.destroyed || this.#stream.writableEnded) return undefined;
    const bytes = output.length === 1 ? first : Buffer.concat(output);
    return new Promise((resolve) => {
      this.#stream.write(bytes, () => {
        this.#layer.active(this.#clock.monotonicMs());
        resolve();
      });
    });
  }

  #settle(): void {
    void this.#write();
    if (this.#layer.transport === 'drop') this.#stream.destroy();
    else if (this.#layer.transport === 'finish' && !this.#stream.writableEnded) this.#stream.end();
    if (this.#layer.transport !== 'keep') this.#stream.resume();
    this.#setTimer();
  }

  /** A deadline that only moves further away keeps its timer: it is checked again when the timer fires. */
  #setTimer(): void {
    const deadlineMs = this.#layer.deadlineMs;
    if (deadlineMs >= this.#timerAtMs || this.#toldClosed || this.#gone) return;
    clearTimeout(this.#timer);
    this.#timerAtMs = deadlineMs;
    const delayMs = Math.min(timerMsMax, Math.max(0, deadlineMs - this.#clock.monotonicMs()));
    this.#timer = setTimeout(() => this.#tick(), Math.ceil(delayMs));
  }

  #tick(): void {
    this.#timerAtMs = Infinity;
    // While we keep the peer waiting, it cannot be late.
    if (this.#handling && this.#layer.transport === 'keep') this.#layer.active(this.#clock.monotonicMs());
    const event = this.#layer.tick(this.#clock.monotonicMs());
    if (event !== undefined) void this.#listener.event(event);
    this.#settle();
  }
}
