/** A sender that was heard, as the ledger has it. */
import type { SenderRecord } from '../../../receiver/ledger/sender-records.ts';
import { senderId } from './high.ts';

export const heard: SenderRecord = {
  senderId,
  sessionCounter: 1,
  sessionRandom: 2,
  sequence: 3,
  rollSequence: 5,
  beaconNumber: 2,
  rollNumber: 1,
  keyId: 1,
  accountFrom: 1,
  highestStudyNumber: 4,
  toldStudyNumber: 4,
  setBackFrom: undefined,
  isRetired: false,
};
