/** The forms a text in a configuration can have, each with the words that complete the sentence "must be …". */
import { z } from 'zod';
import { isAeTitle } from '../wire/limits.ts';

export interface TextForm {
  readonly schema: z.ZodType<string>;
  readonly allowed: string;
}

export const textForms = {
  short: { schema: z.string().min(1).max(64), allowed: 'a text of 1 to 64 characters' },
  /** A name that an operator gives something: typed on command lines, written to logs and ledgers. */
  name: {
    schema: z.string().regex(/^[a-z0-9][a-z0-9-]{0,31}$/),
    allowed: 'a name of 1 to 32 lower-case letters, digits and hyphens',
  },
  /** PS3.5 section 6.2, value representation AE: no backslash, no control character, not just spaces. */
  aeTitle: {
    schema: z.string().refine(isAeTitle),
    allowed: 'an AE title of 1 to 16 characters',
  },
  /** The name or address of a host, as the resolver takes it. */
  host: {
    schema: z.string().regex(/^[A-Za-z0-9]([A-Za-z0-9.:_-]{0,252}[A-Za-z0-9])?$|^::1?$/),
    allowed: 'a host name or address',
  },
  /** The hosts that are allowed something. */
  network: {
    schema: z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()]),
    allowed: 'an address or a network such as 192.0.2.0/24',
  },
  senderId: {
    schema: z.string().regex(/^[0-9a-f]{16}$/),
    allowed: 'a sender id of 16 hexadecimal digits',
  },
  /** PS3.3 section C.7.3.1.1.1: a code string. */
  modality: { schema: z.string().regex(/^[A-Z0-9_]{1,16}$/), allowed: 'a modality such as CT' },
  uidPattern: {
    schema: z.string().regex(/^[0-9.]{1,64}$|^[0-9.]{1,62}\.\*$/),
    allowed: 'a UID, or a UID prefix such as "1.2.3.*"',
  },
  /** Credentials in it would be shown and logged, so they have a file of their own. */
  webAddress: {
    schema: z
      .string()
      .max(2048)
      .refine((text) => isWebAddress(text)),
    allowed: 'an http or https address without credentials, query or fragment',
  },
} as const satisfies Readonly<Record<string, TextForm>>;

function isWebAddress(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password, search, hash } = new URL(text);
  return (
    ['http:', 'https:'].includes(protocol) && [username, password, search, hash].every((part) => part === '')
  );
}
