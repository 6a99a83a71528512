import {
  chosenRollups,
  modelRollups,
  type RollupCandidate,
  type RollupPrognosis,
  readShape,
  rollupPrognosis,
  type UnservedReason,
} from '../answer/plan/index.js';
import { countRollup, type RollupTrial, rollupLayout, type TrialOptions, trialRollup } from '../build/rollup/index.js';
import { AssayError, error } from '../errors/index.js';
import type { RollupDefinition } from '../model/catalog/index.js';
import type { RollupSpec } from '../query/index.js';
import type { ShapeRow } from '../store/state/index.js';

/** A rollup to add to the model, what it would do and what it would cost. */
export interface SuggestedRollup extends RollupTrial {
  readonly rollup: string;
  readonly definition: RollupSpec;
  /** The cube's file. */
  readonly file: string;
  /** Queries of the log that it adds to those that rollups serve. */
  readonly adds: number;
  /** Share of the log's queries that rollups serve with it and all before it in the list. */
  readonly hitRate: number;
  /** Rows of the table that it is made from; undefined where that is not known. */
  readonly of: number | undefined;
}

/** What a log of queries says about rollups. Rates are shares of `asked`, 0 to 1. */
export interface RollupAdvice {
  readonly asked: number;
  readonly shapes: number;
  /** As it was when they were asked. */
  readonly hitRate: number;
  /** As it would be with every rollup of the model built and current. */
  readonly hitRateBuilt: number;
  readonly suggestions: readonly SuggestedRollup[];
  /** Queries that no rollup can serve, and why. */
  readonly unservable: readonly UnservedReason[];
}

/** Candidates whose rows are counted in the data. */
const MOST_COUNTED = 24;
/** A count or trial that takes longer is given up: such a rollup is no quick one to make. */
const LONGEST = 60_000;

/** Those that serve most, and those that keep least, by turns. */
const interesting = ({ candidates, shapes }: RollupPrognosis): readonly RollupCandidate[] => {
  const weight = (c: RollupCandidate) => [...c.serves].reduce((sum, i) => sum + (shapes[i]?.asked ?? 0), 0);
  const most = [...candidates].sort((a, b) => weight(b) - weight(a));
  const least = [...candidates].sort((a, b) => a.definition.dimensions.length - b.definition.dimensions.length);
  const found = new Set<RollupCandidate>();
  for (const [i, c] of most.entries()) for (const one of [c, least[i]]) if (one) found.add(one);
  return [...found].slice(0, MOST_COUNTED);
};

/** Work that is given up after a while, or when the command is. Undefined: it took too long. */
const inTime = async <T>(signal: AbortSignal | undefined, work: (signal: AbortSignal) => Promise<T>) => {
  const late = AbortSignal.timeout(LONGEST);
  try {
    return await work(signal ? AbortSignal.any([signal, late]) : late);
  } catch (thrown) {
    if (signal?.aborted) throw error('cancelled', {}, thrown);
    if (late.aborted && thrown instanceof AssayError) return undefined;
    throw thrown;
  }
};

/** Reads a log, counts what it proposes in the data, and makes the best ones for a trial. Errors: those of the sources, `cancelled`. */
export const rollupAdvice = async (
  options: TrialOptions & { readonly log: readonly ShapeRow[] },
  most: number,
): Promise<RollupAdvice> => {
  const { catalogue, legs, signal } = options;
  const layoutOf = (definition: RollupDefinition) => {
    try {
      return rollupLayout(definition, catalogue, legs);
    } catch (thrown) {
      if (thrown instanceof AssayError) return undefined; // told where rollups are built
      throw thrown;
    }
  };
  const existing = modelRollups(catalogue, layoutOf);
  const log = options.log.map(({ shape, asked, served }) => ({ shape: readShape(shape), asked, served }));
  const prognosis = rollupPrognosis(log, { catalogue, legs }, existing);
  const counts = new Map<RollupCandidate, { rows: number; of: number | undefined }>();
  for (const candidate of interesting(prognosis)) {
    const counted = await inTime(signal, (s) => countRollup({ ...options, signal: s }, candidate.definition));
    if (counted) counts.set(candidate, counted);
  }
  const rate = (n: number) => (prognosis.asked === 0 ? 0 : n / prognosis.asked);
  const suggestions: SuggestedRollup[] = [];
  for (const { candidate, adds, served } of chosenRollups(prognosis, (c) => counts.get(c), most)) {
    const trial = await inTime(signal, (s) => trialRollup({ ...options, signal: s }, candidate.definition));
    if (!trial) continue;
    const { cube } = candidate.spec;
    suggestions.push({
      rollup: `${cube}.${candidate.spec.name ?? ''}`,
      definition: candidate.spec,
      file: catalogue.owners.get(cube)?.place.file ?? '',
      ...{ adds, hitRate: rate(served), ...trial },
      of: [...counts].find(([c]) => c.definition.hash === candidate.definition.hash)?.[1].of,
    });
  }
  return {
    asked: prognosis.asked,
    shapes: prognosis.shapes.length,
    hitRate: rate(prognosis.served),
    hitRateBuilt: rate(prognosis.servable),
    suggestions,
    unservable: prognosis.unservable,
  };
};

/** A definition as it is written into the cube's file, below `pre_aggregations`. */
export const specYaml = (spec: RollupSpec): string => {
  const list = (names: readonly string[]) => `[${names.join(', ')}]`;
  const lines = [
    `- name: ${spec.name ?? 'suggested'}`,
    '  type: rollup',
    `  measures: ${list(spec.measures)}`,
    ...(spec.dimensions && spec.dimensions.length > 0 ? [`  dimensions: ${list(spec.dimensions)}`] : []),
    ...(spec.time_dimension ? [`  time_dimension: ${spec.time_dimension}`] : []),
    ...(spec.granularity ? [`  granularity: ${spec.granularity}`] : []),
    ...(spec.partition_granularity ? [`  partition_granularity: ${spec.partition_granularity}`] : []),
  ];
  return `${lines.map((line) => `      ${line}`).join('\n')}\n`;
};
