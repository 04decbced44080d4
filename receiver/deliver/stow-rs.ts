/**
 * STOW-RS as a client (PS3.18 section 10.5): instances from disk to a DICOMweb service, whole files, as they are. One
 * instance per request by default; in a batch, those that the response does not name are sent again alone.
 */
import { randomBytes } from 'node:crypto';
import { formatStatus, storeStatusKind } from '../../shared/dicom/dimse/status.ts';
import { DiodeError } from '../../shared/errors.ts';
import type { DeliveryResult } from './delivery-result.ts';
import { destinationTimes, type WebCredentials, type WebDestination } from './destination.ts';
import { type HttpAnswer, HttpConnection } from './http-request.ts';
import { type InstanceFile, InstanceReader, prefixBytesMax } from './instance-file.ts';
import { Losses, type RunOptions } from './losses.ts';
import { readStowResponse, type StowResponse } from './stow-response.ts';

/** Two: one is written while the next is filled. */
const bufferBytes = 262_144;
/** How many requests may be lost in a row before the destination is given up for now. */
const lossesMax = 3;

/** Sends instances in order and yields one result for each, as it comes. */
export async function* storeOverWeb(
  destination: WebDestination,
  files: readonly InstanceFile[],
  options: RunOptions = {},
): AsyncGenerator<DeliveryResult> {
  const run = new StowRun(destination, new Losses(files, lossesMax, options));
  try {
    yield* run.run(files);
  } finally {
    run.close();
  }
}

/**
 * Asks the service for one study. @returns what it answered
 * @throws DiodeError E_PEER_CONNECT, E_ASSOCIATION_TIMEOUT, E_PEER_HTTP
 */
export async function verifyWeb(destination: WebDestination): Promise<string> {
  const connection = new HttpConnection(destination.url, destination.tls);
  try {
    const { status } = await connection.send({
      method: 'GET',
      url: resource(destination, '?limit=1'),
      headers: { accept: 'application/dicom+json', ...authorization(destination.credentials) },
      idleMs: destination.responseMs ?? destinationTimes.responseMs,
    });
    if (status === 401 || status === 403) {
      throw new DiodeError('E_PEER_HTTP', `the credentials were refused (HTTP ${status})`);
    }
    // A service may accept studies without answering queries: 405 and 501 show that it is there.
    if (status >= 400 && status !== 405 && status !== 501) {
      throw new DiodeError('E_PEER_HTTP', `the service answered HTTP ${status}`);
    }
    return `HTTP ${status}`;
  } finally {
    connection.close();
  }
}

class StowRun {
  readonly #destination: WebDestination;
  readonly #connection: HttpConnection;
  readonly #buffers = [new Uint8Array(bufferBytes), new Uint8Array(bufferBytes)] as const;
  readonly #prefix = new Uint8Array(prefixBytesMax);
  readonly #losses: Losses;

  constructor(destination: WebDestination, losses: Losses) {
    this.#losses = losses;
    this.#destination = destination;
    this.#connection = new HttpConnection(destination.url, destination.tls);
  }

  close(): void {
    this.#connection.close();
  }

