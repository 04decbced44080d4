/** One C-STORE: its bytes on their way to the sink, and the status it ends with (PS3.4 annex B.2.3). */
import { dimseStatus } from '../../shared/dicom/dimse/status.ts';
import { part10Header } from '../../shared/dicom/part10-meta.ts';
import { DiodeError, type ErrorCode } from '../../shared/errors.ts';
import { limits } from '../../shared/wire/limits.ts';
import type { InstanceContext, InstanceSink, InstanceWriter, StoreOutcome } from './instance-sink.ts';

/** Codes that say something of this host: the scanner is to try again later. */
const hostCodes: ReadonlySet<ErrorCode> = new Set(['E_DISK_FULL', 'E_DISK', 'E_LEDGER']);

/** The status for an error of the sink. Its comment names the code, for whoever reads the scanner's log. */
export function outcomeOf(error: DiodeError): StoreOutcome {
  const status = hostCodes.has(error.code) ? dimseStatus.outOfResources : dimseStatus.cannotUnderstand;
  return { status, comment: error.code };
}

export class StoreOperation {
  readonly #sink: InstanceSink;
  readonly #context: InstanceContext;
  #writer: InstanceWriter | undefined;
  /** Set when the instance is refused or its file failed: the rest of it is read and thrown away. */
  #refusal: StoreOutcome | undefined;
  #bytes = 0;

  constructor(sink: InstanceSink, context: InstanceContext) {
    this.#sink = sink;
    this.#context = context;
  }

  /** Bytes of the data set so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Opens the writer and gives it what stands before the data set. */
  async start(): Promise<void> {
    try {
      const opened = await this.#sink.open(this.#context);
      if ('refused' in opened) {
        this.#refusal = { status: opened.status, ...(opened.comment && { comment: opened.comment }) };
        return;
      }
      this.#writer = opened;
      await opened.write(part10Header(this.#context));
    } catch (error) {
      await this.#failed(error);
    }
  }

  /** Takes the next bytes of the data set. Without a promise they are taken. */
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

  /** The data set is whole. @returns what the scanner is told */
  async finish(): Promise<StoreOutcome> {
    const writer = this.#writer;
    if (writer === undefined) return this.#refusal ?? { status: dimseStatus.processingFailure };
    try {
      const outcome = await writer.finish();
      this.#writer = undefined;
      return outcome;
    } catch (error) {
      await this.#failed(error);
      return this.#refusal ?? { status: dimseStatus.processingFailure };
    }
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
    await this.abandon();
  }
}
