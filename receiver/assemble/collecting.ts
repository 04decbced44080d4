/** One object while it is collected, and one sender's set of such objects, ordered by last use. */
import type { Account } from './accounts.ts';
import type { MemorySink } from './memory-sink.ts';
import type { OpenBlock } from './open-block.ts';
import type { OpenObject } from './open-object.ts';
import type { Origin } from './origins.ts';
import { type Linked, RecencyList } from './recency-list.ts';

export class Collecting implements Linked<Collecting> {
  older: Collecting | undefined;
  newer: Collecting | undefined;
  readonly object: OpenObject;
  readonly origin: Origin;
  readonly account: SenderAccount;
  /** Of a document. */
  readonly memory: MemorySink | undefined;
  readonly slot: number;
  /** All of it has arrived: it waits to be verified. */
  isWhole = false;
  sessionCounter = 0;
  sessionRandom = 0;
  sequence = 0;
  repairedSymbols = 0;

  constructor(of: {
    readonly object: OpenObject;
    readonly origin: Origin;
    readonly account: SenderAccount;
    readonly memory: MemorySink | undefined;
    readonly slot: number;
  }) {
    this.object = of.object;
    this.origin = of.origin;
    this.account = of.account;
    this.memory = of.memory;
    this.slot = of.slot;
  }
}

/** What is being collected from one sender. */
export class SenderAccount implements Account {
  readonly keyId: number;
  readonly senderId: string;
  /** Open objects, including those that are complete. */
  objects = 0;
  /** Memory for open blocks, and for recording which blocks are finished. */
  memoryBytes = 0;
  /** What came of documents. */
  documentBytes = 0;
  readonly blocks = new RecencyList<OpenBlock>();
  readonly instances = new RecencyList<Collecting>();
  readonly documents = new RecencyList<Collecting>();
  /** In the order in which they became whole. */
  readonly whole = new RecencyList<Collecting>();

  constructor(keyId: number, senderId: string) {
    this.keyId = keyId;
    this.senderId = senderId;
  }

  /** The list that an object is in. */
  listOf({ isWhole, memory }: Collecting): RecencyList<Collecting> {
    if (isWhole) return this.whole;
    return memory === undefined ? this.instances : this.documents;
  }

  /** What is given up first when an object has to go: what waited longest; of complete ones, what came last. */
  get leastWanted(): Collecting | undefined {
    const instance = this.instances.oldest;
    const document = this.documents.oldest;
    if (instance === undefined || document === undefined) return instance ?? document ?? this.whole.newest;
    return document.object.touchedAtMs < instance.object.touchedAtMs ? document : instance;
  }
}
