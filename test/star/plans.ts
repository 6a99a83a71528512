import { type Plan, planQuery } from '../../src/answer/plan/index.js';
import type { RollupState } from '../../src/build/rollup/index.js';
import type { RollupDefinition } from '../../src/model/catalog/index.js';
import type { Access } from '../../src/model/policy/index.js';
import type { MetricQuery } from '../../src/query/index.js';
import { access, built, catalogue, layoutOf, legs, publication } from './shop.js';

/** What a plan of the small shop depends on; by default every rollup is built and current. */
export interface World {
  readonly rollups?: readonly RollupDefinition[];
  readonly states?: readonly RollupState[];
  readonly access?: Access;
  readonly version?: string;
}
/** A plan over the small shop. */
export const plan = (query: MetricQuery, world: World = {}, compiler = legs()): Plan => {
  const rollups = world.rollups ?? [];
  const states = world.states ?? rollups.map((r) => built(r));
  return planQuery(
    query,
    { catalogue: catalogue(rollups), access: world.access ?? access(), legs: compiler },
    {
      publication: publication(world.version),
      inventory: { states: new Map(states.map((s) => [s.rollup, s])) },
      layout: (id) => {
        const definition = rollups.find((r) => r.id === id);
        return definition && layoutOf(definition);
      },
    },
    { raw: 'postgres' },
  );
};
