/** One HTTP request to a PACS, its body streamed and its answer bounded. The only file that speaks HTTP as a client. */
import { type ClientRequest, request as connectPlain, Agent as PlainAgent } from 'node:http';
import { request as connectSecure, Agent as SecureAgent } from 'node:https';
import { secureProfile } from '../../shared/dicom/upper-layer/secure-profile.ts';
import { DiodeError, errorCauseCode } from '../../shared/errors.ts';
import type { PeerTls } from './destination.ts';

export interface HttpAnswer {
  readonly status: number;
  /** Lower case, without parameters; empty when there is none. */
  readonly mediaType: string;
  readonly body: Uint8Array;
}

export interface HttpRequest {
  readonly method: 'GET' | 'POST';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** The longest time without a byte in either direction. */
  readonly idleMs: number;
  /** Writes the body; each `write` resolves when its bytes may be reused. It stops when `write` returns false. */
  readonly body?: (write: (bytes: Uint8Array) => Promise<boolean>) => Promise<void>;
}

/** Answers name instances; a thousand of them take about 300 KiB. */
const answerBytesMax = 8 * 2 ** 20;

/** Requests to one service, one at a time, over a persistent connection. */
export class HttpConnection {
  readonly #secure: boolean;
  readonly #agent: PlainAgent | SecureAgent;

  constructor(url: URL, tls: PeerTls | undefined) {
    this.#secure = url.protocol === 'https:';
    const options = { keepAlive: true, maxSockets: 1 };
    this.#agent = this.#secure
      ? new SecureAgent({
          ...options,
          ...secureProfile(tls ?? {}),
          ...(tls?.serverName !== undefined && { servername: tls.serverName }),
        })
      : new PlainAgent(options);
  }

  close(): void {
    this.#agent.destroy();
  }

  /** @throws DiodeError E_PEER_CONNECT, E_ASSOCIATION_TIMEOUT, E_PEER_HTTP, and what `body` throws */
  async send(request: HttpRequest): Promise<HttpAnswer> {
    const { method, url, headers } = request;
    const options = { method, headers, agent: this.#agent };
    const client = this.#secure ? connectSecure(url, options) : connectPlain(url, options);
    return new Exchange(client, request).run();
  }
}

class Exchange {
  readonly #client: ClientRequest;
  readonly #request: HttpRequest;
  #timer: NodeJS.Timeout | undefined;
  /** Set when the answer begins or the connection breaks: the rest of the body is not wanted. */
  #bodyOver = false;

  constructor(client: ClientRequest, request: HttpRequest) {
    this.#client = client;
    this.#request = request;
  }

  async run(): Promise<HttpAnswer> {
    this.#client.setNoDelay(true);
    this.#moved();
    const answer = this.#answer();
    // It may fail while the body is still being written; whoever awaits it below learns of it.
    answer.catch(() => {});
    try {
      await this.#request.body?.((bytes) => this.#write(bytes));
      if (!this.#bodyOver) this.#client.end();
      return await answer;
    } catch (error) {
      this.#client.destroy();
      throw error;
    } finally {
      clearTimeout(this.#timer);
    }
  }

  #write(bytes: Uint8Array): Promise<boolean> {
    return new Promise((resolve) => {
      if (this.#bodyOver) {
        resolve(false);
        return;
      }
      this.#client.once('close', over);
      const done = (): void => {
        this.#client.off('close', over);
        this.#moved();
        resolve(!this.#bodyOver);
      };
      function over(): void {
        resolve(false);
      }
      this.#client.write(bytes, done);
    });
  }

  #answer(): Promise<HttpAnswer> {
    return new Promise((resolve, reject) => {
      let connected = false;
      this.#client.once('socket', (socket) => {
        connected = !socket.connecting;
        socket.once('connect', () => {
          connected = true;
        });
      });
      this.#client.once('error', (cause) => {
        this.#bodyOver = true;
        if (cause instanceof DiodeError) reject(cause);
        else {
          const why = errorCauseCode(cause) ?? 'unknown cause';
          const code = connected ? 'E_PEER_HTTP' : 'E_PEER_CONNECT';
          reject(new DiodeError(code, `the connection failed (${why})`, { cause }));
        }
      });
      this.#client.once('response', (response) => {
        // A refusal may come before the body is sent: it counts, and the rest is not sent.
        if (!this.#client.writableEnded) this.#bodyOver = true;
        const parts: Uint8Array[] = [];
        let bytes = 0;
        response.on('data', (part: Uint8Array) => {
          this.#moved();
          bytes += part.length;
          if (bytes <= answerBytesMax) parts.push(part);
          else response.destroy(new DiodeError('E_PEER_HTTP', 'the response is too long'));
        });
        response.once('error', (cause) => {
          const cut = new DiodeError('E_PEER_HTTP', 'the response was cut off', { cause });
          reject(cause instanceof DiodeError ? cause : cut);
        });
        response.once('end', () => {
          const mediaType = (response.headers['content-type'] ?? '').split(';')[0] ?? '';
          resolve({
            status: response.statusCode ?? 0,
            mediaType: mediaType.trim().toLowerCase(),
            body: Buffer.concat(parts),
          });
          // Half a body cannot be followed by another request.
          if (!this.#client.writableEnded) this.#client.destroy();
        });
      });
    });
  }

  #moved(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      const error = new DiodeError('E_ASSOCIATION_TIMEOUT', 'the destination took too long to respond');
      this.#client.destroy(error);
    }, this.#request.idleMs);
  }
}
