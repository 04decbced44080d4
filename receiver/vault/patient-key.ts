/**
 * The key for the hashes of patients in this ledger. It is created once and kept beside the vault's files, which name the
 * patients anyway, so that whoever gets a ledger or a backup of it learns nothing about patients.
 */
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { nodeDisk, writeDurably } from '../../shared/disk.ts';
import { DiodeError, diskError } from '../../shared/errors.ts';

const keyBytes = 32;

/** @throws DiodeError E_DISK; with a different key every patient would look like another one */
export function patientKey(vaultFolder: string): Uint8Array {
  const path = join(vaultFolder, 'patient.key');
  if (!existsSync(path)) writeDurably(nodeDisk, path, randomBytes(keyBytes));
  let key: Uint8Array;
  try {
    key = readFileSync(path);
  } catch (cause) {
    throw diskError(cause, 'reading patient.key in the vault');
  }
  if (key.length !== keyBytes)
    throw new DiodeError('E_DISK', `patient.key in the vault is not ${keyBytes} bytes long: restore it`);
  return new Uint8Array(key);
}
