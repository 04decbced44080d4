/** What `doctor` found about one thing: a verdict, what it saw, and what to do if something is wrong. */

/** `unknown`: this host or this user can't tell. */
export type Verdict = 'ok' | 'warning' | 'failure' | 'unknown';

export interface Finding {
  /** What was examined, in a word or two: a stable name for scripts. */
  readonly check: string;
  readonly verdict: Verdict;
  readonly found: string;
  /** What the operator does; absent if all is well. */
  readonly action?: string;
}

export const ok = (check: string, found: string): Finding => ({ check, verdict: 'ok', found });

export const wrong = (
  check: string,
  verdict: Exclude<Verdict, 'ok'>,
  found: string,
  action: string,
): Finding => ({ check, verdict, found, action });
