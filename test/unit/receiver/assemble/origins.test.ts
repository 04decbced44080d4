import { expect, it } from 'vitest';
import { Origins } from '../../../../receiver/assemble/origins.ts';
import { at } from '../../../../shared/wire/datagram.ts';

it('origins of one key, however many, take no place of another key', () => {
  const secrets = new Map([1, 2].map((keyId) => [keyId, new Uint8Array(32).fill(keyId)]));
  const origins = new Origins(secrets, () => true);
  const header = (sender: number) => {
    const bytes = Buffer.alloc(at.senderId + 8);
    bytes.writeUInt32BE(sender, at.senderId);
    return bytes;
  };
  const honest = [7, 8, 9].map((sender) => {
    const origin = origins.of(header(sender), 0, 1);
    origins.count(1, 1, 0);
    origins.count(1, 1, 1 + sender);
    return origin;
  });
  for (let sender = 1000; sender < 3000; sender += 1) origins.of(header(sender), 0, 2);
  expect(origins.losses().slice(0, 3)).toEqual(
    [7, 8, 9].map((sender) => ({ senderId: `0000000${sender}00000000`, lost: sender })),
  );
  expect(origins.losses()).toHaveLength(128);
  // Of a sender that is known nothing is made anew.
  for (const [index, sender] of [7, 8, 9].entries())
    expect(origins.of(header(sender), 0, 1)).toBe(honest[index]);
});
