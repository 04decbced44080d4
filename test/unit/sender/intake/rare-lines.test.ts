import { expect, it } from 'vitest';
import { RareLines } from '../../../../sender/intake/rare-lines.ts';

it('lines that others decide the number of are so many a minute, and say how many were left out', () => {
  let nowMs = 0;
  const lines = new RareLines({ monotonicMs: () => nowMs });
  const written = Array.from({ length: 100 }, () => lines.next('E_NOT_DICOM'));
  expect(written.filter((line) => line !== undefined)).toHaveLength(20);
  expect(lines.next('E_NO_UID', 'why')).toEqual({ code: 'E_NO_UID', detail: 'why' });
  nowMs = 60_000;
  expect(lines.next('E_NOT_DICOM')).toEqual({
    code: 'E_NOT_DICOM',
    detail: '80 more before this one were not logged',
  });
  expect(lines.next('E_NOT_DICOM')).toEqual({ code: 'E_NOT_DICOM' });
});
