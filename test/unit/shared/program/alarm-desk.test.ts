/** Goal: each alarm has one owner. Nobody clears another's, and a code that is one desk's alone is raised by nobody else. */
import { describe, expect, it } from 'vitest';
import { DiodeError, type ErrorCode, errorCatalogue } from '../../../../shared/errors.ts';
import { Alarms } from '../../../../shared/program/alarms.ts';
import { VirtualClock } from '../../../simulation/virtual-clock.ts';

function program() {
  const edges: string[] = [];
  const alarms = new Alarms(new VirtualClock().host(), (edge, { owner, code, subject }) =>
    edges.push(`${edge} ${owner} ${code} ${subject}`),
  );
  const standing = () => alarms.standing().map(({ owner, code, subject }) => `${owner}: ${code} ${subject}`);
  return { alarms, edges, standing };
}

describe('a desk', () => {
  it('clears its own alarms, and not those of another of the same code and subject', () => {
    const { alarms, edges, standing } = program();
    const [ledger, vault] = [alarms.desk('ledger'), alarms.desk('vault')];
    ledger.raise('E_DISK', 'disk');
    vault.raise('E_DISK', 'disk');
    expect(standing()).toEqual(['ledger: E_DISK disk', 'vault: E_DISK disk']);
    vault.clear('E_DISK', 'disk');
    vault.clear('E_DISK', 'disk');
    expect(standing()).toEqual(['ledger: E_DISK disk']);
    // What another desk does not see failing clears nothing here.
    vault.during('disk', ['E_DISK'], () => 'works');
    vault.set(false, 'E_DISK', 'disk');
    expect(standing()).toEqual(['ledger: E_DISK disk']);
    expect(ledger.standing()).toMatchObject([{ owner: 'ledger', code: 'E_DISK', subject: 'disk' }]);
    expect(vault.standing()).toEqual([]);
    ledger.clear('E_DISK', 'disk');
    expect(edges).toEqual([
      'raised ledger E_DISK disk',
      'raised vault E_DISK disk',
      'cleared vault E_DISK disk',
      'cleared ledger E_DISK disk',
    ]);
  });

  it('is made once for an owner, who has a name that people can read', () => {
    const { alarms } = program();
    alarms.desk('vault');
    expect(() => alarms.desk('vault')).toThrow('two owners of alarms have one name: vault');
    expect(() => alarms.desk('alarms')).toThrow('two owners');
    for (const name of ['', 'Vault', 'the vault\n', '1.2.3', 'x'.repeat(49)])
      expect(() => alarms.desk(name)).toThrow('lower-case words');
    // Each program has its own.
    expect(program().alarms.desk('vault').owner).toBe('vault');
  });

  it('that has a code for itself is told what others would raise of it, and alone says what stands', () => {
    const { alarms, standing } = program();
    let told = 0;
    const room = alarms.desk('room', { owns: { E_DISK_FULL: () => (told += 1) } });
    const ledger = alarms.desk('ledger');
    const write = () => {
      throw new DiodeError('E_DISK_FULL');
    };
    ledger.during('ledger', ['E_DISK', 'E_DISK_FULL'], write);
    ledger.raise('E_DISK_FULL', 'ledger');
    expect([told, standing()]).toEqual([2, []]);
    room.raise('E_DISK_FULL', 'disk');
    ledger.during('disk', ['E_DISK', 'E_DISK_FULL'], () => 'works');
    expect([told, standing()]).toEqual([2, ['room: E_DISK_FULL disk']]);
    room.clear('E_DISK_FULL', 'disk');
    expect(standing()).toEqual([]);
    expect(() => alarms.desk('another', { owns: { E_DISK_FULL: () => {} } })).toThrow(
      'two owners have E_DISK_FULL',
    );
  });
});

describe('room for alarms', () => {
  const codes = (Object.keys(errorCatalogue) as ErrorCode[]).filter((code) => code !== 'E_ALARMS');

  it('is there for one of each code, whatever stands of all the others, and memory stays bounded', () => {
    const { alarms } = program();
    const flood = alarms.desk('flood');
    for (const code of codes)
      for (let count = 0; count < 450; count += 1) flood.raise(code, `${code} ${count}`);
    const standing = alarms.standing();
    const boundary = new Set(standing.flatMap(({ code, subject }) => (code === 'E_ALARMS' ? subject : [])));
    // One for each code says how many more there are.
    expect([...boundary].toSorted()).toEqual(codes.toSorted());
    expect(standing).toHaveLength(101 * codes.length);
    expect(flood.standing()).toHaveLength(400 * codes.length);
    // At its bound a code still shows another owner's, which is nobody else's fault.
    const other = alarms.desk('other');
    for (const code of codes) other.raise(code, 'another');
    const shown = alarms.standing().filter(({ owner }) => owner === 'other');
    expect(shown.map(({ code }) => code).toSorted()).toEqual(codes.toSorted());
    expect(alarms.standing()).toHaveLength(101 * codes.length);
  });

  it('is taken by a critical one from a warning of the same code, and given back when it ends', () => {
    const { alarms } = program();
    const [warnings, critical] = [alarms.desk('warnings'), alarms.desk('critical')];
    for (let count = 0; count < 500; count += 1)
      warnings.raise('E_LOW_SIDE', `w ${count}`, 'x', 'warning', 'a');
    for (let count = 0; count < 150; count += 1)
      critical.raise('E_LOW_SIDE', `c ${count}`, 'x', 'critical', 'a');
    const shown = () => alarms.standing().filter(({ code }) => code === 'E_LOW_SIDE');
    expect(shown().every(({ severity }) => severity === 'critical')).toBe(true);
    expect(shown()).toHaveLength(100);
    expect(alarms.standing().find(({ code }) => code === 'E_ALARMS')).toMatchObject({ severity: 'critical' });
    // A warning that becomes critical does not wait behind warnings.
    for (let count = 0; count < 120; count += 1) critical.clear('E_LOW_SIDE', `c ${count}`);
    expect(shown().filter(({ severity }) => severity === 'critical')).toHaveLength(30);
    expect(shown()).toHaveLength(100);
    const hidden = warnings
      .standing()
      .filter((alarm) => !shown().some(({ subject }) => subject === alarm.subject));
    warnings.raise('E_LOW_SIDE', hidden[0]?.subject, 'x', 'critical', 'a');
    expect(shown().map(({ subject }) => subject)).toContain(hidden[0]?.subject);
    expect(alarms.standing().find(({ code }) => code === 'E_ALARMS')).toMatchObject({ severity: 'warning' });
  });
});

it('alarms that are over are forgotten, however many stand', () => {
  const { alarms, edges } = program();
  const desk = alarms.desk('one');
  for (let count = 0; count < 30_000; count += 1) {
    desk.raise('E_DOCUMENT', `${count}`, 'x', undefined, `source ${count % 50}`);
    desk.clear('E_DOCUMENT', `${count}`);
  }
  expect(alarms.standing()).toEqual([]);
  expect(edges.length).toBeLessThanOrEqual(100 * 50);
});

it('one that becomes more urgent is told at once', () => {
  const { alarms, edges } = program();
  const desk = alarms.desk('low side');
  desk.raise('E_LOW_SIDE', 'queue', 'some wait', 'warning');
  desk.raise('E_LOW_SIDE', 'queue', 'some wait', 'critical');
  desk.raise('E_LOW_SIDE', 'queue', 'some wait', 'warning');
  expect(edges).toEqual(['raised low side E_LOW_SIDE queue', 'changed low side E_LOW_SIDE queue']);
});
