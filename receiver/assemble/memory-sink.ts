/**
 * The sink of a document: manifests, beacons and rolls are put together in memory, within their limit. It holds what
 * came, never what was claimed: a header that states 32 MiB takes nothing.
 */
import { assert } from '../../shared/assert.ts';
import { limits } from '../../shared/wire/limits.ts';
import type { ObjectSink } from './open-object.ts';

export class MemorySink implements ObjectSink {
  readonly #documentBytes: number;
  /** Payloads of blocks, by where they begin. */
  readonly #parts = new Map<number, Uint8Array>();
  #heldBytes = 0;

  constructor(documentBytes: number) {
    assert(documentBytes <= limits.documentBytesMax, 'a document stays within its limit');
    this.#documentBytes = documentBytes;
  }

  /** Bytes that came. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** The document; zeros where nothing came. */
  get bytes(): Uint8Array {
    const first = this.#parts.get(0);
    if (first?.length === this.#documentBytes) return first;
    const whole = new Uint8Array(this.#documentBytes);
    for (const [offset, part] of this.#parts) whole.set(part, offset);
    return whole;
  }

  write(bytes: Uint8Array, offset: number): void {
    this.#heldBytes += bytes.length - (this.#parts.get(offset)?.length ?? 0);
    this.#parts.set(offset, bytes.slice());
  }

  /** Reads what one {@link write} brought. */
  read(target: Uint8Array, offset: number): void {
    const part = this.#parts.get(offset);
    assert(part?.length === target.length, 'a block is read as it was written');
    target.set(part);
  }

  discard(): void {
    this.#parts.clear();
    this.#heldBytes = 0;
  }

  checkpoint(): void {}
}
