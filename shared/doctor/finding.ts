/** What `doctor` found of one thing: a word, what it saw, and what to do when it is not right. */

/** `unknown`: this host, or this user, can't tell. */
export type Verdict = 'ok' | 'warning' | 'failure' | 'unknown';

export interface Finding {
  /** What was looked at, in a word or two: a stable name for scripts. */
  readonly check: string;
  readonly verdict: Verdict;
  readonly found: string;
  /** What the operator does; missing where all is well. */
  readonly action?: string;
}

export const ok = (check: string, found: string): Finding => ({ check, verdict: 'ok', found });

export const wrong = (
  check: string,
  verdict: Exclude<Verdict, 'ok'>,
  found: string,
  action: string,
): Finding => ({ check, verdict, found, action });
