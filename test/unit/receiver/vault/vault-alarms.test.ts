/** Goal: what the vault's disk refuses is one alarm while it does, though other things work in between, and none for ever. */
import { describe, expect, it } from 'vitest';
import { VaultAlarms } from '../../../../receiver/vault/vault-alarms.ts';
import { DiodeError } from '../../../../shared/errors.ts';
import { Alarms } from '../../../../shared/program/alarms.ts';
import { VirtualClock } from '../../../simulation/virtual-clock.ts';

function site() {
  const time = new VirtualClock();
  const clock = time.host();
  const edges: string[] = [];
  const alarms = new Alarms(clock, (edge, { code, subject }) => edges.push(`${edge} ${code} ${subject}`));
  const vault = new VaultAlarms({ alarms, clock });
  const standing = () => alarms.standing().map(({ code, subject }) => `${code} ${subject}`);
  return { time, edges, vault, standing };
}

describe('what the disk refuses', () => {
  it('stands while something is refused now and then, and ends when it works', () => {
    const { time, edges, vault, standing } = site();
    for (let turn = 0; turn < 100; turn += 1) {
      vault.refused(new DiodeError('E_DISK', 'writing a file (EIO)'));
      time.advance(300);
      vault.worked();
      time.advance(300);
      vault.watch();
      expect(standing()).toEqual(['E_DISK vault']);
    }
    time.advance(1000);
    vault.watch();
    expect(standing()).toEqual([]);
    expect(edges).toEqual(['raised E_DISK vault', 'cleared E_DISK vault']);
  });

  it('stands as long as nothing works', () => {
    const { time, vault, standing } = site();
    vault.refused(new DiodeError('E_LEDGER'));
    time.advance(1e9);
    vault.watch();
    expect(standing()).toEqual(['E_LEDGER vault']);
    vault.worked();
    expect(standing()).toEqual([]);
  });
});

describe('a damaged file', () => {
  const senderId = '07'.repeat(8);

  it('is an alarm of its study for a day after the last one of it', () => {
    const { time, vault, standing } = site();
    vault.damaged({ studyUid: '1.2', senderId });
    time.advance(43_200_000);
    vault.damaged({ studyUid: '1.3', senderId });
    vault.damaged({ studyUid: '1.2', senderId });
    time.advance(86_399_999);
    vault.watch();
    expect(standing()).toEqual(['E_VAULT_DAMAGED 1.2', 'E_VAULT_DAMAGED 1.3']);
    time.advance(1);
    vault.watch();
    expect(standing()).toEqual([]);
  });

  it('of however many studies is kept in bounded memory', () => {
    const { time, vault, standing } = site();
    for (let study = 0; study < 1000; study += 1) vault.damaged({ studyUid: `1.${study}`, senderId });
    expect(standing()).toHaveLength(101);
    expect(standing()).toContain('E_ALARMS E_VAULT_DAMAGED');
    time.advance(86_400_000);
    vault.watch();
    expect(standing()).toEqual([]);
  });
});
