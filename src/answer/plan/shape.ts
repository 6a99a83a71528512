import type { Catalogue } from '../../model/catalog/index.js';
import type { LegFilter, LegQuery } from '../../query/index.js';
import { type CheckedFilter, checkedLeaves } from './filter.js';
import { isAligned } from './granularity.js';
import { instantText, writtenInstant } from './instant.js';
import type { LegAsk } from './leg-asks.js';

/**
 * One leg of a query as far as rollups are concerned: members, operators, granularities. Of values it holds none: a moment is
 * replaced by one that begins the same units of time, everything else is gone.
 */
export interface ShapedLeg {
  /** The part of the query, as `explain` names it; empty for the only one. */
  readonly part: string;
  readonly root: string;
  readonly query: LegQuery;
  readonly where: readonly CheckedFilter[];
  readonly rules: readonly LegFilter[];
}

/** A query without its values: queries of one shape are served by the same rollups. */
export interface QueryShape {
  readonly fresh: 'published' | 'current';
  readonly legs: readonly ShapedLeg[];
}

/** A leg with the rules of its caller's policies. */
export interface RuledAsk {
  readonly asked: LegAsk;
  readonly rules: readonly LegFilter[];
}

/** Units whose beginnings ranges are cut at, from the longest. */
const UNITS = ['year', 'quarter', 'month', 'week', 'day', 'hour', 'minute', 'second'] as const;

/** Moments that between them begin every set of units that a moment can begin. */
const MOMENTS = [
  '2001-01-01',
  '2002-01-01',
  '2002-04-01',
  '2003-04-01',
  '2002-02-01',
  '2003-09-01',
  '2002-01-07',
  '2002-01-02',
  '2002-01-02T01:00',
  '2002-01-02T01:01',
  '2002-01-02T01:01:01',
  '2002-01-02T01:01:01.000001',
].flatMap((text) => writtenInstant(text) ?? []);

const begun = (micros: bigint): string => UNITS.filter((unit) => isAligned(micros, unit)).join();
const STANDING = new Map(MOMENTS.map((micros) => [begun(micros), micros]));

/** The moment that stands for all that begin the same units. */
const standIn = (value: unknown): string => {
  const micros = writtenInstant(String(value));
  const stands = micros === undefined ? undefined : STANDING.get(begun(micros));
  return instantText(stands ?? MOMENTS[MOMENTS.length - 1] ?? 0n);
};

const isMoment = (catalogue: Catalogue, member: string): boolean => {
  const kind = catalogue.members.get(member)?.type.kind;
  return kind === 'timestamp' || kind === 'date';
};

type Tree = CheckedFilter | LegFilter;
const withoutValues = (filter: Tree, catalogue: Catalogue): Tree => {
  if ('not' in filter) return { not: withoutValues(filter.not, catalogue) } as Tree;
  if ('and' in filter) return { and: filter.and.map((f) => withoutValues(f, catalogue)) } as Tree;
  if ('or' in filter) return { or: filter.or.map((f) => withoutValues(f, catalogue)) } as Tree;
  const { member, op } = filter;
  return {
    member,
    op,
    ...(filter.values && isMoment(catalogue, member) ? { values: filter.values.map(standIn) } : {}),
  } as Tree;
};

/** The shape of a query from the legs that it was split into. */
export const shapeOf = (
  asks: readonly RuledAsk[],
  fresh: 'published' | 'current' | undefined,
  catalogue: Catalogue,
): QueryShape => ({
  fresh: fresh ?? 'published',
  legs: asks.map(({ asked, rules }) => {
    const { measures, dimensions, time, segments, timezone, ungrouped, having } = asked.query;
    return {
      part: asked.name,
      root: asked.root,
      query: {
        ...{ measures, dimensions, time, segments, where: [], order: [], timezone },
        having: having
          .flatMap((f) => checkedLeaves(f as CheckedFilter))
          .map(({ member }) => ({ member, op: 'isNotNull' })),
        ...(ungrouped && { ungrouped }),
      },
      where: asked.where.map((f) => withoutValues(f, catalogue) as CheckedFilter),
      rules: rules.map((f) => withoutValues(f, catalogue) as LegFilter),
    };
  }),
});

/** Every member that a shape names: one that the model no longer has makes it a shape of another model. */
export const shapeMembers = ({ legs }: QueryShape): ReadonlySet<string> =>
  new Set(
    legs.flatMap(({ query, where, rules }) => [
      ...query.measures,
      ...query.dimensions,
      ...query.time.map((t) => t.dimension),
      ...query.segments,
      ...query.having.flatMap((f) => checkedLeaves(f as CheckedFilter)).map((leaf) => leaf.member),
      ...where.flatMap(checkedLeaves).map((leaf) => leaf.member),
      ...rules.flatMap((f) => checkedLeaves(f as CheckedFilter)).map((leaf) => leaf.member),
    ]),
  );
