/**
 * Goal: messages that come over many associations, whole or never ended, take bounded memory, and one scanner's never make
 * another's go. Method: pieces of messages of several scanners, and what is kept meanwhile.
 */
import { describe, expect, it } from 'vitest';
import { MessageRoom } from '../../../../sender/intake/message-room.ts';
import { associationLimits } from '../../../../shared/dicom/upper-layer/limits.ts';

const most = associationLimits.arrivingMessageBytesMax;
const longest = associationLimits.messageDataSetBytesMax;
const piece = new Uint8Array(256 * 1024).fill(7);

function fill(room: MessageRoom, scanner: string, messages: number): void {
  for (let count = 0; count < messages; count += 1) {
    const message = room.begin(scanner);
    for (let bytes = 0; bytes + piece.length <= longest; bytes += piece.length) message.add(piece);
  }
}

describe('data sets of messages that come', () => {
  it('take bounded memory, however many are begun and never ended', () => {
    const room = new MessageRoom();
    for (const scanner of ['a', 'b', 'c']) fill(room, scanner, 100);
    expect(room.bytes).toBeLessThanOrEqual(most);
  });

  it('of one scanner never make those of another go', () => {
    const room = new MessageRoom();
    const honest = room.begin('honest');
    honest.add(piece);
    fill(room, 'hostile', 100);
    honest.add(piece);
    expect(honest.take()?.length).toBe(2 * piece.length);
  });

  it('give their room back when they are taken', () => {
    const room = new MessageRoom();
    const message = room.begin('a');
    message.add(Uint8Array.of(1));
    message.add(Uint8Array.of(2));
    expect([message.take(), room.bytes]).toEqual([Uint8Array.of(1, 2), 0]);
  });

  it('are told of as memory that can be collected, read or not', () => {
    let usedBytes = 0;
    const room = new MessageRoom({
      add: (bytes) => {
        usedBytes += bytes;
      },
    });
    const message = room.begin('a');
    message.add(piece);
    message.add(piece);
    message.take();
    // Its first buffer, and the one twice as large.
    expect(usedBytes).toBe(3 * piece.length);
    const other = room.begin('a');
    other.add(piece);
    other.abandon();
    expect(usedBytes).toBe(4 * piece.length);
  });

  it('take what is counted, however small their pieces are', () => {
    const room = new MessageRoom();
    const message = room.begin('a');
    // Parts of what came in one, as a connection gives them.
    const chunk = Buffer.alloc(65_536, 1);
    for (let count = 0; count < 10_000; count += 1) {
      message.add(Buffer.from(chunk).subarray(count % 7, (count % 7) + 1));
      for (let empty = 0; empty < 5; empty += 1) message.add(chunk.subarray(0, 0));
    }
    expect(room.bytes).toBeLessThanOrEqual(2 * 10_000);
    const whole = message.take();
    expect([whole?.length, whole?.buffer.byteLength]).toEqual([10_000, 16_384]);
  });

  it('give their room back when the rest of them is not coming', () => {
    const room = new MessageRoom();
    const message = room.begin('a');
    message.add(piece);
    message.abandon();
    message.add(piece);
    expect([message.take(), room.bytes]).toEqual([undefined, 0]);
  });

  it('are nothing when they are too long, also with what comes behind', () => {
    const room = new MessageRoom();
    const message = room.begin('a');
    for (let bytes = 0; bytes <= longest; bytes += piece.length) message.add(piece);
    message.add(piece);
    expect([message.take(), room.bytes]).toEqual([undefined, 0]);
  });
});
