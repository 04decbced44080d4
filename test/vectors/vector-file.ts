/**
 * The vectors: JSON beside this file, for this program and for every other that speaks the protocol. A vector
 * says what must come out, or the code of the error; bytes are hexadecimal.
 *
 * `UPDATE=1 npx vitest run --project vectors` writes them anew from `cases/`. That is for a new version of the
 * wire, and for a new case: a change to one that is there is a change of the protocol.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ErrorCode } from '../../shared/errors.ts';
import { wireVersion } from '../../shared/wire/datagram.ts';
import { repositoryRoot } from '../harness/repository-root.ts';

/** A vector that must be refused: it declares with which code. */
export interface Refused {
  readonly error: ErrorCode;
}

export interface VectorFile<Vector> {
  /** What the vectors are of, and how to read their fields. */
  readonly about: string;
  readonly wireVersion: number;
  readonly vectors: readonly Vector[];
}

export interface Named {
  readonly name: string;
}

/** The vectors as they stand in the repository. */
export function readVectors<Vector extends Named>(name: string): readonly Vector[] {
  const file: VectorFile<Vector> = JSON.parse(readFileSync(pathOf(name), 'utf8'));
  return file.vectors;
}

/** The text in the repository, after it was written anew where that is asked for. */
export function keptText(name: string, made: string): string {
  if (process.env['UPDATE'] === '1') writeFileSync(pathOf(name), made);
  return existsSync(pathOf(name)) ? readFileSync(pathOf(name), 'utf8') : '';
}

/** A file of vectors, one vector a paragraph. */
export function vectorText(about: string, vectors: readonly Named[]): string {
  return `${JSON.stringify({ about, wireVersion, vectors }, undefined, 1)}\n`;
}

export const hex = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');

export const fromHex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));

function pathOf(name: string): string {
  return join(repositoryRoot(), 'test/vectors', `${name}.json`);
}
