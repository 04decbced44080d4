/** Goal: a bad medium costs the files it spoils, a bad spool ends the import, and what was copied before is in order. */
import { expect, it } from 'vitest';
import { type ImportProgress, importMedia } from '../../../../sender/intake/media-import.ts';
import { SenderLedger } from '../../../../sender/ledger/ledger.ts';
import { Spool } from '../../../../sender/spool/spool.ts';
import type { Disk, DiskFile, ForeignFile } from '../../../../shared/disk.ts';
import { DiodeError } from '../../../../shared/errors.ts';
import { priority } from '../../../../shared/wire/manifest.ts';
import { Random } from '../../../harness/random.ts';
import { smallInstance } from '../../../harness/small-instance.ts';
import { SimulatedDisk } from '../../../simulation/simulated-disk.ts';

function put(disk: Disk, path: string, bytes: Uint8Array): void {
  const file = disk.open(path, 'create');
  file.writeAt(bytes, 0);
  file.close();
}

function instance(number: number): Uint8Array {
  return smallInstance({
    studyUid: '1.2',
    seriesUid: '1.2.1',
    sopInstanceUid: `1.2.1.${number}`,
    patientId: 'SYNTHETIC',
    patientName: 'SYNTHETIC^ONE',
    approximateBytes: 3000,
    random: new Random(number),
    transferSyntax: 'explicitLittleEndian',
  });
}

/** A medium of three instances; `spoiled` may fail what is done with an open file. */
function low(spoiled: (path: string, what: 'readAt' | 'writeAt') => void, hasRoom = () => true) {
  const real = new SimulatedDisk();
  const disk = new Proxy<Disk>(real, {
    get: (target, name: keyof Disk) => {
      if (name === 'openForeign') {
        return (path: string): ForeignFile => {
          const file = target.openForeign(path);
          const readAt: ForeignFile['readAt'] = (bytes, offset) => {
            spoiled(path, 'readAt');
            return file.readAt(bytes, offset);
          };
          return { readAt, facts: () => file.facts(), close: () => file.close() };
        };
      }
      if (name !== 'open') return Reflect.get(target, name).bind(target);
      return (path: string, mode: 'create' | 'update' | 'read'): DiskFile => {
        const file = target.open(path, mode);
        return {
          readAt: (bytes, offset) => {
            spoiled(path, 'readAt');
            return file.readAt(bytes, offset);
          },
          writeAt: (bytes, offset) => {
            spoiled(path, 'writeAt');
            file.writeAt(bytes, offset);
          },
          sync: () => file.sync(),
          syncLater: (done) => file.syncLater(done),
          close: () => file.close(),
        };
      };
    },
  });
  real.makeFolder('/cd');
  for (const number of [1, 2, 3]) put(real, `/cd/IM${number}`, instance(number));
  const ledger = new SenderLedger(':memory:');
  const spool = new Spool({ folder: '/spool', disk, ledger });
  const { instances } = ledger;
  const options = { folder: '/cd', disk, spool, instances, priority: priority.routine, hasRoom };
  const run = (): ImportProgress => {
    for (const steps = importMedia(options); ; ) {
      const step = steps.next();
      if (step.done === true) return step.value;
    }
  };
  return { run, real, spool };
}

it('a file that can not be read is counted, and the others are copied', () => {
  const { run, spool, real } = low((path) => {
    if (path === '/cd/IM2') throw new DiodeError('E_DISK', 'reading a file (EIO)');
  });
  expect(run()).toMatchObject({ files: 3, seen: 3, failed: new Map([['E_FILE_READ', 1]]) });
  expect(spool.arrivedNames()).toHaveLength(2);
  expect(real.list('/spool/importing')).toEqual([]);
  expect(real.list('/cd')).toHaveLength(3);
});

it('an error of the spool ends it, and nothing half copied is left', () => {
  let writes = 0;
  const { run, spool, real } = low((path, what) => {
    if (what === 'writeAt' && path.startsWith('/spool') && ++writes === 2) throw new DiodeError('E_DISK');
  });
  expect(run).toThrow(expect.objectContaining({ code: 'E_DISK' }));
  expect(spool.arrivedNames()).toHaveLength(1);
  expect(real.list('/spool/importing')).toEqual([]);
});

it('a spool without room ends it', () => {
  let files = 0;
  const { run, spool } = low(
    () => {},
    () => ++files < 3,
  );
  expect(run).toThrow(expect.objectContaining({ code: 'E_DISK_FULL' }));
  expect(spool.arrivedNames()).toHaveLength(2);
});
