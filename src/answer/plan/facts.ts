import { error } from '../../errors/index.js';
import type { Catalogue, Member } from '../../model/catalog/index.js';
import type { LegQuery } from '../../query/index.js';
import { type CheckedFilter, checkedLeaves } from './filter.js';
import { instantText, parseInstant } from './instant.js';
import { cubeMember } from './names.js';

/** Whose rows a measure counts: the cube that it is of, reached from the root of its join path. */
export interface Fact {
  readonly root: string;
  readonly cube: string;
}

/** The cubes on the way to a member. */
const pathOf = (member: Member): readonly string[] =>
  member.path ?? [(member.aliasOf ?? member.name).split('.')[0] ?? ''];

export const factOf = (member: Member): Fact => {
  const path = pathOf(member);
  return { root: path[0] ?? '', cube: path.at(-1) ?? '' };
};

/** Ways from one cube to another over joins that give one row for each, none twice over a cube. */
export const waysTo = (from: string, to: string, catalogue: Catalogue, most = 8): readonly (readonly string[])[] => {
  const found: string[][] = [];
  const go = (way: readonly string[]): void => {
    if (found.length >= most) return;
    const at = way.at(-1) ?? '';
    if (at === to) {
      found.push([...way]);
      return;
    }
    for (const join of catalogue.joins)
      if (join.from === at && join.kind !== 'hasMany' && !way.includes(join.to)) go([...way, join.to]);
  };
  go([from]);
  return found;
};

/** What stands for a member in legs of a fact. */
interface Standing {
  readonly name: string;
  /** Set where another time stands for it, whose type may differ. */
  readonly other: Member | undefined;
}

/**
 * The members of a leg as its fact reaches them. Members whose join path begins at the fact's root are as they are. For others the
 * view may have one more member, by a path from there; else all of the leg are taken from their cubes, to each of which there must be
 * exactly one way. Errors: `not-supported` for members that the fact does not reach, or reaches by several ways.
 */
class Reach {
  constructor(
    readonly fact: Fact,
    readonly measures: readonly string[],
    readonly catalogue: Catalogue,
  ) {}

  member(name: string): Member {
    const found = this.catalogue.members.get(name);
    if (!found) throw error('unknown-member', { name });
    return found;
  }
  /** The same cube member in the same view, by a path from this root. */
  inView(member: Member): Member | undefined {
    if (!member.path || member.path[0] === this.fact.root) return member;
    return this.catalogue.owners
      .get(member.owner)
      ?.members.map((name) => this.member(name))
      .find((m) => m.aliasOf === member.aliasOf && m.path?.[0] === this.fact.root);
  }
  cubeMember(member: Member): Standing {
    const name = member.aliasOf ?? member.name;
    const ways = waysTo(this.fact.root, name.split('.')[0] ?? '', this.catalogue);
    if (ways.length === 1) return { name, other: undefined };
    if (ways.length > 1)
      throw error('not-supported', {
        what: `from ${this.fact.root}, which ${this.measures.join(', ')} counts, several joins lead to ${member.name}: ${ways.map((w) => w.join('.')).join(' and ')}`,
        instead: `include ${name} in the view once more, with the join_path that is meant`,
      });
    for (const conforming of member.conforms ?? []) {
      const other = this.member(conforming);
      if (waysTo(this.fact.root, other.owner, this.catalogue).length === 1) return { name: conforming, other };
    }
    throw error('not-supported', {
      what: `${member.name} says nothing about ${this.measures.join(', ') || this.fact.cube}: there is no join from ${this.fact.root} to its table`,
      instead: 'ask for it in a query of its own, or name in meta.conforms the dimension that is the same there',
    });
  }
  /** Every name of a leg and what stands for it; undefined where nothing changes. */
  standing(names: readonly string[]): ReadonlyMap<string, Standing> | undefined {
    const members = [...new Set(names)].map((name) => this.member(name));
    if (members.every((m) => !m.path || m.path[0] === this.fact.root)) return undefined;
    const inView = members.map((m) => this.inView(m));
    return new Map(
      members.map((m, i) => [
        m.name,
        inView.includes(undefined) ? this.cubeMember(m) : { name: inView[i]?.name ?? m.name, other: undefined },
      ]),
    );
  }
}

/** A condition on a time, as one on a date that stands for it: only ends of days can be told there. */
const onDates = (filter: Extract<CheckedFilter, { member: string }>, name: string, zone: string): CheckedFilter => {
  const values = (filter.values ?? []).map((value) => {
    const day = midnight(String(value), zone);
    if (day === undefined)
      throw error('not-supported', {
        what: `${filter.member} is told by the day in ${name.split('.')[0]}, and ${String(value)} is no beginning of one`,
        instead: 'give whole days',
      });
    return day;
  });
  return { ...filter, member: name, ...(filter.values ? { values } : {}) };
};
const midnight = (text: string, zone: string): string | undefined => {
  const micros = parseInstant(text, 'UTC');
  if (micros === undefined) return undefined;
  // a day's first instant in the zone is that of one of the dates round it
  for (const shift of [0n, 1n, -1n]) {
    const day = new Date(Number((micros + shift * 86_400_000_000n) / 1000n)).toISOString().slice(0, 10);
    if (parseInstant(day, zone) === micros) return day;
  }
  return undefined;
};

