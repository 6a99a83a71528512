import { error } from '../../errors/index.js';
import { compareText, type MissReason, type RollupSpec } from '../../query/index.js';
import { type Hypothetical, hypotheticalRollup, type ModelParts, wouldServe } from './hypothetical.js';
import { bothNeeds, needOf, type RollupNeed } from './rollup-need.js';
import { type QueryShape, type ShapedLeg, shapeMembers } from './shape.js';

/** How often queries of one shape were asked, and how often a rollup served them. */
export interface CountedShape {
  readonly shape: QueryShape;
  readonly asked: number;
  readonly served: number;
}

/** A rollup that would serve queries which no rollup of the model serves. */
export interface RollupCandidate extends Hypothetical {
  readonly spec: RollupSpec;
  /** Numbers of the shapes that it adds to those that are served. */
  readonly serves: ReadonlySet<number>;
}

/** Queries that no rollup can serve, by what stands in the way. */
export interface UnservedReason {
  readonly reason: MissReason;
  readonly members: readonly string[];
  readonly asked: number;
}

/** What a log of queries says about rollups, before anything is counted in the data. */
export interface RollupPrognosis {
  /** Shapes of the log that the model still knows. */
  readonly shapes: readonly CountedShape[];
  readonly asked: number;
  /** Queries that rollups served when they were asked. */
  readonly served: number;
  /** Queries that the model's rollups serve when all of them are built and current. */
  readonly servable: number;
  readonly candidates: readonly RollupCandidate[];
  readonly unservable: readonly UnservedReason[];
}

/** Bounds of the search: needs that are joined with each other, rounds of joining, definitions that are tried. */
const MOST = { needs: 40, rounds: 3, tried: 400 };

/** Rows of one partition should be enough to be worth a file and few enough to be made again quickly. */
const PARTITIONS: Readonly<Record<string, string>> = {
  minute: 'month',
  hour: 'month',
  day: 'month',
  month: 'month',
  quarter: 'quarter',
  year: 'year',
};

const keyOf = (need: RollupNeed): string => JSON.stringify(need);
const short = (member: string, cube: string): string =>
  member.startsWith(`${cube}.`) ? member.slice(cube.length + 1) : member;

const nameOf = (need: RollupNeed, taken: ReadonlySet<string>): string => {
  const words = need.dimensions.slice(0, 3).map((d) => d.split('.').at(-1) ?? d);
  const base = `by_${[...(need.granularity ? [need.granularity] : []), ...words].join('_') || 'all'}`;
  for (let n = 1; ; n++) {
    const name = (n === 1 ? base : `${base}_${n}`).replaceAll(/\W/g, '_');
    if (!taken.has(`${need.root}.${name}`)) return name;
  }
};

const specOf = (need: RollupNeed, taken: ReadonlySet<string>): RollupSpec => {
  const { root, time, granularity } = need;
  const partition = granularity === undefined ? undefined : PARTITIONS[granularity];
  return {
    cube: root,
    name: nameOf(need, taken),
    measures: need.measures.map((m) => short(m, root)),
    dimensions: need.dimensions.map((d) => short(d, root)),
    ...(time === undefined || granularity === undefined ? {} : { time_dimension: short(time, root), granularity }),
    ...(partition === undefined ? {} : { partition_granularity: partition }),
  };
};

