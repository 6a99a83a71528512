import { error } from '../../errors/index.js';
import type { Catalogue, Member } from '../../model/catalog/index.js';
import type { Column, DataType, LegFilter, LegQuery } from '../../query/index.js';
import type { CheckedFilter } from './filter.js';
import type { AskedGroup, AskedMeasure, Question } from './question.js';
import type { ComposedFilter, Composition, Expression } from './types.js';

/** One leg, before policies: what is asked of its source, its columns, and what is done above it. */
export interface Split {
  readonly leg: LegQuery;
  /** The leg's conditions again, in the planner's own form. */
  readonly where: readonly CheckedFilter[];
  /** Columns of the leg: c0, c1, ... */
  readonly legColumns: readonly Column[];
  readonly composition: Composition;
  /** Columns of the answer. */
  readonly columns: readonly Column[];
}

/** Measures that the leg must deliver: a ratio's parts stand for it. Each once. */
const baseMeasures = (asked: readonly AskedMeasure[], catalogue: Catalogue): Map<string, Member> => {
  const found = new Map<string, Member>();
  const add = (name: string) => {
    const member = catalogue.members.get(name);
    if (!member) throw error('unknown-member', { name });
    if (member.ratio) throw error('not-supported', { what: `${name} is a ratio inside another ratio` });
    found.set(name, member);
  };
  for (const { member, masked } of asked) {
    if (masked) continue;
    if (member.ratio) for (const part of [member.ratio.numerator, member.ratio.denominator]) add(part);
    else add(member.name);
  }
  return found;
};

/** Numbers of the leg's columns, and expressions over them. */
class LegShape {
  readonly dimensions: string[] = [];
  readonly times: { dimension: string; granularity: string }[] = [];
  readonly columns: Column[] = [];
  readonly measures: readonly string[];
  readonly #at = new Map<string, number>();

  constructor(groups: readonly AskedGroup[], measures: ReadonlyMap<string, Member>) {
    for (const g of groups) if (g.member !== undefined && g.granularity === undefined) this.#dimension(g, g.member);
    for (const g of groups)
      if (g.member !== undefined && g.granularity !== undefined) this.#time(g, g.member, g.granularity);
    this.measures = [...measures.keys()];
    for (const [name, m] of measures) this.#push(name, { name, type: m.type, role: 'measure' });
  }
  #push(key: string, column: Column) {
    this.#at.set(key, this.columns.length);
    this.columns.push(column);
  }
  #dimension(g: AskedGroup, member: string) {
    // a pseudonym that is also asked for by its own name is one column
    if (this.#at.has(member)) return;
    this.dimensions.push(member);
    this.#push(member, { name: member, type: g.type, role: 'dimension' });
  }
  #time(g: AskedGroup, dimension: string, granularity: string) {
    const key = `${dimension}.${granularity}`;
    if (this.#at.has(key)) return;
    this.times.push({ dimension, granularity });
    this.#push(key, { name: key, type: g.type, role: 'time' });
  }
  get groups(): number {
    return this.dimensions.length + this.times.length;
  }
  at(key: string): number {
    const column = this.#at.get(key);
    if (column === undefined) throw error('internal', {});
    return column;
  }
  typeOf(column: number): DataType {
    const found = this.columns[column];
    if (!found) throw error('internal', {});
    return found.type;
  }
  group(g: AskedGroup): Expression {
    if (g.member === undefined) return { kind: 'null' };
    return { kind: 'column', column: this.at(g.granularity === undefined ? g.member : `${g.member}.${g.granularity}`) };
  }
  measure({ member, masked }: AskedMeasure): Expression {
    if (masked) return { kind: 'null' };
    if (!member.ratio) return { kind: 'column', column: this.at(member.name) };
    const numerator = this.at(member.ratio.numerator);
    const denominator = this.at(member.ratio.denominator);
    for (const part of [numerator, denominator])
      if (!['integer', 'bigint', 'decimal'].includes(this.typeOf(part).kind))
        throw error('not-supported', { what: `${member.name}: a part of the ratio has no exact type` });
    if (member.type.kind !== 'decimal')
      throw error('not-supported', { what: `${member.name}: a ratio's type is a decimal` });
    return { kind: 'ratio', numerator, denominator, scale: member.type.scale };
  }
}

