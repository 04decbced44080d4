/**
 * How a command fails: a sentence on what happened, one on what to do, and the code; or one JSON object.
 * Errors go to standard error, begin in lower case after the program's name, and the process exits with 1.
 */
import { DiodeError } from '../errors.ts';

/** @returns what is printed for an error; any that is not a DiodeError is the program's own fault */
export function failureText(program: string, json: boolean, error: unknown): string {
  const known =
    error instanceof DiodeError ? error : new DiodeError('E_INTERNAL', undefined, { cause: error });
  if (json) {
    return JSON.stringify({ error: { code: known.code, message: known.message, action: known.action } });
  }
  const lines = [`${program}: ${known.message}`, `  what to do: ${known.action}`, `  code: ${known.code}`];
  if (!(error instanceof DiodeError))
    lines.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
  return lines.join('\n');
}
