/** Deflated data sets (PS3.5 annex A.5): one raw deflate stream (RFC 1951) behind the file meta information. */
import { constants, inflateRawSync } from 'node:zlib';
import { assert } from '../assert.ts';
import { DiodeError, errorCauseCode } from '../errors.ts';

/**
 * Inflates the beginning of a stream that may go on.
 *
 * Errors: E_DICOM_DEFLATE when the bytes are no deflate stream, or give more than `outputBytesMax`.
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
  /** Bytes behind the end of the stream. */
  readonly leftBytes: number;
}

/**
 * Inflates a whole stream.
 *
 * Errors: E_DICOM_DEFLATE when it is damaged, does not end, or gives more than `outputBytesMax`.
 */
export function inflateWhole(deflated: Uint8Array, outputBytesMax: number): Inflated | DiodeError {
  try {
    // In one piece: many would be put together at the end, in as much memory again. What isn't written to is not used.
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
