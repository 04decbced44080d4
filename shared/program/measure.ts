/**
 * A number that a part reports about itself. Names and kinds follow the conventions of Prometheus: a counter only grows and its
 * name ends with `_total`; units are in the name. A label never has a UID, a name or anything else without bound.
 */
export interface Measure {
  readonly name: string;
  readonly value: number;
  readonly labels?: Readonly<Record<string, string>>;
}
