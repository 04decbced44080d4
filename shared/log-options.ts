/** The log's options from the configuration. */
import { readKeyFile } from './crypto/key-file.ts';
import { pseudonymsUnder } from './crypto/pseudonyms.ts';
import { journalStream } from './journal.ts';
import type { LogOptions } from './log.ts';

/** @throws DiodeError E_KEY_MISSING, E_KEY_READABLE, E_KEY_FORMAT: the pseudonyms come from the first key */
export function logOptions(values: {
  readonly keyFile: string;
  readonly 'log.pseudonyms': boolean;
}): LogOptions {
  const stream = journalStream(process.env['JOURNAL_STREAM']);
  return {
    ...(stream !== undefined && { stream }),
    ...(values['log.pseudonyms'] && { pseudonyms: pseudonymsUnder(readKeyFile(values.keyFile)[0].secret) }),
  };
}
