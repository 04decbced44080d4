/**
 * A reader of manifests, written from PROTOCOL.md and from nothing else, as second-reading.ts is for datagrams and
 * objects. It keeps all that the page demands of a manifest, so that page, program and vectors can't drift apart.
 */

export interface ReadEntry {
  readonly sopInstanceUid: string;
  readonly seriesUid: string;
  readonly objectId: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly aeTitles?: { readonly calling: string; readonly called: string };
}

export interface ReadManifest {
  readonly senderId: string;
  readonly studyNumber: number;
  readonly revision: number;
  readonly closedBecause: number;
  readonly priority: number;
  readonly closedAtMs: number;
  readonly studyUid: string;
  readonly entries: readonly ReadEntry[];
}

class Invalid extends Error {}

/** The section "Manifest"; undefined where the page says that a document is invalid. */
export function readManifest(bytes: Uint8Array): ReadManifest | undefined {
  try {
    return manifestIn(Buffer.from(bytes));
  } catch (error) {
    // Node's own for a read behind the end.
    if (error instanceof Invalid || error instanceof RangeError) return undefined;
    throw error;
  }
}

function manifestIn(document: Buffer): ReadManifest {
  let at = 0;
  const behind = (length: number) => {
    at += length;
    demand(at <= document.length);
    return at - length;
  };
  const uint8 = () => document.readUInt8(behind(1));
  const uint16 = () => document.readUInt16BE(behind(2));
  const uint32 = () => document.readUInt32BE(behind(4));
  const uint64 = () => {
    const value = document.readBigUInt64BE(behind(8));
    demand(value < 2n ** 53n);
    return Number(value);
  };
  const hex = (length: number) => {
    const start = behind(length);
    return document.toString('hex', start, start + length);
  };
  const text = () => {
    const length = uint8();
    const start = behind(length);
    return document.toString('latin1', start, start + length);
  };
  const uid = () => {
    const value = text();
    demand(/^[0-9][0-9.]{0,63}$/.test(value));
    return value;
  };
  const aeTitle = () => {
    const value = text();
    demand(value.length >= 1 && value.length <= 16 && value.trim() === value);
    for (const letter of value) demand(letter >= ' ' && letter <= '~' && letter !== '\\');
    return value;
  };
  function list<T>(most: number, element: () => T): T[] {
    const count = uint32();
    demand(count <= most);
    return Array.from({ length: count }, element);
  }

  demand(uint8() === 1);
  const closedBecause = uint8();
  demand(closedBecause >= 1 && closedBecause <= 3);
  const priority = uint8();
  demand(priority === 1 || priority === 2);
  const senderId = hex(8);
  const studyNumber = uint64();
  const revision = uint32();
  demand(studyNumber >= 1 && revision >= 1);
  const closedAtMs = uint64();
  const studyUid = uid();
  const series = list(65_535, uid);
  const associations = list(4096, () => ({ calling: aeTitle(), called: aeTitle() }));
  const entries = list(200_000, (): ReadEntry => {
    const sopInstanceUid = uid();
    const seriesUid = series[uint16()];
    demand(seriesUid !== undefined);
    const place = uint16();
    const aeTitles = associations[place - 1];
    demand(place === 0 || aeTitles !== undefined);
    return {
      sopInstanceUid,
      seriesUid,
      objectId: hex(16),
      bytes: uint64(),
      sha256: hex(32),
      ...(aeTitles !== undefined && { aeTitles }),
    };
  });
  demand(entries.length >= 1 && at === document.length);
  return { senderId, studyNumber, revision, closedBecause, priority, closedAtMs, studyUid, entries };
}

function demand(fact: boolean): asserts fact {
  if (!fact) throw new Invalid();
}
