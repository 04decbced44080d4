/** The sink of a document: manifests, beacons and rolls are put together in memory, within their limit. */
import { assert } from '../../shared/assert.ts';
import { limits } from '../../shared/wire/limits.ts';
import type { ObjectSink } from './open-object.ts';

export class MemorySink implements ObjectSink {
  readonly bytes: Uint8Array;

  constructor(bytes: number) {
    assert(bytes <= limits.documentBytesMax, 'a document stays within its limit');
    this.bytes = new Uint8Array(bytes);
  }

  write(bytes: Uint8Array, offset: number): void {
    this.bytes.set(bytes, offset);
  }

  read(target: Uint8Array, offset: number): void {
    target.set(this.bytes.subarray(offset, offset + target.length));
  }

  discard(): void {}

  checkpoint(): void {}
}
