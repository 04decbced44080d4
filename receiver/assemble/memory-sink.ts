/**
 * The sink of a document: manifests, beacons and rolls are assembled in memory, within their limit. It uses memory for
 * what came, never for what was claimed: a header that states 32 MiB takes nothing.
 */
import { assert } from '../../shared/assert.ts';
import { limits } from '../../shared/wire/limits.ts';
import type { ObjectSink } from './open-object.ts';

export class MemorySink implements ObjectSink {
  readonly #documentBytes: number;
  /** Payloads of blocks, by where they begin. */
  readonly #parts = new Map<number, Uint8Array>();
  /** One buffer, once half of it has come: at the end, parts and whole would be in memory side by side. */
  #whole: Uint8Array | undefined;
  #usedBytes = 0;

  constructor(documentBytes: number) {
    assert(documentBytes <= limits.documentBytesMax, 'a document stays within its limit');
    this.#documentBytes = documentBytes;
  }

  /** Bytes that came. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** The document; zeros where nothing came. */
  get bytes(): Uint8Array {
    return this.#whole ?? this.#putTogether();
  }

  write(bytes: Uint8Array, offset: number): void {
    this.#usedBytes += bytes.length - (this.#parts.get(offset)?.length ?? 0);
    if (this.#whole === undefined && 2 * this.#usedBytes < this.#documentBytes) {
      this.#parts.set(offset, bytes.slice());
      return;
    }
    this.#whole ??= this.#putTogether();
    this.#whole.set(bytes, offset);
    this.#parts.set(offset, this.#whole.subarray(offset, offset + bytes.length));
  }

  /** Reads what one {@link write} brought. */
  read(target: Uint8Array, offset: number): void {
    const part = this.#parts.get(offset);
    assert(part?.length === target.length, 'a block is read as it was written');
    target.set(part);
  }

  discard(): void {
    this.#parts.clear();
    this.#whole = undefined;
    this.#usedBytes = 0;
  }

  checkpoint(): void {}

  /** Its memory takes no room until something is written to it. */
  #putTogether(): Uint8Array {
    const whole = new Uint8Array(this.#documentBytes);
    for (const [offset, part] of this.#parts) {
      whole.set(part, offset);
      this.#parts.set(offset, whole.subarray(offset, offset + part.length));
    }
    return whole;
  }
}
