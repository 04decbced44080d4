/** What a kind of destination is to the rest: a PACS is reached in one of several ways, and each is a record of this. */
import type { DeliveryResult } from './delivery-result.ts';
import type { InstanceFile } from './instance-file.ts';
import type { RunOptions } from './losses.ts';

/** @typeParam Settings what the configuration says of one. @typeParam Resolved what is needed to speak to it */
export interface DestinationKind<Settings, Resolved> {
  /** Where it is, in one line for a person. */
  placeOf(settings: Settings): string;
  /** The host, address or web address it is reached at: `doctor` looks where that is. */
  addressOf(settings: Settings): string;
  /** Reads its files and makes its times. @throws DiodeError E_CREDENTIALS */
  resolve(settings: Settings): Resolved;
  /** Asks whether it answers. @returns what it answered, as a sentence. @throws DiodeError what a peer can do wrong */
  test(destination: Resolved): Promise<string>;
  /** Sends instances; one result for each, as they come. Never throws for what a destination or a file does. */
  deliver(
    destination: Resolved,
    files: readonly InstanceFile[],
    options: RunOptions,
  ): AsyncGenerator<DeliveryResult>;
}
