/**
 * The gate's thread: looks at whole files in incoming/ beside the thread that assembles, and answers what it found. It
 * tells at which one it is in shared memory, so that it can be ended for one that it does not get through with.
 */
import { closeSync, openSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { present } from '../../shared/assert.ts';
import { collectorOfLargeBuffers } from '../../shared/collector.ts';
import { readAtDescriptor } from '../../shared/dicom/byte-window.ts';
import { DiodeError, type ErrorCode } from '../../shared/errors.ts';
import { type Findings, findingsOf, gaveUp } from '../gate/findings.ts';
import type { GatePolicy } from '../gate/inspect.ts';

export interface GateThreadData {
  readonly gate: GatePolicy;
  readonly patientKey: Uint8Array;
  /** One Int32: the place in the order of the file that is looked at. */
  readonly progress: SharedArrayBuffer;
}

/** Files to be looked at, one after the other. */
export interface GateOrder {
  readonly number: number;
  readonly files: readonly { readonly path: string; readonly bytes: number }[];
}

/** What was found, of the first files of the order: it ends early where they take long. */
export interface GateAnswers {
  readonly number: number;
  readonly answers: readonly {
    readonly found: Findings | { readonly code: ErrorCode; readonly detail: string };
    readonly milliseconds: number;
  }[];
}

/** After so long the answers so far go out, so that another sender has its turn. */
const orderMs = 5;

const port = present(parentPort, 'this file runs as a worker');
const { gate, patientKey, progress }: GateThreadData = workerData;
const place = new Int32Array(progress);
/** A deflated file is inflated into a buffer of its own. */
const collectLargeBuffers = collectorOfLargeBuffers();

port.on('message', ({ number, files }: GateOrder) => {
  const answers: GateAnswers['answers'][number][] = [];
  const beganAt = performance.now();
  let doneAt = beganAt;
  for (const [index, file] of files.entries()) {
    Atomics.store(place, 0, index);
    collectLargeBuffers();
    const found = lookAt(file.path, file.bytes);
    const startedAt = doneAt;
    doneAt = performance.now();
    answers.push({ found, milliseconds: doneAt - startedAt });
    if (doneAt - beganAt > orderMs) break;
  }
  Atomics.store(place, 0, files.length);
  port.postMessage({ number, answers } satisfies GateAnswers);
  // That of the last file, when nothing on the stack leads to it.
  setImmediate(collectLargeBuffers);
});

function lookAt(path: string, bytes: number): GateAnswers['answers'][number]['found'] {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(path, 'r');
    const found = findingsOf(readAtDescriptor(descriptor), bytes, gate, patientKey);
    return found instanceof DiodeError ? { code: found.code, detail: found.message } : found;
  } catch (error) {
    if (descriptor === undefined)
      return { code: 'E_DISK', detail: 'a complete file in incoming/ cannot be opened' };
    // A defect of this program that one file meets: that one is held, and the others go on.
    console.error(error);
    return gaveUp;
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}
