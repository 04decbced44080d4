/** Orthanc with its DICOMweb plug-in in a network namespace of its own, and what it says that it has. */
import { writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import type { DicomDestination, WebDestination } from '../../receiver/deliver/destination.ts';
import { dataSetHash, writeInstance } from './instance-files.ts';
import { PeerNamespace } from './peer-namespace.ts';
import type { Processes, RunningProgram } from './processes.ts';

const pluginFolder = '/usr/share/orthanc/plugins';
const dicomPort = 4242;
const httpPort = 8042;
const user = 'diode';
const password = 'diode';

export class Orthanc {
  readonly namespace: PeerNamespace;
  /** Of its DICOM and HTTP servers, on our loopback. */
  readonly dicomPort: number;
  readonly httpPort: number;
  readonly #processes: Processes;
  readonly #program: RunningProgram;

  private constructor(
    processes: Processes,
    namespace: PeerNamespace,
    program: RunningProgram,
    ports: { dicom: number; http: number },
  ) {
    this.#program = program;
    this.#processes = processes;
    this.namespace = namespace;
    this.dicomPort = ports.dicom;
    this.httpPort = ports.http;
  }

  /** @param otherPorts of programs that share its namespace */
  static async start(processes: Processes, otherPorts: readonly number[] = []): Promise<Orthanc> {
    const folder = processes.temporaryFolder();
    const configuration = {
      Name: 'PACS',
      StorageDirectory: join(folder, 'storage'),
      IndexDirectory: join(folder, 'index'),
      Plugins: [pluginFolder],
      DicomAet: 'PACS',
      DicomPort: dicomPort,
      HttpPort: httpPort,
      RemoteAccessAllowed: true,
      AuthenticationEnabled: true,
      RegisteredUsers: { [user]: password },
      UnknownSopClassAccepted: true,
      OverwriteInstances: true,
      StoreMD5ForAttachments: false,
      DicomWeb: { Enable: true, Root: '/dicom-web/' },
    };
    const path = join(folder, 'orthanc.json');
    writeFileSync(path, JSON.stringify(configuration));
    const namespace = await PeerNamespace.start(processes, [dicomPort, httpPort, ...otherPorts]);
    // Without it, it waits 40 ms for each answer (its Nagle, our delayed acknowledgement through the relay).
    const program = namespace.run('Orthanc', 'Orthanc', [path], { TCP_NODELAY: '1' });
    await namespace.waitForPort(dicomPort);
    await namespace.waitForPort(httpPort);
    const ports = { dicom: await namespace.expose(dicomPort), http: await namespace.expose(httpPort) };
    return new Orthanc(processes, namespace, program, ports);
  }

  get overDicom(): DicomDestination {
    const names = { calledAe: 'PACS', callingAe: 'DIODE' };
    return { kind: 'dicom', name: 'PACS', host: '127.0.0.1', port: this.dicomPort, ...names };
  }

  get overWeb(): WebDestination {
    const credentials = { kind: 'basic', user, password } as const;
    return { kind: 'dicomweb', name: 'PACS', url: new URL(this.webAddress), credentials };
  }

  get webAddress(): string {
    return `http://127.0.0.1:${this.httpPort}/dicom-web`;
  }

  /** As a file of credentials has them. */
  get credentialsLine(): string {
    return `basic ${user}:${password}\n`;
  }

  /** Hashes of the data set of each instance that it has, by UID. */
  async storedHashes(sopInstanceUids: readonly string[]): Promise<Map<string, string>> {
    const folder = this.#processes.temporaryFolder();
    const hashes = new Map<string, string>();
    for (const uid of sopInstanceUids) {
      const query = { Level: 'Instance', Query: { SOPInstanceUID: uid } };
      const [id]: string[] = JSON.parse((await this.rest('/tools/find', query)).toString());
      if (id === undefined) continue;
      const stored = await writeInstance(join(folder, uid), await this.rest(`/instances/${id}/file`));
      hashes.set(uid, dataSetHash(stored));
    }
    return hashes;
  }

  /** GET, or POST where there is a body. */
  rest(path: string, body?: object): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const options = { auth: `${user}:${password}`, method: body === undefined ? 'GET' : 'POST' };
      const asked = request(`http://127.0.0.1:${this.httpPort}${path}`, options, (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('end', () => resolve(Buffer.concat(parts)));
        response.on('error', reject);
      });
      asked.on('error', reject);
      asked.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  /** At once: it takes seconds to end in order, and what it has is not kept. */
  close(): Promise<void> {
    this.#program.signal('SIGKILL');
    return this.namespace.close();
  }
}
