import type { Caller, Emit, Limits } from '../../query/index.js';
import type { Engine } from '../../store/engine/index.js';
import type { Kv } from '../../store/kv/index.js';
import type { AskParts, LoadedModel, Publications } from '../run/index.js';

/** Everything that features take. `app.ts` joins it. */
export interface FeatureParts {
  readonly model: () => LoadedModel;
  readonly publications: Publications;
  readonly engines: { readonly postgres: Engine; readonly lake: Engine };
  readonly lakeRelation: AskParts['lakeRelation'];
  readonly rollups: AskParts['rollups'];
  /** Budgets that differ from the defaults, as for metric queries. */
  readonly limits?: Partial<Limits> | ((caller: Caller) => Partial<Limits>);
  readonly kv: Kv;
  /** Part of the store's keys. */
  readonly namespace: string;
  readonly emit: Emit;
  /** How long a killed process keeps others from a set; default half a minute. */
  readonly leaseMilliseconds?: number;
  /** The clock, in microseconds since 1970; tests give another. */
  readonly now?: () => bigint;
}
