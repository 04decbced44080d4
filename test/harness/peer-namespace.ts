/**
 * A network namespace for peers that can't be told to listen on loopback only (DCMTK's storescp, Orthanc): they listen
 * on all interfaces, and the only one there is loopback. Its ports are reached through a relay over UNIX sockets.
 */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import type { Processes, RunningProgram } from './processes.ts';
import { repositoryRoot } from './repository-root.ts';

const relayScript = 'dist/test/harness/namespace-relay.js';

/** Whether a program is on the path. */
export function hasProgram(name: string): boolean {
  const folders = (process.env['PATH'] ?? '').split(':');
  return folders.some((folder) => existsSync(join(folder, name)));
}

/**
 * What is missing for a test with such peers, as words; undefined when all is there. In a run with `CI` set a missing
 * peer is a failure, elsewhere a reason to skip.
 */
export function missingPeers(...programs: readonly string[]): string | undefined {
  const missing = ['unshare', 'nsenter', 'ip', ...programs].filter((name) => !hasProgram(name));
  if (missing.length > 0) return `${missing.join(', ')} not installed`;
  if (!existsSync(join(repositoryRoot(), relayScript))) return `${relayScript} not built`;
  try {
    execFileSync('unshare', [...userFlags(), '--net', 'true'], { stdio: 'ignore' });
    return undefined;
  } catch {
    return 'network namespaces are not allowed here';
  }
}

/** Without root, a user namespace around it is needed. */
function userFlags(): string[] {
  return process.getuid?.() === 0 ? [] : ['--user', '--map-root-user'];
}

export class PeerNamespace {
  readonly #processes: Processes;
  readonly #relay: RunningProgram;
  readonly #folder: string;
  readonly #servers: Server[] = [];
  readonly #open = new Set<Socket>();

  private constructor(processes: Processes, relay: RunningProgram, folder: string) {
    this.#processes = processes;
    this.#relay = relay;
    this.#folder = folder;
  }

  /** @param ports those that peers will listen on */
  static async start(processes: Processes, ports: readonly number[]): Promise<PeerNamespace> {
    const folder = processes.temporaryFolder();
    const script = `ip link set lo up && exec "$0" "$@"`;
    const relay = processes.start('namespace relay', 'unshare', {
      arguments: [
        ...userFlags(),
        '--net',
        'sh',
        '-c',
        script,
        process.execPath,
        join(repositoryRoot(), relayScript),
        folder,
        ...ports.map(String),
      ],
    });
    await relay.waitForLine(/^ready$/);
    return new PeerNamespace(processes, relay, folder);
  }

  /** Starts a program inside. */
  run(
    name: string,
    command: string,
    flags: readonly string[],
    environment: Readonly<Record<string, string>> = {},
  ): RunningProgram {
    const user = userFlags().length > 0 ? ['--user', '--preserve-credentials'] : [];
    return this.#processes.start(name, 'nsenter', {
      arguments: ['--target', String(this.#relay.pid), ...user, '--net', command, ...flags],
      environment,
    });
  }

  /** A port on our loopback that leads to one inside. */
  async expose(port: number): Promise<number> {
    const server = createServer((socket) => {
      const inside = connect(join(this.#folder, `${port}.socket`));
      for (const [from, to] of [
        [socket, inside],
        [inside, socket],
      ] as const) {
        this.#open.add(from);
        from.pipe(to);
        from.on('error', () => to.destroy());
        from.on('close', () => {
          this.#open.delete(from);
          to.destroy();
        });
      }
    });
    this.#servers.push(server);
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('the relay has no port');
    return address.port;
  }

  /** Waits until something listens on a port inside. */
  async waitForPort(port: number): Promise<void> {
    for (let attempt = 0; attempt < 300; attempt += 1) {
      const answered = await new Promise<boolean>((resolve) => {
        const socket = connect(join(this.#folder, `${port}.socket`));
        // The relay closes the connection at once when nothing listens behind it.
        const timer = setTimeout(() => finish(true), 100);
        const finish = (answer: boolean): void => {
          clearTimeout(timer);
          socket.destroy();
          resolve(answer);
        };
        socket.once('close', () => finish(false));
        socket.once('error', () => finish(false));
      });
      if (answered) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`nothing listens on port ${port} in the namespace`);
  }

  /** Closes what is exposed; the programs are their owner's. */
  async close(): Promise<void> {
    for (const socket of this.#open) socket.destroy();
    await Promise.all(this.#servers.map((server) => new Promise((resolve) => server.close(resolve))));
  }
}
