import { error } from '../../errors/index.js';
import { type Caller, type Column, type ColumnBatch, typeText } from '../../query/index.js';
import { instantText } from '../plan/index.js';
import { Admission, type Answer, type Ask, type AskOptions, accessMemo, limitsOf, told } from '../run/index.js';
import { type Chosen, chooseFeatures, keyColumn, visibleFeatures, wholeOf } from './choose.js';
import { historical } from './historical.js';
import { type Materialized, type MaterializeRequest, materialize, onlineSets } from './online/materialize.js';
import { type OnlineAnswer, online, sharedWith } from './online/online.js';
import { OnlineReader } from './online/reader.js';
import type { FeatureParts } from './parts.js';
import type { HistoricalRequest, OnlineRequest, SkewRequest } from './request.js';
import { type FeatureSkew, skewOf } from './skew.js';
import { EVENT_TIME } from './spine.js';
import type { Statistic } from './statistics.js';

/** Pulls at once on this node, and those that may wait: each may use all of the engine's memory. */
const ADMISSION = { running: 4, waiting: 64 };

/** A service as clients are made for it. */
export interface ServiceDescription {
  readonly service: string;
  readonly description: string;
  readonly owner: string | null;
  readonly keys: readonly string[];
  readonly online: boolean;
  readonly columns: readonly {
    readonly name: string;
    readonly type: string;
    readonly unit?: string;
    readonly description: string;
  }[];
  readonly fingerprint: string;
}

/** How new a set's online values are. */
export interface Freshness {
  readonly service: string;
  /** RFC 3339; null where nothing was materialized. */
  readonly asOf: string | null;
  readonly builtAt: string | null;
  readonly entities: number;
  /** Tables that were published anew since. */
  readonly behind: readonly { readonly table: string; readonly builtFrom: string; readonly now: string }[];
  /** Whether it is the model's schema; another one is not served. */
  readonly schema: 'current' | 'changed' | 'none';
}

/** Features, as every surface asks for them. */
export interface Features {
  /** A training set; its rows are the spine's, in their order. */
  historical(request: HistoricalRequest, caller: Caller, options: AskOptions): Promise<Answer>;
  online(request: OnlineRequest, caller: Caller, options: AskOptions): Promise<OnlineAnswer>;
  /** Served rows against what training would see at the same instants, by the caller's own rights. */
  skew(
    request: SkewRequest,
    caller: Caller,
    options: AskOptions,
  ): Promise<{ readonly features: readonly FeatureSkew[] }>;
  /** All that the caller may have. */
  list(caller: Caller): { readonly features: readonly string[]; readonly services: readonly string[] };
  describe(service: string, caller: Caller): ServiceDescription;
  freshness(caller: Caller): Promise<readonly Freshness[]>;
  /** Of a set's online values, over all entities. Errors: `not-supported` for callers to whom row rules apply. */
  statistics(
    service: string,
    caller: Caller,
  ): Promise<{ readonly asOf: string; readonly statistics: readonly Statistic[] }>;
  /** Brings online values forward. Only for the process itself: no wire calls it. */
  materialize(request?: MaterializeRequest): Promise<readonly Materialized[]>;
  /** Those that follow publications by themselves. */
  refresh(signal?: AbortSignal): Promise<readonly Materialized[]>;
  close(): Promise<void>;
}

