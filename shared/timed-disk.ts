/** A disk that measures the time spent in it: it shows whether a program that falls behind is waiting for its disk. */
import type { Clock } from './clock.ts';
import type { Disk, DiskFile } from './disk.ts';

export interface TimedDisk extends Disk {
  /** Milliseconds spent in operations of this disk so far. */
  spentMs(): number;
}

export function timedDisk(disk: Disk, clock: Pick<Clock, 'monotonicMs'>): TimedDisk {
  let spentMs = 0;
  const timed = <T>(act: () => T): T => {
    const startedMs = clock.monotonicMs();
    try {
      return act();
    } finally {
      spentMs += clock.monotonicMs() - startedMs;
    }
  };
  const timedFile = (file: DiskFile): DiskFile => ({
    readAt: (target, offset) => timed(() => file.readAt(target, offset)),
    writeAt: (bytes, offset) => timed(() => file.writeAt(bytes, offset)),
    sync: () => timed(() => file.sync()),
    // Nobody waits for this one.
    syncLater: (done) => file.syncLater(done),
    close: () => timed(() => file.close()),
  });
  return {
    spentMs: () => spentMs,
    makeFolder: (path) => timed(() => disk.makeFolder(path)),
    list: (path) => timed(() => disk.list(path)),
    entries: (path) => disk.entries(path),
    facts: (path) => timed(() => disk.facts(path)),
    open: (path, mode) => timedFile(timed(() => disk.open(path, mode))),
    openForeign: (path) => timed(() => disk.openForeign(path)),
    openFolder: (path, links) => timed(() => disk.openFolder(path, links)),
    mayChange: (path) => timed(() => disk.mayChange(path)),
    identityOf: (path) => timed(() => disk.identityOf(path)),
    rename: (from, to) => timed(() => disk.rename(from, to)),
    link: (from, to) => timed(() => disk.link(from, to)),
    clone: (from, to) => timed(() => disk.clone(from, to)),
    remove: (path) => timed(() => disk.remove(path)),
    removeFolder: (path) => timed(() => disk.removeFolder(path)),
    syncFolder: (path) => timed(() => disk.syncFolder(path)),
    freeBytes: (path) => timed(() => disk.freeBytes(path)),
  };
}
