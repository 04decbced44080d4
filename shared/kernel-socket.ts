/**
 * UDP sockets prepared in the kernel before Node takes them over: segmentation offload (UDP_SEGMENT, UDP_GRO), buffers
 * beyond the default, the only interface by which datagrams may come and leave (SO_BINDTODEVICE), and for the sender a
 * filter that drops whatever might arrive.
 *
 * For TCP it adds one thing that Node lacks: acknowledging at once (TCP_QUICKACK). For the process it adds another: freed
 * buffers go back to the system.
 *
 * This is the only file that calls C. It declares exactly these functions: socket, setsockopt, getsockopt, bind, recv,
 * close, mallopt, malloc_trim, and from Intel's ISA-L ec_init_tables and ec_encode_data, which only compute. Without koffi
 * or Linux, or if the kernel refuses, it returns undefined and the link uses plain sockets: slower, but otherwise the same.
 */
import { createRequire } from 'node:module';
import { DiodeError } from './errors.ts';
import type { ErasureLibrary } from './fec/isal-engine.ts';

export interface PreparedSocket {
  /** The file descriptor; whoever takes it over closes it. */
  readonly descriptor: number;
  /** Whether the kernel splits (sender) or joins (receiver) datagrams of one length. */
  readonly offload: boolean;
  /** The buffer size as the kernel reports it, which is twice its capacity. */
  readonly bufferBytes: number;
}

/** Whether a socket is bound to an interface; `gone`: to one that no longer exists, so that nothing comes or leaves. */
export type Binding = { readonly to: string } | 'unbound' | 'gone';

/** From the Linux headers; none of them differs between x86-64 and ARM64. */
const linux = {
  familyInet: 2,
  typeDatagram: 2,
  nonBlocking: 0o4000,
  doNotWait: 0x40,
  closeOnExec: 0o2000000,
  levelSocket: 1,
  levelTcp: 6,
  levelUdp: 17,
  tcpQuickAcknowledge: 12,
  sendBuffer: 7,
  receiveBuffer: 8,
  bindToDevice: 25,
  attachFilter: 26,
  sendBufferForce: 32,
  receiveBufferForce: 33,
  udpSegment: 103,
  udpJoin: 104,
  interfaceNameBytes: 16,
  trimThreshold: -1,
  mapThreshold: -3,
  errorAddressInUse: 98,
  errorAddressNotAvailable: 99,
} as const;

interface LibraryC {
  socket(family: number, type: number, protocol: number): number;
  setsockopt(descriptor: number, level: number, option: number, value: Uint8Array, length: number): number;
  getsockopt(descriptor: number, level: number, option: number, value: Uint8Array, length: number[]): number;
  bind(descriptor: number, address: Uint8Array, length: number): number;
  recv(descriptor: number, target: Uint8Array, length: number, flags: number): number;
  close(descriptor: number): number;
  mallopt(parameter: number, value: number): number;
  trim(kept: number): number;
  attachFilter(descriptor: number, level: number, option: number, program: object, length: number): number;
  errno(): number;
}

let library: LibraryC | undefined | null = null;

function libraryC(): LibraryC | undefined {
  if (library !== null) return library;
  library = process.platform === 'linux' ? loadLibrary() : undefined;
  return library;
}

function loadLibrary(): LibraryC | undefined {
  try {
    const koffi: typeof import('koffi') = createRequire(import.meta.url)('koffi');
    const c = koffi.load('libc.so.6');
    koffi.struct('sock_fprog', { length: 'unsigned short', filter: 'void *' });
    return {
      socket: c.func('int socket(int, int, int)'),
      setsockopt: c.func('int setsockopt(int, int, int, const void *, unsigned int)'),
      getsockopt: c.func('int getsockopt(int, int, int, _Out_ void *, _Inout_ unsigned int *)'),
      bind: c.func('int bind(int, const void *, unsigned int)'),
      recv: c.func('long recv(int, _Out_ void *, unsigned long, int)'),
      close: c.func('int close(int)'),
      mallopt: c.func('int mallopt(int, int)'),
      trim: c.func('int malloc_trim(unsigned long)'),
      attachFilter: c.func('int setsockopt(int, int, int, const sock_fprog *, unsigned int)'),
      errno: () => koffi.errno(),
    };
  } catch {
    return undefined;
  }
}

/** The smallest buffer that goes back to the system when freed. Larger than a joined message of the link. */
const largeBufferBytes = 128 * 1024;
/** How much of small ones is kept for reuse: returning and requesting each again costs a fault per page. */
const keptBytes = 12 * 2 ** 20;
/** Free memory between used blocks does not go back by itself. Looking for it in 60 MB takes a few milliseconds. */
const trimEveryMs = 10_000;

