/**
 * What the rules in hw-notes, nftables/, counted, as dicom-diode-counters.service saves it every minute: neither program may
 * ask the kernel itself.
 */
import { z } from 'zod';

/** Where dicom-diode-counters.service writes them. */
export const countersPath = '/run/dicom-diode/counters.json';

/** Those on the receiver that must stay 0. See nftables/receiver.nft. */
export const receiverCounters = ['sent_to_link', 'stray_from_link', 'from_elsewhere', 'forwarded'] as const;
/** Those on the sender. See nftables/sender.nft. */
export const senderCounters = ['came_from_link', 'stray_to_link', 'left_elsewhere', 'forwarded'] as const;

const schema = z.object({
  nftables: z.array(
    z.object({
      counter: z
        .object({ table: z.string(), name: z.string(), packets: z.number().int().nonnegative() })
        .optional(),
    }),
  ),
});

/** @param text what `nft -j list counters` wrote @returns packets by name; undefined if it is not such a text */
export function countersIn(text: string): Map<string, number> | undefined {
  const parsed = schema.safeParse(jsonOf(text));
  if (!parsed.success) return undefined;
  return new Map(
    parsed.data.nftables.flatMap(({ counter }) =>
      counter?.table === 'dicom_diode' ? [[counter.name, counter.packets] as const] : [],
    ),
  );
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
