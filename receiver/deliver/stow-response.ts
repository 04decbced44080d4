/**
 * What a STOW-RS service says about each instance (PS3.18 section 10.5.3, PS3.3 section C.12 attributes in the DICOM JSON
 * model of PS3.18 annex F).
 */
import { z } from 'zod';

export interface StowResponse {
  /** Stored, with the warning reason or 0. */
  readonly stored: ReadonlyMap<string, number>;
  /** Not stored, with the failure reason; 0x0110 if none is given. */
  readonly failed: ReadonlyMap<string, number>;
  /** Failures without a UID: they may concern any instance of the request. */
  readonly unnamedFailures: number;
}

const processingFailure = 0x0110;

/** Tags as the DICOM JSON model writes them. */
const keys = {
  referencedSopSequence: '00081199',
  failedSopSequence: '00081198',
  warningReason: '00081196',
  failureReason: '00081197',
  referencedSopInstanceUid: '00081155',
} as const;

// An empty sequence has no Value and means nothing: only Value counts.
const attribute = z.object({ Value: z.array(z.unknown()).optional() });
const item = z.record(z.string(), z.unknown());
const document = z.union([
  item,
  z
    .array(item)
    .min(1)
    .transform((list) => list[0] ?? {}),
]);

/** Reads a response; undefined if it is not from a STOW-RS service, or is XML. */
export function readStowResponse(body: Uint8Array): StowResponse | undefined {
  let json: unknown;
  try {
    json = JSON.parse(Buffer.from(body).toString('utf8'));
  } catch {
    return undefined;
  }
  const parsed = document.safeParse(json);
  if (!parsed.success) return undefined;
  const names = [keys.referencedSopSequence, keys.failedSopSequence];
  if (!names.some((name) => name in parsed.data)) return undefined;
  const stored = new Map<string, number>();
  const failed = new Map<string, number>();
  let unnamedFailures = 0;
  for (const reference of items(parsed.data, keys.referencedSopSequence)) {
    const uid = first(reference, keys.referencedSopInstanceUid);
    if (typeof uid === 'string') stored.set(uid, number(reference, keys.warningReason) ?? 0);
  }
  for (const reference of items(parsed.data, keys.failedSopSequence)) {
    const uid = first(reference, keys.referencedSopInstanceUid);
    const reason = number(reference, keys.failureReason) ?? processingFailure;
    if (typeof uid === 'string') failed.set(uid, reason);
    else unnamedFailures += 1;
  }
  return { stored, failed, unnamedFailures };
}

type Item = z.infer<typeof item>;

function values(source: Item, key: string): readonly unknown[] {
  const parsed = attribute.safeParse(source[key]);
  return parsed.success ? (parsed.data.Value ?? []) : [];
}

function first(source: Item, key: string): unknown {
  return values(source, key)[0];
}

function number(source: Item, key: string): number | undefined {
  const value = first(source, key);
  return typeof value === 'number' && Number.isInteger(value) ? value : undefined;
}

function items(source: Item, key: string): Item[] {
  return values(source, key).flatMap((value) => {
    const parsed = item.safeParse(value);
    return parsed.success ? [parsed.data] : [];
  });
}