/**
 * Makes the C library return large buffers to the system when they are freed, for the whole process. By default it keeps
 * them once the first one was freed, up to 32 MiB each, and used memory is scattered over unused memory: a receiver with
 * all its quotas full had 450 MB for 350 MB of buffers. Small ones freed between others go back every 10 s. Without koffi
 * nothing changes.
 */
export function giveBackFreedBuffers(): void {
  const c = libraryC();
  c?.mallopt(linux.mapThreshold, largeBufferBytes);
  c?.mallopt(linux.trimThreshold, keptBytes);
  setInterval(() => c?.trim(keptBytes), trimEveryMs).unref();
}

/** Debian's `libisal2`; undefined if it is not installed. */
export function loadErasureLibrary(): ErasureLibrary | undefined {
  try {
    const koffi: typeof import('koffi') = createRequire(import.meta.url)('koffi');
    const isal = koffi.load('libisal.so.2');
    return {
      initTables: isal.func('void ec_init_tables(int, int, const void *, _Out_ void *)'),
      encodeData: isal.func('void ec_encode_data(int, int, int, const void *, const void *, const void *)'),
      addressOf: (bytes) => koffi.address(bytes),
    };
  } catch {
    return undefined;
  }
}

/**
 * A socket to send from: the kernel splits what it is given into datagrams, and drops everything that arrives.
 * @throws DiodeError E_LINK_ADDRESS if the source address does not belong to this host
 */
export function prepareSendingSocket(options: {
  sourceAddress: string | undefined;
  /** Undefined if it is not known. {@link bindingOf} shows whether the kernel refused it. */
  interface: string | undefined;
  sendBufferBytes: number;
  datagramBytes: number;
}): PreparedSocket | undefined {
  return prepare((c, descriptor) => {
    // Before anything else: from the first moment on nothing can arrive here.
    if (!attachDropAll(c, descriptor)) return undefined;
    if (options.interface !== undefined) bindToInterface(descriptor, options.interface);
    setBuffer(c, descriptor, linux.sendBufferForce, linux.sendBuffer, options.sendBufferBytes);
    if (options.sourceAddress !== undefined) bindTo(c, descriptor, options.sourceAddress, 0);
    const offload = setOption(c, descriptor, linux.levelUdp, linux.udpSegment, options.datagramBytes);
    return { descriptor, offload, bufferBytes: bufferOf(c, descriptor, linux.sendBuffer) };
  });
}

/** Whether this kernel splits and joins datagrams: tried on a socket that is closed at once. */
export function hasOffload(): boolean {
  let found = false;
  const sending = { sourceAddress: undefined, interface: undefined };
  const tried = prepareSendingSocket({ ...sending, sendBufferBytes: 65_536, datagramBytes: 1472 });
  const c = libraryC();
  if (tried !== undefined && c !== undefined) {
    found = tried.offload && setOption(c, tried.descriptor, linux.levelUdp, linux.udpJoin, 1);
    c.close(tried.descriptor);
  }
  return found;
}

/** Stops the kernel from splitting, if an interface turns out not to support it. */
export function stopSegmentation(descriptor: number): void {
  const c = libraryC();
  if (c !== undefined) setOption(c, descriptor, linux.levelUdp, linux.udpSegment, 0);
}

/**
 * A bound socket to receive on: the kernel joins datagrams of one length.
 * @throws DiodeError E_LINK_PORT_BUSY, E_LINK_ADDRESS
 */
export function prepareReceivingSocket(options: {
  address: string;
  port: number;
  /** Like that of {@link prepareSendingSocket}. */
  interface: string | undefined;
  receiveBufferBytes: number;
}): PreparedSocket | undefined {
  return prepare((c, descriptor) => {
    setBuffer(c, descriptor, linux.receiveBufferForce, linux.receiveBuffer, options.receiveBufferBytes);
    const offload = setOption(c, descriptor, linux.levelUdp, linux.udpJoin, 1);
    // Before it has a port: from the first moment on nothing comes from elsewhere.
    if (options.interface !== undefined) bindToInterface(descriptor, options.interface);
    bindTo(c, descriptor, options.address, options.port);
    return { descriptor, offload, bufferBytes: bufferOf(c, descriptor, linux.receiveBuffer) };
  });
}

/**
 * Binds a socket to an interface: it only receives what came by that one, and sends over no other, whatever the routes are.
 * The kernel otherwise accepts packets for any address of its host from all its networks. From Linux 5.7 on, any process may
 * do this with a socket that is not bound yet. @returns false if the kernel refuses, or there is no such interface
 */
export function bindToInterface(descriptor: number, name: string): boolean {
  const bytes = Buffer.from(`${name}\0`, 'latin1');
  if (bytes.length > linux.interfaceNameBytes) return false;
  const c = libraryC();
  return c?.setsockopt(descriptor, linux.levelSocket, linux.bindToDevice, bytes, bytes.length) === 0;
}

