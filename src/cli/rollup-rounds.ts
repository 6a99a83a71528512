import {
  buildRollups,
  type CanaryResult,
  canary,
  proveRollups,
  type RollupBuildResult,
  type RollupProof,
  type RollupStatus,
  type Rollups,
  rollupStatus,
  sweepRollups,
} from '../build/rollup/index.js';
import type { Publication } from '../build/transform/index.js';
import type { LoadedModel } from '../model/cube/index.js';
import type { Emit } from '../query/index.js';
import type { DuckDb, Warehouse } from '../store/engine/index.js';
import type { Kv } from '../store/kv/index.js';
import { shapesOf } from '../store/state/index.js';
import { type RollupAdvice, rollupAdvice } from './rollup-advice.js';
import { type RollupChoice, rollupSources } from './rollup-sources.js';

/** What rounds over the rollups of a model take. */
export interface RoundParts {
  readonly model: () => LoadedModel;
  readonly publications: { current(): Publication; refresh(): Promise<Publication> };
  readonly warehouse: Warehouse;
  readonly duckdb: DuckDb;
  readonly lakeRelation: (path: string, version: number) => Promise<string>;
  readonly kv: Kv;
  readonly dir: string;
  readonly emit: Emit;
  readonly namespace: string;
  readonly signal: AbortSignal;
  /** True when the server of this home works with another model than this process. */
  readonly otherModel: () => boolean;
  /** This node's own reading, brought up after a build. */
  readonly rollups: Pick<Rollups, 'refresh'>;
}

/** Work on all rollups, or on those that are chosen. */
export interface RollupRounds {
  build(which?: RollupChoice): Promise<readonly RollupBuildResult[]>;
  /** Compares published rollups with raw again; nothing is changed. */
  prove(which?: RollupChoice): Promise<readonly RollupProof[]>;
  /** Removes what no reader of rollups can want; gives the number of keys. */
  sweep(): Promise<number>;
  status(): Promise<readonly RollupStatus[]>;
  /** Compares one published partition with raw again; one that is wrong is withdrawn. `seed` chooses it. */
  canary(seed: string, everyMilliseconds?: number): Promise<CanaryResult | undefined>;
  /** Rollups that would serve queries which were asked, with what they would cost. Errors: those of the sources. */
  suggest(most: number, signal?: AbortSignal): Promise<RollupAdvice>;
}

export const rollupRounds = (parts: RoundParts): RollupRounds => {
  const { publications, kv, duckdb, dir, namespace, emit } = parts;
  const ofModel = () => {
    const { catalogue, legs } = parts.model();
    return { catalogue, legs, kv, namespace };
  };
  const sourcesAt = (publication: Publication) => ({
    publication,
    ...rollupSources(parts.warehouse, duckdb, publication, parts.lakeRelation),
  });
  const options = async (which: RollupChoice) => ({
    ...ofModel(),
    ...sourcesAt(await publications.refresh()),
    ...{ duckdb, dir, signal: which.signal ? AbortSignal.any([which.signal, parts.signal]) : parts.signal },
    ...(which.only ? { only: which.only } : {}),
  });
  return {
    build: async (which = {}) => {
      const of = await options(which);
      if (of.publication.revision === 0) return [];
      const results = await buildRollups({
        ...of,
        emit,
        ...(which.anew ? { anew: true } : {}),
        current: () => publications.refresh(),
        // Rows that changed while a rollup was made: it is made again from the newer ones.
        renew: async () => sourcesAt(await publications.refresh()),
      });
      await parts.rollups.refresh();
      return results;
    },
    prove: async (which = {}) => proveRollups(await options(which)),
    sweep: () => sweepRollups({ ...ofModel(), keepOthers: parts.otherModel() }),
    canary: async (seed, everyMilliseconds) => {
      const of = await options({});
      if (of.publication.revision === 0) return undefined;
      return canary({ ...of, emit, seed, ...(everyMilliseconds === undefined ? {} : { everyMilliseconds }) });
    },
    suggest: async (most, signal) =>
      rollupAdvice({ ...(await options(signal ? { signal } : {})), log: await shapesOf(parts.warehouse) }, most),
    status: () => rollupStatus({ ...ofModel(), publication: publications.current() }),
  };
};