/** Features over an app's engines and stores. */
export const openFeatures = (parts: FeatureParts, ask: Ask): Features => {
  const accessOf = accessMemo();
  const admission = new Admission(ADMISSION);
  const reader = new OnlineReader(parts);
  const orRefused = async <T>(caller: Caller, options: AskOptions, work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (thrown) {
      const { surface, requestId } = options;
      const failed = told(thrown, 'features', requestId, parts.emit);
      parts.emit('query.refused', { surface, subject: caller.subject, code: failed.code, requestId });
      throw failed;
    }
  };
  const contextOf = (caller: Caller, options: AskOptions) => {
    const model = parts.model();
    const access = accessOf(model, caller);
    const limits = limitsOf(parts, caller, options.limits);
    return { caller, options, access, model, limits, parts, ask, admission, reader, began: performance.now() };
  };
  const mine = (caller: Caller) => {
    const model = parts.model();
    return { model, access: accessOf(model, caller) };
  };
  /** A set that the caller may have as a whole. Errors: `unknown-feature`, `feature-masked`. */
  const setFor = (name: string, caller: Caller): Chosen => {
    const { model, access } = mine(caller);
    const whole = wholeOf(model.catalogue, name);
    const choice = whole && !whole.service ? { features: whole.features.map((f) => f.path) } : { service: name };
    return { ...chooseFeatures(choice, model.catalogue, access), name };
  };

  return {
    historical: (request, caller, options) =>
      orRefused(caller, options, () => historical(request, contextOf(caller, options))),
    online: (request, caller, options) => orRefused(caller, options, () => online(request, contextOf(caller, options))),
    skew: (request, caller, options) =>
      orRefused(caller, options, async () => {
        const context = contextOf(caller, options);
        const { rows, ...choice } = request;
        const chosen = chooseFeatures(choice, context.model.catalogue, context.access);
        const keys = chosen.entities.map(keyColumn);
        const spine = rows.map((row) => Object.fromEntries([...keys, EVENT_TIME].map((name) => [name, row[name]])));
        const training = await historical({ ...choice, spine }, context);
        const batches: ColumnBatch[] = [];
        for await (const batch of training.rows) batches.push(batch);
        const first = training.columns.length - chosen.columns.length;
        return {
          features: chosen.columns.map((column: Column, i) =>
            skewOf(
              column,
              batches.flatMap((b) => [...(b.columns[first + i] ?? [])]),
              rows.map((row) => row[column.name]),
            ),
          ),
        };
      }),
    list: (caller) => {
      const { model, access } = mine(caller);
      return visibleFeatures(model.catalogue, access);
    },
    describe: (name, caller) => {
      const chosen = setFor(name, caller);
      const { model } = mine(caller);
      return {
        service: name,
        description: chosen.service?.description ?? chosen.views[0]?.view.description ?? '',
        owner: chosen.service?.owner ?? chosen.views[0]?.view.owner ?? null,
        keys: chosen.entities.map(keyColumn),
        online: onlineSets(model.catalogue).includes(name),
        columns: chosen.columns.map((c, i) => ({
          name: c.name,
          type: typeText(c.type),
          ...(c.unit === undefined ? {} : { unit: c.unit }),
          description: chosen.features[i]?.description ?? '',
        })),
        fingerprint: chosen.fingerprint,
      };
    },
    freshness: async (caller) => {
      const { model, access } = mine(caller);
      const { features } = visibleFeatures(model.catalogue, access);
      const sets = onlineSets(model.catalogue).flatMap((name) => {
        const whole = wholeOf(model.catalogue, name);
        return whole?.features.every((f) => features.includes(f.path)) ? [{ name, whole }] : [];
      });
      return Promise.all(sets.map(({ name, whole }) => freshnessOf(name, whole)));
    },
    statistics: async (name, caller) => {
      const chosen = setFor(name, caller);
      const { model, access } = mine(caller);
      if (sharedWith(chosen, name, { access, model }) === 'restricted')
        throw error('not-supported', {
          what: `statistics of ${name} are of all entities, and row rules keep some from your roles`,
          instead: 'ask for the features and count what you get',
        });
      const manifest = await reader.manifest(name);
      if (!manifest) throw error('features-not-materialized', { service: name, why: 'nothing was made yet' });
      return { asOf: instantText(manifest.asOf), statistics: manifest.statistics };
    },
    materialize: (request = {}) => materialize(request, parts.model(), parts),
    refresh: (signal) => {
      const model = parts.model();
      const only = onlineSets(model.catalogue).filter((name) =>
        wholeOf(model.catalogue, name)?.views.every(({ view }) => view.refresh),
      );
      return materialize({ only, ...(signal ? { signal } : {}) }, model, parts);
    },
    close: () => reader.close(),
  };

  async function freshnessOf(name: string, whole: Chosen): Promise<Freshness> {
    const manifest = await reader.manifest(name);
    const none = { service: name, asOf: null, builtAt: null, entities: 0, behind: [], schema: 'none' as const };
    if (!manifest) return none;
    const published = parts.publications.current().tables;
    const behind = manifest.tables.flatMap(({ table, version }) => {
      const now = published.get(table)?.dataVersion;
      return now === undefined || now === version ? [] : [{ table, builtFrom: version, now }];
    });
    return {
      service: name,
      asOf: instantText(manifest.asOf),
      builtAt: manifest.builtAt,
      entities: manifest.entities,
      behind,
      schema: manifest.fingerprint === whole.fingerprint ? 'current' : 'changed',
    };
  }
};
