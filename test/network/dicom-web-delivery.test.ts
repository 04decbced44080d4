/**
 * Goal: a STOW-RS service that misbehaves costs the instance at hand its turn, and the others nothing; each instance gets
 * one result. Method: scripted services over real connections.
 */
import { createHash } from 'node:crypto';
import { closeSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { testDestination } from '../../receiver/deliver/deliver.ts';
import type { WebDestination } from '../../receiver/deliver/destination.ts';
import { describeInstanceFile, type InstanceFile } from '../../receiver/deliver/instance-file.ts';
import { TestAuthority } from '../harness/certificates.ts';
import { collectDelivery, outcomesOf } from '../harness/delivery-outcomes.ts';
import { dataSetHash, writeInstances } from '../harness/instance-files.ts';
import { Processes } from '../harness/processes.ts';

let processes: Processes;
let folder: string;
let closers: (() => Promise<void>)[] = [];

beforeEach(() => {
  processes = new Processes();
  folder = processes.temporaryFolder();
});

afterEach(async () => {
  await Promise.all(closers.map((close) => close()));
  closers = [];
  await processes.cleanUp();
});

const uncompressed = ['explicitLittleEndian'] as const;

/** A server on a free port until the end of the test. */
async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  closers.push(
    () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  );
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

interface Posted {
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

describe('a PACS that takes STOW-RS', () => {
  type Handler = (posted: Posted, response: ServerResponse, request: number) => void;

  async function service(
    handler: Handler,
    more: Partial<WebDestination> = {},
    tls?: { key: string; cert: string },
  ) {
    const posted: Posted[] = [];
    const listener = (request: IncomingMessage, response: ServerResponse): void => {
      const parts: Buffer[] = [];
      request.on('data', (part: Buffer) => parts.push(part));
      request.on('end', () => {
        posted.push({ headers: request.headers, body: Buffer.concat(parts) });
        handler(posted.at(-1) as Posted, response, posted.length - 1);
      });
    };
    const server = tls === undefined ? createServer(listener) : createSecureServer(tls, listener);
    const port = await listening(server);
    const scheme = tls === undefined ? 'http' : 'https';
    const destination: WebDestination = {
      kind: 'dicomweb',
      name: 'PACS',
      url: new URL(`${scheme}://127.0.0.1:${port}/dicom-web`),
      responseMs: 500,
      ...more,
    };
    return { posted, destination };
  }

  const uidItem = (file: InstanceFile) => ({ '00081155': { vr: 'UI', Value: [file.sopInstanceUid] } });
  const said = (stored: readonly InstanceFile[], failed: readonly InstanceFile[] = [], reason = 0xc000) =>
    JSON.stringify({
      '00081199': { vr: 'SQ', Value: stored.map(uidItem) },
      '00081198': {
        vr: 'SQ',
        Value: failed.map((file) => ({ ...uidItem(file), '00081197': { vr: 'US', Value: [reason] } })),
      },
    });
  const answer = (response: ServerResponse, status: number, body = ''): void => {
    response.writeHead(status, { 'content-type': 'application/dicom+json' }).end(body);
  };

  it('gets whole files, one a request, as multipart/related', async () => {
    const files = await writeInstances({ folder, count: 3, approximateBytes: 700_000 });
    const { destination, posted } = await service((_, response, request) => {
      answer(response, 200, said(files.slice(request, request + 1)));
    });
    expect(outcomesOf(files, await collectDelivery(destination, files))).toEqual(
      files.map(() => 'delivered'),
    );
    for (const [index, { headers, body }] of posted.entries()) {
      const boundary = /^multipart\/related; type="application\/dicom"; boundary=([\w-]+)$/.exec(
        headers['content-type'] ?? '',
      )?.[1];
      const head = `--${boundary}\r\nContent-Type: application/dicom\r\n\r\n`;
      expect(body.toString('latin1', 0, head.length)).toBe(head);
      expect(body.toString('latin1', body.length - 100)).toContain(`\r\n--${boundary}--\r\n`);
      const file = files[index] as InstanceFile;
      const sent = { ...file, path: `${folder}/sent` };
      writeFileSync(sent.path, body.subarray(head.length, head.length + file.fileBytes));
      expect(dataSetHash(sent, false)).toBe(dataSetHash(file, false));
      expect(headers['content-length']).toBe(String(body.length));
    }
  });

  it('never has the whole of a file that was changed, and the others of its batch arrive', async () => {
    const written = await writeInstances({ folder, count: 3, approximateBytes: 700_000 });
    const files = await Promise.all(
      written.map(({ path, fileBytes }) => {
        const sha256 = createHash('sha256').update(readFileSync(path)).digest('hex');
        return describeInstanceFile(path, { bytes: fileBytes, sha256 });
      }),
    );
    const changed = files[1] as InstanceFile;
    const file = openSync(changed.path, 'r+');
    writeSync(file, '\u0001', changed.fileBytes - 1);
    closeSync(file);
    for (const instancesPerRequest of [1, 3]) {
      const { destination, posted } = await service((_, response) => answer(response, 200), {
        instancesPerRequest,
      });
      expect(outcomesOf(files, await collectDelivery(destination, files))).toEqual([
        'delivered',
        'failed E_VAULT_DAMAGED',
        'delivered',
      ]);
      expect(posted).toHaveLength(2);
    }
  });

  it.each([
    ['basic', { kind: 'basic', user: 'diode', password: 'gehe:im' }, 'Basic ZGlvZGU6Z2VoZTppbQ=='],
    ['bearer', { kind: 'bearer', token: 'abc.def' }, 'Bearer abc.def'],
  ] as const)('gets %s credentials', async (_, credentials, header) => {
    const { destination, posted } = await service((__, response) => answer(response, 200), { credentials });
    const files = await writeInstances({ folder, count: 1 });
    await collectDelivery(destination, files);
    expect(posted[0]?.headers.authorization).toBe(header);
    expect(await testDestination(destination)).toMatchObject({
      works: true,
      found: 'the service answered HTTP 200',
    });
  });

  it('names in a batch what failed; what it does not name is sent again alone', async () => {
    const files = await writeInstances({ folder, count: 5 });
    const [first, second, third, fourth, fifth] = files as [
      InstanceFile,
      InstanceFile,
      InstanceFile,
      InstanceFile,
      InstanceFile,
    ];
    const { destination, posted } = await service(
      (_, response, request) => {
        if (request === 0) answer(response, 202, said([first], [second]));
        else if (request === 1) answer(response, 200, said([third]));
        else answer(response, 400, said([fourth], [fifth], 0xa700));
      },
      { instancesPerRequest: 3 },
    );
    expect(outcomesOf(files, await collectDelivery(destination, files))).toEqual([
      'delivered',
      'refused E_PEER_REFUSED',
      'delivered',
      'delivered',
      'failed E_PEER_REFUSED',
    ]);
    expect(posted).toHaveLength(3);
  });

  it('says 409 or 400 of one instance: it is refused, the others go on', async () => {
    const files = await writeInstances({ folder, count: 3 });
    const { destination } = await service((_, response, request) => {
      answer(response, request === 1 ? 409 : 200, request === 1 ? said([], files.slice(1, 2)) : '');
    });
    expect(outcomesOf(files, await collectDelivery(destination, files))).toEqual([
      'delivered',
      'refused E_PEER_REFUSED',
      'delivered',
    ]);
  });

  it.each([401, 403, 404, 503])(
    'says %i: the service does not work, and nothing more is sent',
    async (status) => {
      const files = await writeInstances({ folder, count: 3 });
      const { destination, posted } = await service((_, response) => answer(response, status));
      expect(outcomesOf(files, await collectDelivery(destination, files))).toEqual([
        'failed E_PEER_HTTP',
        'untried E_PEER_HTTP',
        'untried E_PEER_HTTP',
      ]);
      expect(posted).toHaveLength(1);
      expect(await testDestination(destination)).toMatchObject({ works: false, code: 'E_PEER_HTTP' });
    },
  );

  it('refuses before it has read the body', async () => {
    const files = await writeInstances({
      folder,
      count: 1,
      transferSyntaxes: uncompressed,
      approximateBytes: 30_000_000,
    });
    const server = createServer((_, response) => {
      response.writeHead(401, { connection: 'close' }).end();
    });
    const port = await listening(server);
    const destination = {
      kind: 'dicomweb',
      name: 'PACS',
      url: new URL(`http://127.0.0.1:${port}/`),
    } as const;
    const [result] = await collectDelivery(destination, files);
    expect(result?.outcome).toBe('failed');
    expect(result?.code).toBe('E_PEER_HTTP');
  });

  it('does not answer, or cuts the connection: the instance has failed, and after three the rest waits', async () => {
    const files = await writeInstances({ folder, count: 5 });
    const { destination } = await service((_, response, request) => {
      if (request !== 0) response.destroy();
    });
    expect(outcomesOf(files, await collectDelivery(destination, files))).toEqual([
      'failed E_ASSOCIATION_TIMEOUT',
      'failed E_PEER_HTTP',
      'failed E_PEER_HTTP',
      'untried E_PEER_HTTP',
      'untried E_PEER_HTTP',
    ]);
  });

  it.each([
    ['does not answer', 0],
    ['says 500 of', 500],
  ])('%s all of one sender: those of another go on, and that one waits after three', async (_, status) => {
    const files = await writeInstances({ folder, count: 9 });
    const isBad = ({ sopInstanceUid }: InstanceFile) => /[02468]$/.test(sopInstanceUid);
    const { destination } = await service(({ body }, response) => {
      const bad = files.find((file) => isBad(file) && body.includes(file.sopInstanceUid));
      if (bad === undefined) answer(response, 200);
      else if (status === 0) response.destroy();
      else answer(response, status);
    });
    const results = await collectDelivery(destination, files, {
      senderOf: (file) => (isBad(file) ? 'a' : 'b'),
    });
    const told = outcomesOf(files, results);
    const of = (bad: boolean) => told.filter((_, index) => isBad(files[index] as InstanceFile) === bad);
    expect(of(false)).toEqual(Array.from({ length: 5 }, () => 'delivered'));
    expect(of(true)).toEqual([
      ...Array.from({ length: 3 }, () => 'failed E_PEER_HTTP'),
      'untried E_PEER_HTTP',
    ]);
  });

  it('is slow: a round ends, but for what another sender has, and the rest is not blamed', async () => {
    const files = await writeInstances({ folder, count: 6 });
    const { destination } = await service((_, response) => void setTimeout(() => answer(response, 200), 200));
    const senderOf = (file: InstanceFile) => (file === files[5] ? 'b' : 'a');
    const told = outcomesOf(files, await collectDelivery(destination, files, { senderOf, runMs: 100 }));
    const untried = Array.from({ length: 4 }, () => 'untried');
    expect(told).toEqual(['delivered', ...untried, 'delivered']);
  });

  it('answers without end: its answer is cut off', async () => {
    const files = await writeInstances({ folder, count: 1 });
    const { destination } = await service((_, response) => {
      response.writeHead(200);
      const more = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(1 << 20))) {}
        if (!response.destroyed) response.once('drain', more);
      };
      more();
    });
    expect(outcomesOf(files, await collectDelivery(destination, files))).toEqual(['failed E_PEER_HTTP']);
  });

  it('is reached over TLS, with a certificate of an authority we know', async () => {
    const authority = new TestAuthority();
    const { certificate: cert, key } = authority.issue('pacs');
    const files = await writeInstances({ folder, count: 2 });
    const known = await service(
      (_, response) => answer(response, 200),
      { tls: { authorities: [authority.certificate] } },
      { cert, key },
    );
    expect(outcomesOf(files, await collectDelivery(known.destination, files))).toEqual([
      'delivered',
      'delivered',
    ]);
    const unknown = await service((_, response) => answer(response, 200), {}, { cert, key });
    expect((await collectDelivery(unknown.destination, files)).map(({ outcome }) => outcome)).not.toContain(
      'delivered',
    );
    expect(unknown.posted).toEqual([]);
  });
});
