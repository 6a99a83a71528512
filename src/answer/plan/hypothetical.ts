import { createHash } from 'node:crypto';
import { type RollupLayout, rollupLayout } from '../../build/rollup/index.js';
import { AssayError, error } from '../../errors/index.js';
import type { Catalogue, RollupDefinition } from '../../model/catalog/index.js';
import type { LegCompiler } from '../../model/cube/index.js';
import type { RollupSpec } from '../../query/index.js';
import { cubeMember } from './names.js';
import { type Miss, matchRollup, type RollupMatch } from './rollup-match.js';
import type { ShapedLeg } from './shape.js';

/** A rollup that nobody has built, with the columns that it would have. */
export interface Hypothetical {
  readonly definition: RollupDefinition;
  readonly layout: RollupLayout;
}

/** What rollups are matched against. */
export interface ModelParts {
  readonly catalogue: Catalogue;
  readonly legs: LegCompiler;
}

const KEYS = ['cube', 'name', 'measures', 'dimensions', 'time_dimension', 'granularity', 'partition_granularity'];
const bad = (where: string, what: string) => error('query-invalid', { where: `hypothetical${where}`, what });

const text = (given: Readonly<Record<string, unknown>>, key: string): string | undefined => {
  const value = given[key];
  if (value === undefined) return undefined;
  if (typeof value !== 'string' || value === '') throw bad(`.${key}`, 'a name is wanted');
  return value;
};
const texts = (given: Readonly<Record<string, unknown>>, key: string): readonly string[] => {
  const value = given[key] ?? [];
  if (!Array.isArray(value) || !value.every((v): v is string => typeof v === 'string'))
    throw bad(`.${key}`, 'a list of names is wanted');
  return value;
};

/** A definition as it stands in a model, and the cube that it would stand in. Errors: `query-invalid` with the place. */
export const readSpec = (value: unknown): RollupSpec => {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw bad('', 'a rollup definition is wanted, such as {"cube": "sales", "measures": ["lines"]}');
  const given = value as Readonly<Record<string, unknown>>;
  const odd = Object.keys(given).find((key) => !KEYS.includes(key) && !(key === 'type' && given[key] === 'rollup'));
  if (odd !== undefined) throw bad(`.${odd}`, `is not known; a definition has ${KEYS.join(', ')}`);
  const cube = text(given, 'cube');
  if (cube === undefined) throw bad('.cube', 'names the cube that the rollup would stand in');
  const spec: Record<string, unknown> = { cube, measures: texts(given, 'measures') };
  if (given['dimensions'] !== undefined) spec['dimensions'] = texts(given, 'dimensions');
  for (const key of ['name', 'time_dimension', 'granularity', 'partition_granularity'])
    if (given[key] !== undefined) spec[key] = text(given, key);
  return spec as unknown as RollupSpec;
};

/**
 * A definition that is not in the model, checked as if it were. Names are those that its cube could write (`lines`,
 * `shops.name`), or a view's. Errors: `query-invalid` with the place.
 */
export const hypotheticalRollup = (spec: RollupSpec, { catalogue, legs }: ModelParts): Hypothetical => {
  const { cube } = spec;
  const named = (name: string, where: string): string => {
    const found = [`${cube}.${name}`, name].find((n) => catalogue.members.has(n));
    if (found === undefined) throw bad(where, `there is no member ${name}`);
    return cubeMember(catalogue, found);
  };
  if (![...catalogue.members.keys()].some((name) => name.startsWith(`${cube}.`)))
    throw bad('.cube', `there is no cube ${cube}`);
  const parts = {
    id: `${cube}.${spec.name ?? 'hypothetical'}`,
    cube,
    measures: spec.measures.map((m, i) => named(m, `.measures[${i}]`)).sort(),
    dimensions: (spec.dimensions ?? []).map((d, i) => named(d, `.dimensions[${i}]`)).sort(),
    timeDimension: spec.time_dimension === undefined ? undefined : named(spec.time_dimension, '.time_dimension'),
    granularity: spec.granularity,
    partitionGranularity: spec.partition_granularity,
    timezone: 'UTC' as const,
  };
  const hash = createHash('sha256')
    .update(JSON.stringify(['hypothetical', parts]))
    .digest('hex');
  const definition: RollupDefinition = Object.freeze({ ...parts, hash, place: { file: 'hypothetical', line: 1 } });
  try {
    return { definition, layout: rollupLayout(definition, catalogue, legs) };
  } catch (thrown) {
    if (!(thrown instanceof AssayError) || thrown.code !== 'rollup-unsupported') throw thrown;
    throw bad('', String(thrown.parameters['what']));
  }
};

const NOTHING = new Map<string, string>();

/** Whether a rollup serves a leg once it is built and current: what the definition alone decides. */
export const wouldServe = (
  leg: Pick<ShapedLeg, 'query' | 'where' | 'rules' | 'root'>,
  { definition, layout }: Hypothetical,
  { catalogue, legs }: ModelParts,
): RollupMatch | Miss => {
  if (definition.cube !== leg.root)
    return { reason: 'member-missing', members: leg.query.measures, detail: `it holds rows of ${definition.cube}` };
  const whole = { rollup: definition.id, key: 'all', version: '', span: null, rows: 1, bytes: 0, builtFrom: NOTHING };
  return matchRollup({ leg: leg.query, where: leg.where, rules: leg.rules, fresh: 'published' }, definition, {
    catalogue,
    legs,
    publication: { revision: 0, tables: new Map() },
    state: {
      rollup: definition.id,
      hash: definition.hash,
      partitions: [whole],
      covers: null,
      complete: true,
      builtFrom: NOTHING,
      refused: undefined,
    },
    layout,
    unavailable: false,
  });
};

/** The same compiler under another name: what is remembered of hypothetical definitions goes with it. */
export const forgetful = (legs: LegCompiler): LegCompiler => ({
  compile: (query, dialect) => legs.compile(query, dialect),
  measureOver: (measure, columns, dialect) => legs.measureOver(measure, columns, dialect),
});