/** What the kernel says a socket is bound to. */
export function bindingOf(descriptor: number): Binding {
  const value = Buffer.alloc(linux.interfaceNameBytes);
  const length = [linux.interfaceNameBytes];
  const c = libraryC();
  if (c === undefined) return 'unbound';
  if (c.getsockopt(descriptor, linux.levelSocket, linux.bindToDevice, value, length) !== 0) return 'gone';
  const to = value.toString('latin1', 0, Math.max(0, (length[0] ?? 0) - 1));
  return to === '' ? 'unbound' : { to };
}

/**
 * Reads what is waiting at a receiving socket, without waiting for more: one datagram, or several joined ones.
 * @param target with room for the largest message; what does not fit is lost
 * @returns how many bytes came, or undefined if nothing is waiting
 */
export function receiveNow(descriptor: number, target: Uint8Array): number | undefined {
  const bytes = libraryC()?.recv(descriptor, target, target.length, linux.doNotWait) ?? -1;
  // The socket's owner in Node is also told about anything else that is wrong with it.
  return bytes < 0 ? undefined : bytes;
}

function prepare(
  make: (c: LibraryC, descriptor: number) => PreparedSocket | undefined,
): PreparedSocket | undefined {
  const c = libraryC();
  if (c === undefined) return undefined;
  const type = linux.typeDatagram | linux.nonBlocking | linux.closeOnExec;
  const descriptor = c.socket(linux.familyInet, type, 0);
  if (descriptor < 0) return undefined;
  let prepared: PreparedSocket | undefined;
  try {
    prepared = make(c, descriptor);
  } finally {
    if (prepared === undefined) c.close(descriptor);
  }
  return prepared;
}

/** One instruction of classic BPF: return 0 bytes, that is, drop. */
function attachDropAll(c: LibraryC, descriptor: number): boolean {
  const instruction = new Uint8Array([0x06, 0, 0, 0, 0, 0, 0, 0]);
  const program = { length: 1, filter: instruction };
  return c.attachFilter(descriptor, linux.levelSocket, linux.attachFilter, program, 16) === 0;
}

/** The forced option may exceed the host's limit in a privileged process; the plain one is clamped to it. */
function setBuffer(c: LibraryC, descriptor: number, forced: number, plain: number, bytes: number): void {
  if (setOption(c, descriptor, linux.levelSocket, forced, bytes)) return;
  setOption(c, descriptor, linux.levelSocket, plain, bytes);
}

function bufferOf(c: LibraryC, descriptor: number, option: number): number {
  const value = Buffer.alloc(4);
  c.getsockopt(descriptor, linux.levelSocket, option, value, [4]);
  return value.readInt32LE();
}

function setOption(c: LibraryC, descriptor: number, level: number, option: number, value: number): boolean {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return c.setsockopt(descriptor, level, option, bytes, 4) === 0;
}

/** A `sockaddr_in`: family in host order, port and address in network order. */
function bindTo(c: LibraryC, descriptor: number, address: string, port: number): void {
  const bytes = Buffer.alloc(16);
  bytes.writeUInt16LE(linux.familyInet, 0);
  bytes.writeUInt16BE(port, 2);
  bytes.set(address.split('.').map(Number), 4);
  if (c.bind(descriptor, bytes, bytes.length) === 0) return;
  const error = c.errno();
  if (error === linux.errorAddressInUse) throw new DiodeError('E_LINK_PORT_BUSY');
  if (error === linux.errorAddressNotAvailable) throw new DiodeError('E_LINK_ADDRESS');
  throw new DiodeError('E_LINK_ADDRESS', `the link cannot be opened (error ${error} of bind)`);
}

/**
 * Acknowledges what came on one of Node's TCP connections without the kernel's delay of 40 ms. A peer that writes a message
 * in two pieces under Nagle's algorithm, as most DICOM programs do, waits for that with every message: 520 images to DCMTK's
 * storescp take 23 s without it and 0.4 s with it. It applies to what has already come, so it is called each time.
 */
export function acknowledgeAtOnce(connection: object): void {
  const c = libraryC();
  if (c === undefined) return;
  const descriptor = descriptorOf(connection);
  if (descriptor !== undefined) setOption(c, descriptor, linux.levelTcp, linux.tcpQuickAcknowledge, 1);
}

/** Node keeps it where its own modules look for it. If that ever changes, only the delay comes back. */
function descriptorOf(connection: object): number | undefined {
  const handle: unknown = Reflect.get(connection, '_handle');
  if (typeof handle !== 'object' || handle === null) return undefined;
  const descriptor: unknown = Reflect.get(handle, 'fd');
  return typeof descriptor === 'number' && descriptor >= 0 ? descriptor : undefined;
}
