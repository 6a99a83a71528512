import type { Place } from './place.js';

/** What features are of: a customer, a product. `key` is the cube member whose values name one. */
export interface Entity {
  readonly name: string;
  readonly key: string;
  readonly title: string;
  readonly description: string;
  readonly place: Place;
}

/**
 * One feature of a view. `window`: the measure over events with a time in `[t - window, t)`, in microseconds. `last`: the dimension's
 * value at the newest event with a time up to and including `t`.
 */
export type Feature = {
  readonly name: string;
  /** `customer_orders.spend_7d`. */
  readonly path: string;
  readonly title: string;
  readonly description: string;
  readonly place: Place;
} & (
  | { readonly kind: 'window'; readonly measure: string; readonly window: bigint }
  | { readonly kind: 'last'; readonly dimension: string }
);

/** Features of one entity, made from the events of one cube. */
export interface FeatureView {
  readonly name: string;
  readonly entity: string;
  readonly cube: string;
  /** When an event happened. */
  readonly eventTime: string;
  /** When it was known, where that is recorded: nothing is used that was not known before `t`. */
  readonly availableAt: string | undefined;
  /** What tells the later of two events of one time, before the cube's primary key. */
  readonly ingestOrder: string | undefined;
  readonly features: readonly Feature[];
  /** Events older than this at `t` say nothing, in microseconds; undefined: they never grow too old. */
  readonly ttl: bigint | undefined;
  readonly online: boolean;
  /** Whether a new publication brings the online values forward by itself. */
  readonly refresh: boolean;
  readonly description: string;
  readonly owner: string | undefined;
  readonly place: Place;
}

/** Features that a model is trained on and served with, under one name. */
export interface FeatureService {
  readonly name: string;
  /** Full paths, in order. */
  readonly features: readonly string[];
  readonly description: string;
  readonly owner: string | undefined;
  readonly place: Place;
}

export interface FeatureCatalogue {
  readonly entities: ReadonlyMap<string, Entity>;
  readonly views: ReadonlyMap<string, FeatureView>;
  readonly services: ReadonlyMap<string, FeatureService>;
}
