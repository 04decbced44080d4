/** A sink of the storage SCP for tests: hashes what comes, and misbehaves as it is told. */
import { createHash, type Hash } from 'node:crypto';
import type {
  AssociationFacts,
  InstanceContext,
  InstanceSink,
  InstanceWriter,
} from '../../sender/intake/instance-sink.ts';
import type { ErrorCode } from '../../shared/errors.ts';

export interface CollectedInstance {
  readonly context: InstanceContext;
  /** What stands before the data set. */
  readonly header: Uint8Array;
  readonly dataSetBytes: number;
  /** Of the data set, in hexadecimal. */
  readonly sha256: string;
}

export interface SinkBehaviour {
  /** Before an instance is taken; may throw. */
  open?: (context: InstanceContext) => void;
  /** Before each piece of a data set; may throw, or take its time. */
  write?: (context: InstanceContext, bytes: Uint8Array) => Promise<void> | void;
  /** When an instance is whole; may throw. */
  finish?: (context: InstanceContext) => void;
}

export class CollectingSink implements InstanceSink {
  readonly instances: CollectedInstance[] = [];
  readonly opened: AssociationFacts[] = [];
  readonly closed: AssociationFacts[] = [];
  readonly refusals: ErrorCode[] = [];
  /** SOP Instance UIDs of writers that were told to forget everything. */
  readonly aborted: string[] = [];
  readonly behaviour: SinkBehaviour;

  constructor(behaviour: SinkBehaviour = {}) {
    this.behaviour = behaviour;
  }

  open(context: InstanceContext): InstanceWriter {
    this.behaviour.open?.(context);
    return new CollectingWriter(this, context);
  }

  associationOpened(_: number, facts: AssociationFacts): void {
    this.opened.push(facts);
  }

  associationClosed(_: number, facts: AssociationFacts): void {
    this.closed.push(facts);
  }

  refused(code: ErrorCode): void {
    this.refusals.push(code);
  }

  /** Hashes by SOP Instance UID. */
  hashes(): Map<string, string> {
    return new Map(this.instances.map(({ context, sha256 }) => [context.sopInstanceUid, sha256]));
  }
}

class CollectingWriter implements InstanceWriter {
  readonly #sink: CollectingSink;
  readonly #context: InstanceContext;
  readonly #hash: Hash = createHash('sha256');
  #header: Uint8Array | undefined;
  #bytes = 0;

  constructor(sink: CollectingSink, context: InstanceContext) {
    this.#sink = sink;
    this.#context = context;
  }

  write(bytes: Uint8Array): Promise<void> | void {
    if (this.#header === undefined) {
      this.#header = bytes.slice();
      return;
    }
    this.#hash.update(bytes);
    this.#bytes += bytes.length;
    return this.#sink.behaviour.write?.(this.#context, bytes);
  }

  async finish(): Promise<void> {
    this.#sink.behaviour.finish?.(this.#context);
    this.#sink.instances.push({
      context: this.#context,
      header: this.#header ?? new Uint8Array(0),
      dataSetBytes: this.#bytes,
      sha256: this.#hash.digest('hex'),
    });
  }

  abort(): void {
    this.#sink.aborted.push(this.#context.sopInstanceUid);
  }
}
