/**
 * What waits, by sender: those of one stand behind each other, and whose took least so far comes next. So one whose
 * things are slow, or many, keeps no other waiting for longer than one of them takes.
 */
import { limits } from '../../shared/wire/limits.ts';

/** Senders remembered for what they took, beyond those that wait. */
const rememberedMax = 4 * limits.sendersMax;

interface SenderQueue<Item> {
  readonly items: Item[];
  /** What it took so far; a newcomer begins where the last one that was served stood. */
  spent: number;
}

export class SenderQueues<Item> {
  readonly #queues = new Map<string, SenderQueue<Item>>();
  #servedAt = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(senderId: string, item: Item): void {
    this.#queueOf(senderId).items.push(item);
    this.#size += 1;
  }

  /** Puts items back that {@link take} gave: they come first again. */
  putBack(senderId: string, items: readonly Item[]): void {
    this.#queueOf(senderId).items.unshift(...items);
    this.#size += items.length;
  }

  /**
   * The next items, at most `most`, all of one sender; undefined when nothing waits.
   * @param mayTake whose turn it may be now; everybody's when left out
   */
  take(
    most: number,
    mayTake: (senderId: string) => boolean = () => true,
  ): { readonly senderId: string; readonly items: readonly Item[] } | undefined {
    let next: [senderId: string, queue: SenderQueue<Item>] | undefined;
    for (const [senderId, queue] of this.#queues) {
      if (queue.items.length === 0 || (next !== undefined && queue.spent >= next[1].spent)) continue;
      if (mayTake(senderId)) next = [senderId, queue];
    }
    if (next === undefined) return undefined;
    const [senderId, { items, spent }] = next;
    this.#servedAt = Math.max(this.#servedAt, spent);
    const taken = items.splice(0, most);
    this.#size -= taken.length;
    return { senderId, items: taken };
  }

  /** What items of a sender took, in any measure. */
  charge(senderId: string, cost: number): void {
    this.#queueOf(senderId).spent += cost;
  }

  /** Takes the last item of a sender. */
  dropLast(senderId: string): Item | undefined {
    const items = this.#queues.get(senderId)?.items ?? [];
    if (items.length > 0) this.#size -= 1;
    return items.pop();
  }

  /** Takes everything. */
  takeAll(): Item[] {
    const all = [...this.#queues.values()].flatMap(({ items }) => items.splice(0));
    this.#size = 0;
    return all;
  }

  #queueOf(senderId: string): SenderQueue<Item> {
    let queue = this.#queues.get(senderId);
    if (queue === undefined) {
      if (this.#queues.size >= rememberedMax) this.#forget();
      queue = { items: [], spent: this.#servedAt };
      this.#queues.set(senderId, queue);
    }
    // Who was silent for long has saved nothing up; who took much has still taken it.
    else if (queue.items.length === 0) queue.spent = Math.max(queue.spent, this.#servedAt);
    return queue;
  }

  /** Of those that nothing waits of, the one that took least. */
  #forget(): void {
    let least: [senderId: string, spent: number] | undefined;
    for (const [senderId, { items, spent }] of this.#queues) {
      if (items.length === 0 && (least === undefined || spent < least[1])) least = [senderId, spent];
    }
    if (least !== undefined) this.#queues.delete(least[0]);
  }
}
