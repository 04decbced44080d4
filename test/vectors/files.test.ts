/**
 * Goal: the vectors are what this program makes, are told apart by their names, and each bad one declares a code of
 * the catalogue. UPDATE=1 writes them anew; read what has changed then, since it is the protocol.
 */
import { describe, expect, it } from 'vitest';
import { isErrorCode } from '../../shared/errors.ts';
import { vectorFiles } from './files.ts';
import { keptText, vectorText } from './vector-file.ts';

describe.each(vectorFiles)('the file $name', ({ name, about, make }) => {
  it('is what the program makes', () => {
    const made = vectorText(about, make());
    expect(keptText(name, made) === made, 'the file differs: UPDATE=1 writes it anew').toBe(true);
  });

  it('has names of their own, and codes of the catalogue', () => {
    const vectors = make();
    expect(new Set(vectors.map((vector) => vector.name)).size).toBe(vectors.length);
    for (const vector of vectors) {
      if ('error' in vector) expect(isErrorCode(String(vector.error)), vector.name).toBe(true);
    }
  });
});
