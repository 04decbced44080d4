/** Goal: with pseudonyms no UID is in a log, and each is the same again. Method: texts as the log gets them. */
import { expect, it } from 'vitest';
import { pseudonymsUnder } from '../../../../shared/crypto/pseudonyms.ts';
import { createLog } from '../../../../shared/log.ts';

const uid = '1.2.826.0.1.3680043.10.2.31.1';
const ofLog = pseudonymsUnder(new Uint8Array(32).fill(1));
const pseudonyms = (text: string) => ofLog(text, false);

it('stand for UIDs, wherever those stand, and for nothing else', () => {
  expect(pseudonyms(uid)).toMatch(/^uid-[0-9a-f]{16}$/);
  expect(pseudonyms(`${uid} is there, not ${uid}.5`)).toBe(
    `${pseudonyms(uid)} is there, not ${pseudonyms(`${uid}.5`)}`,
  );
  expect(ofLog('1.2', true)).toMatch(/^uid-/);
  for (const other of ['10.99.0.2', '0.1.0', 'simd', '07'.repeat(8), '3 of 5 at 10.99.0.2:4747'])
    expect(pseudonyms(other)).toBe(other);
});

it('are of the key', () => {
  expect(pseudonymsUnder(new Uint8Array(32).fill(2))(uid, false)).not.toBe(pseudonyms(uid));
  expect(pseudonymsUnder(new Uint8Array(32).fill(1))(uid, false)).toBe(pseudonyms(uid));
});

it('are in every text of a line', () => {
  const lines: string[] = [];
  const log = createLog('diode-sender', 'info', {
    stream: { write: (line) => lines.push(line) },
    pseudonyms,
  });
  log.info('study closed', { studyUid: uid, subject: `07 ${uid}`, detail: `of ${uid}`, studyNumber: 4 });
  expect(lines.join('')).not.toContain(uid);
  expect(lines.join('').split(pseudonyms(uid))).toHaveLength(4);
});
