/** Numbers on the command line. */
import { DiodeError } from '../errors.ts';

/** A decimal number within bounds. @throws DiodeError E_USAGE */
export function numberOption(name: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (!/^[0-9]{1,9}(\.[0-9]{1,6})?$/.test(text) || value < min || value > max)
    throw new DiodeError('E_USAGE', `${name} must be a number from ${min} to ${max}`);
  return value;
}
