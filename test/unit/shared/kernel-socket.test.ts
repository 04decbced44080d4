/** Goal: nothing can arrive where the sender sends from. Method: both ends of loopback, and one that may hear beside. */
import { createSocket, type Socket } from 'node:dgram';
import { expect, it } from 'vitest';
import { prepareSendingSocket } from '../../../shared/kernel-socket.ts';

const loopback = '127.0.0.1';

async function bound(options: { readonly fd: number } | { readonly port: 0; readonly address: string }) {
  const socket = createSocket('udp4');
  const heard: string[] = [];
  socket.on('message', (bytes) => heard.push(bytes.toString()));
  await new Promise<void>((listening) => socket.bind(options, listening));
  return { socket, heard };
}

it('what arrives at a socket to send from is dropped by the kernel', async () => {
  const prepared = prepareSendingSocket({
    sourceAddress: loopback,
    interface: undefined,
    sendBufferBytes: 65_536,
    datagramBytes: 1000,
  });
  if (prepared === undefined) throw new Error('koffi is installed, and this is Linux');
  const deaf = await bound({ fd: prepared.descriptor });
  const beside = await bound({ port: 0, address: loopback });
  const said = (to: Socket, text: string) =>
    new Promise((sent) => beside.socket.send(text, to.address().port, loopback, sent));
  try {
    for (let datagram = 0; datagram < 20; datagram += 1) await said(deaf.socket, 'to the sender');
    // Loopback keeps the order: when this is heard, the others were delivered.
    await said(beside.socket, 'to itself');
    await expect.poll(() => beside.heard, { timeout: 10_000 }).toEqual(['to itself']);
    await new Promise((later) => setTimeout(later, 50));
    expect(deaf.heard).toEqual([]);
  } finally {
    deaf.socket.close();
    beside.socket.close();
  }
});
