/** Goal: a list of any length is given as it came; it is stored in parts, since what is stored at once is copied often. */
import { expect, it } from 'vitest';
import { ReceiverLedger } from '../../../../receiver/ledger/ledger.ts';
import { closeReason, priority } from '../../../../shared/wire/manifest.ts';
import { Random } from '../../../harness/random.ts';

const partBytes = 2 ** 20;
const senderId = '0123456789abcdef';

it.each([1, partBytes - 1, partBytes, partBytes + 1, 3 * partBytes + 7])(
  'gives a document of %i bytes as it came',
  (length) => {
    const ledger = new ReceiverLedger(':memory:');
    const enter = (studyNumber: number) => {
      const document = new Random(length + studyNumber).bytes(length);
      const head = { senderId, studyUid: `1.${studyNumber}`, studyNumber, revision: 1, count: 1 };
      const rest = { closedBecause: closeReason.quiet, priority: priority.routine, closedAtMs: 0 } as const;
      const objectId = studyNumber.toString(16).padStart(32, '0');
      ledger.manifests.enter({ ...head, ...rest }, objectId, document, 0);
      return document;
    };
    const documents = [enter(1), enter(2)];
    for (const [index, document] of documents.entries()) {
      const stored = ledger.manifests.documentOf(senderId, `1.${index + 1}`, 1);
      expect(Buffer.compare(stored ?? new Uint8Array(0), document)).toBe(0);
    }
    expect(ledger.manifests.document(77)).toBeUndefined();
  },
);
