/**
 * Assembles commands from the data of an association, and passes on data sets as they come (PS3.7 section 6.3.1, PS3.8
 * annex E): a data set is never kept.
 */
import { associationLimits } from '../upper-layer/limits.ts';
import type { DataPart } from '../upper-layer/pdu-reader.ts';
import { abortReasons, invalidParameter, ProtocolViolation } from '../upper-layer/protocol-violation.ts';
import { type Command, readCommand } from './command.ts';

export type MessagePart =
  | { readonly kind: 'command'; readonly contextId: number; readonly command: Command }
  /** Bytes of the data set of the last command; a view, as in the part. */
  | { readonly kind: 'data-set'; readonly bytes: Uint8Array; readonly isLast: boolean };

export class MessageReader {
  #command: Uint8Array = new Uint8Array(0);
  #commandBytes = 0;
  #contextId: number | undefined;
  #awaitsDataSet = false;

  /**
   * Takes one part of data. @returns a command that is now complete, or bytes of a data set; otherwise undefined
   * @throws ProtocolViolation
   */
  take(part: DataPart): MessagePart | undefined {
    if (this.#contextId !== undefined && part.contextId !== this.#contextId) {
      throw invalidParameter('message changes its presentation context');
    }
    if (part.isCommand === this.#awaitsDataSet) {
      throw new ProtocolViolation(
        abortReasons.unexpectedPduParameter,
        'command and data set are out of turn',
      );
    }
    return this.#awaitsDataSet ? this.#dataSet(part) : this.#collect(part);
  }

  #dataSet({ bytes, isLast }: DataPart): MessagePart {
    if (isLast) {
      this.#awaitsDataSet = false;
      this.#contextId = undefined;
    }
    return { kind: 'data-set', bytes, isLast };
  }

  #collect({ contextId, bytes, isLast }: DataPart): MessagePart | undefined {
    const total = this.#commandBytes + bytes.length;
    if (total > associationLimits.commandBytesMax) throw invalidParameter('command is too long');
    if (total > this.#command.length) {
      const larger = new Uint8Array(Math.max(total, 2 * this.#command.length));
      larger.set(this.#command.subarray(0, this.#commandBytes));
      this.#command = larger;
    }
    this.#command.set(bytes, this.#commandBytes);
    this.#commandBytes = total;
    this.#contextId = contextId;
    if (!isLast) return undefined;
    const command = readCommand(this.#command.subarray(0, total));
    this.#command = new Uint8Array(0);
    this.#commandBytes = 0;
    this.#awaitsDataSet = command.hasDataSet;
    if (!command.hasDataSet) this.#contextId = undefined;
    return { kind: 'command', contextId, command };
  }
}
