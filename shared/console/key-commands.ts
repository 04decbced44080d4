/** `keys list`, `keys use` and `keys revoke`, the same on both sides: the key ring in the file, by ids, never by secrets. */
import type { Command } from 'commander';
import type { Settings } from '../config/settings.ts';
import { keyNameText, readKeyRing } from '../crypto/key-file.ts';
import { revokeKey, useKey } from '../crypto/key-file-changes.ts';
import { DiodeError } from '../errors.ts';
import { configurationOf, type GlobalOptions, print } from './command-line.ts';
import { table } from './table.ts';

const readAgain =
  'Make the program reload it: send SIGHUP, or restart it if the key is a systemd credential.';

export function addKeyCommands(program: Command, settings: Settings): void {
  const keys = program.command('keys').description('show or change the key ring');
  const fileOf = (file: string | undefined, command: Command): string =>
    file ?? String(configurationOf(command, settings).values['keyFile']);
  const tell = (command: Command, told: Record<string, unknown>, text: string) => {
    const { json } = command.optsWithGlobals<GlobalOptions>();
    print(json ? JSON.stringify(told) : text);
  };
  keys
    .command('list [file]')
    .description('list the keys; a sender uses the first, a receiver accepts all')
    .action((file: string | undefined, _options, command: Command) => {
      const ring = readKeyRing(fileOf(file, command));
      const rows = ring.keys.map(({ id, name }, index) => [
        id,
        keyNameText(name),
        index === 0 ? 'a sender uses it' : 'a receiver accepts it',
      ]);
      const senders = [...ring.senders].map(
        ([senderId, name]) => `sender ${senderId} uses the key name ${name}`,
      );
      const told = {
        keyIds: ring.keys.map(({ id }) => id),
        keys: ring.keys.map(({ id, name }) => ({ id, name })),
        senders: Object.fromEntries(ring.senders),
      };
      tell(command, told, [table(['key', 'name', 'use'], rows), ...senders].join('\n'));
    });
  keys
    .command('use <id> [file]')
    .description('put a key first: a sender uses it from now on')
    .action((id: string, file: string | undefined, _options, command: Command) => {
      useKey(fileOf(file, command), keyIdOf(id));
      tell(command, { ok: true, keyId: keyIdOf(id) }, `key ${keyIdOf(id)} is now first. ${readAgain}`);
    });
  keys
    .command('revoke <id> [file]')
    .description('remove a key from the ring: nothing is sent or accepted under it any more')
    .action((id: string, file: string | undefined, _options, command: Command) => {
      revokeKey(fileOf(file, command), keyIdOf(id));
      tell(command, { ok: true, keyId: keyIdOf(id) }, `key ${keyIdOf(id)} is revoked. ${readAgain}`);
    });
}

function keyIdOf(text: string): number {
  if (!/^[1-9][0-9]{0,4}$/.test(text)) throw new DiodeError('E_USAGE', 'a key id is a number');
  return Number(text);
}
