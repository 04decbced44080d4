/**
 * Preloaded into a program by a test (`NODE_OPTIONS=--import=…`): kills one of its threads a little after it began.
 * FAULT_OF_A_TEST says which and how: `encode-thread throw`, `link-thread exit`. The programs know nothing of this.
 */
import { isMainThread } from 'node:worker_threads';

const [thread = '', how = ''] = (process.env['FAULT_OF_A_TEST'] ?? '').split(' ');
const afterMs = 700;

if (!isMainThread && thread !== '' && process.argv[1]?.includes(thread) === true) {
  setTimeout(() => {
    if (how === 'exit') process.exit(7);
    throw new Error('the fault of a test');
  }, afterMs);
}