  async *run(files: readonly InstanceFile[]): AsyncGenerator<DeliveryResult> {
    const size = Math.max(1, this.#destination.instancesPerRequest ?? 1);
    for (let start = 0; start < files.length; start += size) {
      const batch = files.slice(start, start + size);
      const alone: InstanceFile[] = [];
      for (const result of await this.#request(batch)) {
        // What a batch leaves open is settled by a request of its own.
        if (batch.length > 1 && result.outcome === 'untried' && this.#losses.why(result.file) === undefined) {
          alone.push(result.file);
        } else yield result;
      }
      for (const file of alone) yield* await this.#request([file]);
    }
  }

  async #request(files: readonly InstanceFile[]): Promise<DeliveryResult[]> {
    const untried: DeliveryResult[] = [];
    const batch: InstanceFile[] = [];
    for (const file of files) {
      const why = this.#losses.why(file);
      if (why === undefined) batch.push(file);
      else untried.push({ file, outcome: 'untried', ...why });
    }
    return batch.length === 0 ? untried : [...untried, ...(await this.#requestAll(batch))];
  }

  async #requestAll(batch: readonly InstanceFile[]): Promise<DeliveryResult[]> {
    try {
      return this.#results(batch, await this.#post(batch));
    } catch (error) {
      if (!(error instanceof DiodeError)) throw error;
      if (error.code === 'E_FILE_READ' || error.code === 'E_VAULT_DAMAGED')
        return all(batch, batch.length > 1 ? 'untried' : 'failed', error);
      if (error.code === 'E_PEER_CONNECT') {
        this.#losses.giveUp(error);
        return all(batch, 'untried', error);
      }
      this.#losses.lost(batch, error);
      return all(batch, batch.length > 1 ? 'untried' : 'failed', error);
    }
  }

  async #post(batch: readonly InstanceFile[]): Promise<HttpAnswer> {
    const boundary = `diode-${randomBytes(20).toString('hex')}`;
    const head = Buffer.from(`--${boundary}\r\nContent-Type: application/dicom\r\n\r\n`, 'latin1');
    const tail = Buffer.from('\r\n', 'latin1');
    const end = Buffer.from(`--${boundary}--\r\n`, 'latin1');
    const length = batch.reduce(
      (sum, { fileBytes }) => sum + head.length + fileBytes + tail.length,
      end.length,
    );
    return this.#connection.send({
      method: 'POST',
      url: resource(this.#destination),
      headers: {
        'content-type': `multipart/related; type="application/dicom"; boundary=${boundary}`,
        'content-length': String(length),
        accept: 'application/dicom+json',
        ...authorization(this.#destination.credentials),
      },
      idleMs: this.#destination.responseMs ?? destinationTimes.responseMs,
      body: async (write) => {
        for (const file of batch) {
          if (!(await this.#writePart(file, head, tail, write))) return;
        }
        await write(end);
      },
    });
  }

  /** Streams one file. @returns false if the rest is not wanted */
  async #writePart(
    file: InstanceFile,
    head: Uint8Array,
    tail: Uint8Array,
    write: (bytes: Uint8Array) => Promise<boolean>,
  ): Promise<boolean> {
    const reader = await InstanceReader.open(file, this.#prefix, 0);
    try {
      let wanted = write(head);
      for (let round = 0; reader.remaining > 0; round += 1) {
        const buffer = this.#buffers[round % 2 === 0 ? 0 : 1];
        const place = buffer.subarray(0, Math.min(buffer.length, reader.remaining));
        // The file is judged before the last bytes leave, and they do not if something is wrong.
        const [read] = await Promise.allSettled([reader.fill([place]), wanted]);
        if (read.status === 'rejected') throw read.reason;
        if (!(await wanted)) return false;
        wanted = write(place);
      }
      return (await wanted) && (await write(tail));
    } finally {
      await reader.close();
    }
  }

  #results(batch: readonly InstanceFile[], answer: HttpAnswer): DeliveryResult[] {
    const said = readStowResponse(answer.body);
    const results = batch.map((file) => resultOf(file, said, answer.status, batch.length === 1));
    const unusable = results.every(({ outcome }) => outcome === 'failed') && isOfTheService(answer.status);
    if (!unusable) {
      this.#losses.answered(batch);
      return results;
    }
    const error = new DiodeError('E_PEER_HTTP', `the service answered HTTP ${answer.status}`);
    // With other senders present, the cause may be what this one sent.
    if (this.#losses.isOfOneSender) this.#losses.giveUp(error);
    else this.#losses.lost(batch, error);
    return results;
  }
}

function resultOf(
  file: InstanceFile,
  said: StowResponse | undefined,
  httpStatus: number,
  isAlone: boolean,
): DeliveryResult {
  const warning = said?.stored.get(file.sopInstanceUid);
  if (warning !== undefined) return { file, outcome: 'delivered', status: warning };
  const reason = said?.failed.get(file.sopInstanceUid);
  if (reason !== undefined) return refusedWith(file, reason);
  const succeeded = httpStatus >= 200 && httpStatus < 300;
  const comment = `HTTP ${httpStatus}`;
  // If the response does not mention this instance, only the status of its own request tells.
  const saysNothing = said === undefined || said.stored.size + said.failed.size + said.unnamedFailures === 0;
  if (isAlone && succeeded && saysNothing) return { file, outcome: 'delivered', status: 0 };
  if (isOfTheService(httpStatus)) return { file, outcome: 'failed', code: 'E_PEER_HTTP', comment };
  if (!isAlone) return { file, outcome: 'untried' };
  return { file, outcome: 'refused', code: 'E_PEER_REFUSED', comment };
}

function refusedWith(file: InstanceFile, reason: number): DeliveryResult {
  const kind = storeStatusKind(reason);
  if (kind === 'stored' || kind === 'warning') return { file, outcome: 'delivered', status: reason };
  const comment = `failure reason ${formatStatus(reason)}`;
  const outcome = kind === 'later' ? 'failed' : 'refused';
  return { file, outcome, status: reason, code: 'E_PEER_REFUSED', comment };
}

/** Whether a status says something about the service or its configuration, and nothing about the instance. */
function isOfTheService(status: number): boolean {
  return (
    status >= 500 ||
    (status >= 300 && status < 400) ||
    [401, 403, 404, 405, 407, 408, 421, 425, 429].includes(status)
  );
}

function all(
  batch: readonly InstanceFile[],
  outcome: 'failed' | 'untried',
  { code, message }: DiodeError,
): DeliveryResult[] {
  return batch.map((file) => ({ file, outcome, code, comment: message }));
}

function resource({ url }: WebDestination, query = ''): URL {
  const root = url.href.endsWith('/') ? url.href : `${url.href}/`;
  return new URL(`studies${query}`, root);
}

function authorization(credentials: WebCredentials | undefined): Record<string, string> {
  if (credentials === undefined) return {};
  if (credentials.kind === 'bearer') return { authorization: `Bearer ${credentials.token}` };
  const pair = Buffer.from(`${credentials.user}:${credentials.password}`, 'utf8').toString('base64');
  return { authorization: `Basic ${pair}` };
}
