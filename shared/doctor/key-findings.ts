/** What `doctor` says about the names in a receiver's key file: they keep senders from impersonating each other. */
import { type KeyRing, readKeyRing } from '../crypto/key-file.ts';
import { DiodeError } from '../errors.ts';
import { type Finding, ok, wrong } from './finding.ts';

/** @param senders how many were heard from, as far as is known */
export function keyNameFindings(keyFile: string, senders: number): Finding[] {
  try {
    return [keyNamesFinding(readKeyRing(keyFile), senders)];
  } catch (error) {
    // Another finding already says that it can't be read.
    if (error instanceof DiodeError) return [];
    throw error;
  }
}

export function keyNamesFinding({ keys }: Pick<KeyRing, 'keys'>, senders: number): Finding {
  const names = new Set(keys.map(({ name }) => name));
  const unnamed = keys.filter(({ name }) => name === '');
  if (unnamed.length > 0 && (senders > 1 || names.size > 1)) {
    const ids = unnamed.map(({ id }) => id).join(', ');
    return wrong(
      'key names',
      'warning',
      `${unnamed.length === 1 ? `key ${ids} has` : `keys ${ids} have`} no name: anyone who has such a key can pose as any sender that uses one`,
      'Give each sender a key of its own with keygen --name, and bind it with diode-receiver senders bind.',
    );
  }
  const named = [...names].filter((name) => name !== '');
  return ok('key names', named.length === 0 ? 'one sender, unnamed key' : named.join(', '));
}
