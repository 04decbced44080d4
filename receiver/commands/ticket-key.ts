/** The key for a sender's ticket: one of the name that the sender is bound to, never another's. */
import type { Key, KeyRing } from '../../shared/crypto/key-file.ts';
import { DiodeError } from '../../shared/errors.ts';
import type { ReceiverLedger } from '../ledger/ledger.ts';
import type { SenderRecord } from '../ledger/sender-records.ts';

/**
 * The key of its newest beacon while the ring has it, otherwise the first of its name.
 * @throws DiodeError E_KEY_UNKNOWN
 */
export function ticketKey(ledger: ReceiverLedger, ring: KeyRing, sender: SenderRecord): Key {
  const { senderId, keyId } = sender;
  const binding = ledger.bindings.all().find((each) => each.senderId === senderId);
  const name = ring.senders.get(senderId) ?? binding?.keyName ?? '';
  const ofName = ring.keys.filter((key) => key.name === name);
  const key = ofName.find(({ id }) => id === keyId) ?? ofName[0];
  if (key !== undefined) return key;
  throw new DiodeError(
    'E_KEY_UNKNOWN',
    `sender ${senderId} is bound to ${name === '' ? 'keys without a name' : `the key name ${name}`}, but the key file has no such key`,
  );
}