const leavesOf = (filter: CheckedFilter): readonly Extract<CheckedFilter, { member: string }>[] =>
  'member' in filter
    ? [filter]
    : 'not' in filter
      ? leavesOf(filter.not)
      : ('and' in filter ? filter.and : filter.or).flatMap(leavesOf);

/** A tree with every leaf replaced. */
const composed = (filter: CheckedFilter, at: (name: string) => number): ComposedFilter => {
  if ('member' in filter) return { value: at(filter.member), op: filter.op, values: filter.values ?? [] };
  if ('not' in filter) return { not: composed(filter.not, at) };
  return 'and' in filter
    ? { and: filter.and.map((f) => composed(f, at)) }
    : { or: filter.or.map((f) => composed(f, at)) };
};

/** Splits a question into one leg and what is done above it. Order, having and limit go into the leg where they are exact there. */
export const splitQuestion = (question: Question, catalogue: Catalogue): Split => {
  const { groups, measures, hidden } = question;
  const shape = new LegShape(groups, baseMeasures([...measures, ...hidden], catalogue));
  if (shape.columns.length === 0)
    throw error('not-supported', {
      what: 'every column of the query is masked for your roles',
      instead: 'ask for at least one that is not',
    });
  const asked: { name: string; column: Column; expression: Expression }[] = [
    ...groups.map((g) => ({
      name: g.name,
      column: {
        name: g.name,
        type: g.type,
        role: g.granularity === undefined ? ('dimension' as const) : ('time' as const),
        ...(g.unit === undefined ? {} : { unit: g.unit }),
      },
      expression: shape.group(g),
    })),
    ...[...measures, ...hidden].map((m) => ({
      name: m.member.name,
      column: {
        name: m.member.name,
        type: m.member.type,
        role: 'measure' as const,
        ...(m.member.unit === undefined ? {} : { unit: m.member.unit }),
      },
      expression: shape.measure(m),
    })),
  ];
  const indexOf = new Map(asked.map((a, i) => [a.name, i]));
  const at = (name: string): number => {
    const index = indexOf.get(name);
    if (index === undefined) throw error('internal', {});
    return index;
  };
  const values = asked.map((a) => a.expression);

  // having: conjuncts over plain measures go down, the others stay above
  const plain = (name: string) => values[at(name)]?.kind === 'column' && at(name) >= groups.length;
  const down = question.having.filter((f) => leavesOf(f).every((leaf) => plain(leaf.member)));
  const above = question.having.filter((f) => !down.includes(f));

  // order: total, ties broken by the group's key; a constant mask orders nothing
  const order = question.order
    .map((o) => ({ value: at(o.by), dir: o.dir, nulls: o.nulls }))
    .filter((o, i, all) => values[o.value]?.kind !== 'null' && all.findIndex((p) => p.value === o.value) === i);
  if (shape.groups === 0) order.length = 0;
  else
    for (const [i, g] of groups.entries())
      if (g.member !== undefined && !order.some((o) => o.value === i))
        order.push({ value: i, dir: 'asc', nulls: 'last' });
  const legOrder = order.flatMap((o) => {
    const expression = values[o.value];
    return expression?.kind === 'column' ? [{ column: expression.column, dir: o.dir, nulls: o.nulls }] : [];
  });
  const ordered = legOrder.length === order.length;
  const limited = ordered && above.length === 0;

  return {
    leg: {
      measures: shape.measures,
      dimensions: shape.dimensions,
      time: shape.times,
      segments: question.segments,
      where: question.where,
      having: down as readonly LegFilter[],
      order: ordered ? legOrder.filter((o, i) => legOrder.findIndex((p) => p.column === o.column) === i) : [],
      ...(limited && question.limit !== undefined ? { limit: question.limit } : {}),
      ...(limited && question.offset > 0 ? { offset: question.offset } : {}),
      timezone: question.timezone,
    },
    where: question.where,
    legColumns: shape.columns,
    composition: {
      values,
      types: asked.map((a) => a.column.type),
      having: above.length === 0 ? undefined : { and: above.map((f) => composed(f, at)) },
      order: ordered ? [] : order,
      limit: limited ? undefined : question.limit,
      offset: limited ? 0 : question.offset,
    },
    columns: asked.slice(0, groups.length + measures.length).map((a) => a.column),
  };
};
