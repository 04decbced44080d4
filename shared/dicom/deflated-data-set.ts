/** Deflated data sets (PS3.5 annex A.5): one raw deflate stream (RFC 1951) after the file meta information. */
import { constants, inflateRawSync } from 'node:zlib';
import { assert } from '../assert.ts';
import { DiodeError, errorCauseCode } from '../errors.ts';

/**
 * Inflates the beginning of a stream that may continue.
 *
 *Errors: E_DICOM_DEFLATE if the bytes are not a deflate stream, or yield more than `outputBytesMax`.
 */
export function inflatePrefix(deflated: Uint8Array, outputBytesMax: number): Uint8Array | DiodeError {
  try {
    return inflateRawSync(deflated, {
      finishFlush: constants.Z_SYNC_FLUSH,
      maxOutputLength: outputBytesMax,
      chunkSize: outputBytesMax,
    });
  } catch (cause) {
    return inflateError(cause, outputBytesMax);
  }
}

export interface Inflated {
  readonly bytes: Uint8Array;
  /** Bytes after the end of the stream. */
  readonly leftBytes: number;
}

/**
 * Inflates a whole stream.
 *
 * Errors: E_DICOM_DEFLATE if it is damaged, does not end, or yields more than `outputBytesMax`.
 */
export function inflateWhole(deflated: Uint8Array, outputBytesMax: number): Inflated | DiodeError {
  try {
    // In one piece: many pieces would be joined at the end, in the same amount of memory again. Untouched memory is not used.
    const chunkSize = outputBytesMax;
    const result: unknown = inflateRawSync(deflated, {
      maxOutputLength: outputBytesMax,
      chunkSize,
      info: true,
    });
    const { buffer, engine } = result as { buffer: Buffer; engine: { bytesWritten: number } };
    assert(buffer instanceof Uint8Array && Number.isInteger(engine.bytesWritten), 'zlib tells what it read');
    return { bytes: buffer, leftBytes: deflated.byteLength - engine.bytesWritten };
  } catch (cause) {
    return inflateError(cause, outputBytesMax);
  }
}

function inflateError(cause: unknown, outputBytesMax: number): DiodeError {
  const tooLarge = errorCauseCode(cause) === 'ERR_BUFFER_TOO_LARGE';
  const detail = tooLarge
    ? `it inflates to more than ${outputBytesMax} bytes`
    : 'the deflate stream is damaged';
  return new DiodeError('E_DICOM_DEFLATE', detail, { cause });
}