const DAY = 86_400_000;
/**
 * A condition on a date, as one on a time that stands for it: a date is all of its day in the query's zone. Errors: `internal` for
 * operators that dates do not have.
 */
const onTimes = (filter: Extract<CheckedFilter, { member: string }>, member: string, zone: string): CheckedFilter => {
  const begin = (date: unknown, days = 0): string => {
    const day = new Date(Date.parse(`${String(date)}T00:00:00Z`) + days * DAY).toISOString().slice(0, 10);
    const micros = parseInstant(day, zone);
    if (micros === undefined) throw error('internal', {});
    return instantText(micros);
  };
  const { op, values = [] } = filter;
  const [first, second] = values;
  const day = (date: unknown): CheckedFilter => ({ member, op: 'between', values: [begin(date), begin(date, 1)] });
  switch (op) {
    case 'isNull':
    case 'isNotNull':
      return { member, op };
    case 'eq':
      return day(first);
    case 'ne':
      return { not: day(first) };
    case 'in':
      return { or: values.map(day) };
    case 'notIn':
      return { not: { or: values.map(day) } };
    case 'gt':
    case 'gte':
      return { member, op: 'gte', values: [begin(first, op === 'gt' ? 1 : 0)] };
    case 'lt':
    case 'lte':
      return { member, op: 'lt', values: [begin(first, op === 'lte' ? 1 : 0)] };
    case 'between':
      return { member, op, values: [begin(first), begin(second)] };
    default:
      throw error('internal', {});
  }
};

/** The cube's dimension that a dimension is told by in legs of a fact: two that are told by one are one column there. */
export const toldBy = (name: string, fact: Fact, catalogue: Catalogue): string => {
  const member = catalogue.members.get(name);
  const own = cubeMember(catalogue, name);
  if (!member?.conforms || pathOf(member)[0] === fact.root) return own;
  const isReached = (other: string) => {
    const owner = catalogue.members.get(other)?.owner;
    return owner !== undefined && waysTo(fact.root, owner, catalogue, 2).length === 1;
  };
  return member.conforms.find(isReached) ?? own;
};

/** Whether a dimension of a leg is a date that the leg's fact may tell only by a time of its own: then it is asked for by the day. */
export const isToldByDay = (name: string | undefined, fact: Fact, catalogue: Catalogue): boolean => {
  const member = name === undefined ? undefined : catalogue.members.get(name);
  return member?.type.kind === 'date' && member.conforms !== undefined && pathOf(member)[0] !== fact.root;
};

/** A leg of one fact, its members replaced by what stands for them there. `where` are its conditions in the planner's own form. */
export const legOfFact = (
  query: LegQuery,
  where: readonly CheckedFilter[],
  fact: Fact,
  catalogue: Catalogue,
): { readonly query: LegQuery; readonly where: readonly CheckedFilter[]; readonly moved: boolean } => {
  const reach = new Reach(fact, query.measures, catalogue);
  const named = [
    ...query.measures,
    ...query.dimensions,
    ...query.time.map((t) => t.dimension),
    ...query.segments,
    ...where.flatMap(checkedLeaves).map((leaf) => leaf.member),
  ];
  const standing = reach.standing(named);
  if (!standing) return { query, where, moved: false };
  const at = (name: string): Standing => standing.get(name) ?? { name, other: undefined };
  const filter = (f: CheckedFilter): CheckedFilter => {
    if ('and' in f) return { and: f.and.map(filter) };
    if ('or' in f) return { or: f.or.map(filter) };
    if ('not' in f) return { not: filter(f.not) };
    const { name, other } = at(f.member);
    const type = catalogue.members.get(f.member)?.type.kind;
    if (other && other.type.kind !== type) {
      if (type === 'date' && other.type.kind === 'timestamp') return onTimes(f, name, query.timezone);
      if (other.type.kind !== 'date' || type !== 'timestamp')
        throw error('not-supported', {
          what: `${f.member} is a ${type}, and ${name} a ${other.type.kind}`,
          instead: 'filter in a query of its own',
        });
      return onDates(f, name, query.timezone);
    }
    return { ...f, member: name };
  };
  const raw = (d: string): string => {
    const { name, other } = at(d);
    const type = catalogue.members.get(d)?.type.kind;
    if (other && other.type.kind !== type)
      throw error('not-supported', {
        what: `${d} is a ${type}, and ${name}, which stands for it in ${other.owner}, a ${other.type.kind}`,
        instead: 'ask for it by the day, or by something coarser',
      });
    return name;
  };
  const moved = where.map(filter);
  const finest = (t: { dimension: string; granularity: string }) => {
    const { name, other } = at(t.dimension);
    const of = other ?? catalogue.members.get(name);
    if (of && !of.granularities.includes(t.granularity))
      throw error('not-supported', {
        what: `${name}, which stands for ${t.dimension}, has no ${t.granularity}`,
        instead: 'ask for coarser buckets',
      });
    return { dimension: name, granularity: t.granularity };
  };
  return {
    query: {
      ...query,
      measures: query.measures.map((m) => at(m).name),
      dimensions: query.dimensions.map(raw),
      time: query.time.map(finest),
      segments: query.segments.map((s) => at(s).name),
      where: moved as LegQuery['where'],
    },
    where: moved,
    moved: true,
  };
};
