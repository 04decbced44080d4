/**
 * Goal: what the kernel has no room for is sent again and nothing is lost; what an interface can't cut leaves one by
 * one. Method: a socket that answers as it is told to.
 */
import { EventEmitter } from 'node:events';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { SenderLink } from '../../../../sender/link/link.ts';

const datagramBytes = 1000;
const fake = vi.hoisted(() => ({
  answers: [] as (string | null)[],
  sent: [] as number[][],
  sockets: [] as { emit(event: string, cause: Error): boolean }[],
  stopped: [] as number[],
  isWithoutWay: false,
}));

class FakeSocket extends EventEmitter {
  bind(_options: object, done: () => void): void {
    done();
  }

  /** As Node does: an outcome is an event, unless there is a callback, which is told of either. */
  connect(_port: number, _address: string, done?: (cause?: Error) => void): void {
    const cause = fake.isWithoutWay ? Object.assign(new Error(), { code: 'ENETUNREACH' }) : undefined;
    if (done !== undefined) done(cause);
    else if (cause === undefined) this.emit('connect');
    else this.emit('error', cause);
  }

  close(): void {}

  /** As Node does: the outcome comes later, whatever it is. */
  send(bytes: Uint8Array, done: (cause: Error | null) => void): void {
    const code = fake.answers.shift() ?? null;
    if (code === null) {
      const count = bytes.length / datagramBytes;
      fake.sent.push(Array.from({ length: count }, (_, index) => bytes[index * datagramBytes] ?? -1));
    }
    queueMicrotask(() => done(code === null ? null : Object.assign(new Error(code), { code })));
  }

  getSendQueueCount(): number {
    return 0;
  }
}

vi.mock('node:dgram', () => ({
  createSocket: () => {
    const socket = new FakeSocket();
    fake.sockets.push(socket);
    return socket;
  },
}));
vi.mock('../../../../shared/kernel-socket.ts', () => ({
  prepareSendingSocket: () => ({ descriptor: 99, offload: true, bufferBytes: 1e6 }),
  stopSegmentation: (descriptor: number) => fake.stopped.push(descriptor),
}));

const settled = () => new Promise((resolve) => setImmediate(resolve));
const open = () =>
  SenderLink.open({
    address: '10.0.0.2',
    port: 4747,
    sourceAddress: undefined,
    interface: undefined,
    sendBufferBytes: 1e6,
    datagramBytes,
  });
/** Datagrams of which each begins with its number. */
const numbered = (first: number, count: number) => {
  const bytes = new Uint8Array(count * datagramBytes);
  for (let index = 0; index < count; index += 1) bytes[index * datagramBytes] = first + index;
  return bytes;
};

describe('the sending end of the link', () => {
  beforeEach(() => {
    fake.answers = [];
    fake.sent = [];
    fake.stopped = [];
    fake.isWithoutWay = false;
  });

  it.each(['ENOBUFS', 'EAGAIN', 'ENOMEM'])(
    'sends again what the kernel had no room for: %s',
    async (code) => {
      const link = await open();
      fake.answers = [null, code, code, null, code];
      link.send(numbered(0, 3));
      link.send(numbered(3, 3));
      link.send(numbered(6, 3));
      expect(link.idle).toBe(false);
      await settled();
      expect([link.idle, link.hasRefused]).toEqual([false, true]);
      for (let tries = 0; link.hasRefused && tries < 10; tries += 1) {
        link.sendRefused();
        await settled();
      }
      expect(fake.sent.flat().sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
      expect([link.idle, link.segments, link.takeFailure()]).toEqual([true, 44, undefined]);
    },
  );

  it.each(['EIO', 'EINVAL'])('sends one by one what an interface can not cut: %s', async (code) => {
    const link = await open();
    fake.answers = [code, code];
    link.send(numbered(0, 3));
    link.send(numbered(3, 2));
    await settled();
    link.sendRefused();
    await settled();
    expect(fake.sent).toEqual([[0], [1], [2], [3], [4]]);
    expect([fake.stopped, link.segments, link.idle, link.takeFailure()]).toEqual([[99], 1, true, undefined]);
  });

  it('does not open while there is no way to the receiver', async () => {
    fake.isWithoutWay = true;
    await expect(open()).rejects.toMatchObject({ code: 'E_LINK_SEND' });
  });

  it('never hears of a missing receiver, and says what else went wrong, once', async () => {
    const link = await open();
    fake.answers = ['ECONNREFUSED', 'ENETUNREACH'];
    link.send(numbered(0, 1));
    link.send(numbered(1, 1));
    await settled();
    expect([link.idle, link.hasRefused]).toEqual([true, false]);
    fake.sockets.at(-1)?.emit('error', Object.assign(new Error(), { code: 'ECONNREFUSED' }));
    expect(link.takeFailure()).toMatchObject({
      code: 'E_LINK_SEND',
      message: expect.stringMatching(/ENETUNREACH/),
    });
    expect(link.takeFailure()).toBeUndefined();
    fake.sockets.at(-1)?.emit('error', Object.assign(new Error(), { code: 'ECONNREFUSED' }));
    expect(link.takeFailure()).toBeUndefined();
  });
});
