import type { MetricQuery } from '../../query/index.js';

/** A row of labels as JSON has it: keys, `event_time`, and whatever else is to come back beside the features. */
export type SpineRow = Readonly<Record<string, unknown>>;

/** Which features: those of a service, or some by name (`customer_orders.spend_7d`, `customer_orders.*`). */
export interface FeatureChoice {
  readonly service?: string;
  readonly features?: readonly string[];
  /** The schema that the caller was made for; another one is refused. */
  readonly fingerprint?: string;
}

/**
 * A training set: the features as they were known at each row's time. `as_of: available` wants views that record when an event became
 * known, and refuses others; where it is recorded it always counts.
 */
export interface HistoricalRequest extends FeatureChoice {
  readonly spine: readonly SpineRow[] | MetricQuery;
  readonly as_of?: 'event' | 'available';
  readonly source?: 'auto' | 'lake' | 'postgres' | 'spark';
}

/** Features as they were last materialized. `max_age` (`1h`): values whose instant lies further back are `stale` and null. */
export interface OnlineRequest extends FeatureChoice {
  readonly entities: readonly SpineRow[];
  readonly max_age?: string;
  readonly include?: readonly ('status' | 'event_time')[];
}

/** Rows that a client was served, with their `event_time`, to be held against what training would see. */
export interface SkewRequest extends FeatureChoice {
  readonly rows: readonly SpineRow[];
}