/** A log of queries, and which rollups would serve what. */
class Prognosis {
  readonly #existing: readonly Hypothetical[];
  readonly #taken: ReadonlySet<string>;
  /** For each shape, the legs that the model's rollups do not serve. */
  readonly #open: readonly (readonly ShapedLeg[])[];
  constructor(
    readonly shapes: readonly CountedShape[],
    readonly model: ModelParts,
    existing: readonly Hypothetical[],
  ) {
    this.#existing = existing;
    this.#taken = new Set(existing.map((e) => e.definition.id));
    this.#open = shapes.map(({ shape }) =>
      shape.legs.filter((leg) => !this.#existing.some((e) => !('reason' in wouldServe(leg, e, model)))),
    );
  }
  isServed(i: number): boolean {
    return this.#open[i]?.length === 0;
  }
  weight(numbers: Iterable<number>): number {
    let sum = 0;
    for (const i of numbers) sum += this.shapes[i]?.asked ?? 0;
    return sum;
  }
  /** The legs that wait for a rollup, each with its shape's number. */
  needs(): { readonly needs: ReadonlyMap<string, RollupNeed>; readonly unservable: readonly UnservedReason[] } {
    const found = new Map<string, { need: RollupNeed; asked: number }>();
    const reasons = new Map<string, UnservedReason>();
    for (const [i, legs] of this.#open.entries()) {
      const asked = this.shapes[i]?.asked ?? 0;
      const needs = legs.map((leg) => needOf(leg, this.model));
      const never = needs.find((need) => 'reason' in need);
      if (never && 'reason' in never) {
        const key = JSON.stringify([never.reason, never.members]);
        reasons.set(key, { ...never, asked: asked + (reasons.get(key)?.asked ?? 0) });
        continue;
      }
      // a query with several parts is served when all are: what serves them together comes first
      const own = needs as readonly RollupNeed[];
      const whole = own.slice(1).reduce<RollupNeed | undefined>((a, b) => a && bothNeeds(a, b), own[0]);
      for (const need of whole ? [whole] : own)
        found.set(keyOf(need), { need, asked: asked + (found.get(keyOf(need))?.asked ?? 0) });
    }
    const order = [...found].sort(([a, x], [b, y]) => y.asked - x.asked || compareText(a, b)).slice(0, MOST.needs);
    return {
      needs: new Map(order.map(([key, { need }]) => [key, need])),
      unservable: [...reasons.values()].sort((a, b) => b.asked - a.asked),
    };
  }
  tried(need: RollupNeed): RollupCandidate {
    const spec = specOf(need, this.#taken);
    const made = hypotheticalRollup(spec, this.model);
    const serves = new Set<number>();
    for (const [i, legs] of this.#open.entries())
      if (legs.length > 0 && legs.every((leg) => !('reason' in wouldServe(leg, made, this.model)))) serves.add(i);
    return { ...made, spec, serves };
  }
}

/** Joins needs pair by pair while what serves both serves more than each. */
const joined = (prognosis: Prognosis, needs: ReadonlyMap<string, RollupNeed>): readonly RollupCandidate[] => {
  const seeds = [...needs.values()];
  const known = new Map<string, { readonly need: RollupNeed; readonly candidate: RollupCandidate }>();
  const add = (need: RollupNeed, more: number) => {
    const key = keyOf(need);
    if (known.has(key) || known.size >= MOST.tried) return undefined;
    const candidate = prognosis.tried(need);
    known.set(key, { need, candidate });
    return prognosis.weight(candidate.serves) > more ? need : undefined;
  };
  let front = seeds.flatMap((need) => add(need, -1) ?? []);
  for (let round = 0; round < MOST.rounds; round++) {
    const next: RollupNeed[] = [];
    for (const a of front)
      for (const b of seeds) {
        const both = bothNeeds(a, b);
        if (!both || keyOf(both) === keyOf(a)) continue;
        const before = prognosis.weight(known.get(keyOf(a))?.candidate.serves ?? []);
        const grown = add(both, before);
        if (grown) next.push(grown);
      }
    front = next;
  }
  return [...known.values()].map((k) => k.candidate).filter((c) => c.serves.size > 0);
};

/**
 * Which rollups would serve queries of a log that the model's rollups do not. Pure: how many rows each would have is counted in the
 * data, and `chosenRollups` weighs it.
 */
export const rollupPrognosis = (
  log: readonly CountedShape[],
  model: ModelParts,
  existing: readonly Hypothetical[],
): RollupPrognosis => {
  const shapes = log.filter(({ shape }) => [...shapeMembers(shape)].every((m) => model.catalogue.members.has(m)));
  const prognosis = new Prognosis(shapes, model, existing);
  const { needs, unservable } = prognosis.needs();
  const all = shapes.map((_, i) => i);
  return {
    shapes,
    asked: prognosis.weight(all),
    served: shapes.reduce((sum, s) => sum + s.served, 0),
    servable: prognosis.weight(all.filter((i) => prognosis.isServed(i))),
    candidates: joined(prognosis, needs),
    unservable,
  };
};

/** A rollup to add, and what it does for the log when those before it are added, too. */
export interface RollupProposal {
  readonly candidate: RollupCandidate;
  readonly rows: number;
  /** Queries of the log that it adds to those that are served. */
  readonly adds: number;
  /** Queries that are served with it and all before it. */
  readonly served: number;
}

/** Two proposals may be called the same: the later one gets a number. */
const renamed = (candidate: RollupCandidate, taken: readonly (string | undefined)[]): RollupCandidate => {
  const { name = '' } = candidate.spec;
  if (!taken.includes(name)) return candidate;
  let n = 2;
  while (taken.includes(`${name}_${n}`)) n += 1;
  return { ...candidate, spec: { ...candidate.spec, name: `${name}_${n}` } };
};

/** A rollup that holds more than this share of the rows that it is made from saves too little. */
const MOST_ROWS = 0.5;

/**
 * Proposals one after another: each time the one that adds most, where every query counts by the share of rows that it is spared.
 * `rowsOf` knows the rows of candidates that were counted; others are passed over.
 */
export const chosenRollups = (
  prognosis: RollupPrognosis,
  rowsOf: (candidate: RollupCandidate) => { readonly rows: number; readonly of: number | undefined } | undefined,
  most: number,
): readonly RollupProposal[] => {
  const counted = prognosis.candidates.flatMap((candidate) => {
    const found = rowsOf(candidate);
    if (!found) return [];
    // of a table without a known number of rows nothing better can be said than how they compare with each other
    const of = found.of ?? Math.max(...prognosis.candidates.map((c) => rowsOf(c)?.rows ?? 0)) / MOST_ROWS;
    return of === 0 || found.rows > MOST_ROWS * of
      ? []
      : [{ candidate, rows: found.rows, spares: 1 - found.rows / of }];
  });
  const weight = (numbers: readonly number[]) => numbers.reduce((sum, i) => sum + (prognosis.shapes[i]?.asked ?? 0), 0);
  const served = new Set<number>();
  const proposals: RollupProposal[] = [];
  let total = prognosis.servable;
  while (proposals.length < most) {
    const ranked = counted
      .map((c) => ({ ...c, adds: weight([...c.candidate.serves].filter((i) => !served.has(i))) }))
      .filter((c) => c.adds > 0)
      .sort(
        (a, b) =>
          b.adds * b.spares - a.adds * a.spares ||
          a.rows - b.rows ||
          compareText(JSON.stringify(a.candidate.spec), JSON.stringify(b.candidate.spec)),
      );
    const [best] = ranked;
    if (!best) break;
    for (const i of best.candidate.serves) served.add(i);
    total += best.adds;
    const candidate = renamed(
      best.candidate,
      proposals.map((p) => p.candidate.spec.name),
    );
    proposals.push({ candidate, rows: best.rows, adds: best.adds, served: total });
  }
  return proposals;
};

/** The model's own rollups, as definitions with columns; those that cannot be stored serve nothing. */
export const modelRollups = (
  catalogue: ModelParts['catalogue'],
  layoutOf: (definition: Hypothetical['definition']) => Hypothetical['layout'] | undefined,
): readonly Hypothetical[] =>
  catalogue.rollups.flatMap((definition) => {
    const layout = layoutOf(definition);
    return layout ? [{ definition, layout }] : [];
  });

/** A log entry as it was stored. Errors: `internal` for what this program did not write. */
export const readShape = (stored: unknown): QueryShape => {
  const shape = stored as QueryShape;
  if (typeof shape !== 'object' || shape === null || !Array.isArray(shape.legs)) throw error('internal', {});
  return shape;
};
