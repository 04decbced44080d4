/** One C-STORE: its bytes on their way to the sink, and the status it ends with (PS3.4 annex B.2.3). */
import { dimseStatus } from '../../shared/dicom/dimse/status.ts';
import { part10Header } from '../../shared/dicom/part10-meta.ts';
import { DiodeError, type ErrorCode, errorCatalogue, isStorageCode } from '../../shared/errors.ts';
import { limits } from '../../shared/wire/limits.ts';
import type { InstanceContext, InstanceSink, InstanceWriter } from './instance-sink.ts';

/** How a request ended, as the scanner learns it. The comment is at most 64 ASCII characters, without PHI. */
export interface Outcome {
  readonly status: number;
  readonly comment?: string;
}

/** The outcome for an error of the sink: its comment names the code, for whoever reads the scanner's log. */
export function outcomeOf({ code }: DiodeError): Outcome {
  return { status: statusOf(code), comment: `${code}: ${errorCatalogue[code].meaning}`.slice(0, 64) };
}

function statusOf(code: ErrorCode): number {
  // A problem of this host: the scanner should try again later.
  if (isStorageCode(code)) return dimseStatus.outOfResources;
  return code === 'E_INSTANCE_MISMATCH' ? dimseStatus.dataSetMismatch : dimseStatus.cannotUnderstand;
}

export class StoreOperation {
  readonly #sink: InstanceSink;
  readonly #context: InstanceContext;
  readonly #address: string;
  #writer: InstanceWriter | undefined;
  /** Set if the instance is refused or its file failed: the rest is read and discarded. */
  #refusal: Outcome | undefined;
  #bytes = 0;

  constructor(sink: InstanceSink, context: InstanceContext, address: string) {
    this.#sink = sink;
    this.#context = context;
    this.#address = address;
  }

  /** Bytes of the data set so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Opens the writer and gives it what precedes the data set. */
  async start(): Promise<void> {
    try {
      this.#writer = await this.#sink.open(this.#context);
      await this.#writer.write(part10Header(this.#context));
    } catch (error) {
      await this.#failed(error);
    }
  }

  /** Takes the next bytes of the data set. If no promise is returned, they are taken. */
  take(bytes: Uint8Array): Promise<void> | undefined {
    this.#bytes += bytes.length;
    if (this.#writer === undefined || bytes.length === 0) return undefined;
    if (this.#bytes > limits.objectBytesMax) return this.#failed(new DiodeError('E_TOO_LARGE'));
    try {
      const written = this.#writer.write(bytes);
      return written instanceof Promise ? written.catch((error) => this.#failed(error)) : undefined;
    } catch (error) {
      return this.#failed(error);
    }
  }

  /** The data set is complete. @returns what the scanner is told */
  async finish(): Promise<Outcome> {
    try {
      await this.#writer?.finish();
      this.#writer = undefined;
    } catch (error) {
      await this.#failed(error);
    }
    return this.#refusal ?? { status: dimseStatus.success };
  }

  /** The rest is not coming. */
  async abandon(): Promise<void> {
    const writer = this.#writer;
    this.#writer = undefined;
    await writer?.abort();
  }

  async #failed(error: unknown): Promise<void> {
    if (!(error instanceof DiodeError)) throw error;
    this.#refusal = outcomeOf(error);
    this.#sink.refused(error.code, this.#address);
    await this.abandon();
  }
}
