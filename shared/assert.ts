/**
 * Assertions for programmer errors. An operating error (a bad datagram, a full disk) is never asserted:
 * it is a value or a DiodeError. A failed assertion ends the process; the supervisor restarts it.
 */
export class AssertionFailure extends Error {
  override readonly name = 'AssertionFailure';
}

/** Throws {@link AssertionFailure} if the program itself is wrong. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionFailure(message);
}

/** Returns the value, or fails if it is missing: for an index or a key that the program has just checked. */
export function present<T>(value: T | undefined | null, message: string): T {
  assert(value !== undefined && value !== null, message);
  return value;
}
