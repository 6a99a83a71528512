import { error } from '../../errors/index.js';
import type { Catalogue, Member } from '../../model/catalog/index.js';
import { type Column, comparisonName, type LegFilter, totalFlagName } from '../../query/index.js';
import type { Assembly } from './assembly.js';
import { factOf } from './facts.js';
import { type CheckedFilter, checkedLeaves } from './filter.js';
import { type LegAsk, LegDraft } from './leg-asks.js';
import { type Formula, formulaOf, type Leaf, leavesAsked } from './measures.js';
import type { AskedComparison, AskedMeasure, Question } from './question.js';
import { comparedType } from './shown.js';
import { PartsSplit } from './split-parts.js';
import type { ComposedFilter, Composition, Expression, Operand } from './types.js';

/** A question's legs, before policies, and what is done above them. */
export interface Split {
  readonly legs: readonly LegAsk[];
  /** How the legs become one statement; undefined where the only leg is the statement. */
  readonly assembly: Assembly | undefined;
  /** Columns of the statement: c0, c1, ... */
  readonly statementColumns: readonly Column[];
  readonly composition: Composition;
  /** Columns of the answer. */
  readonly columns: readonly Column[];
}

/** A column of the answer, or a measure that only order and having name, as a value over the statement's columns. */
interface Shown {
  readonly name: string;
  readonly column: Column;
  readonly expression: Expression;
}

/** Where the statement has what the answer is made of. */
interface Statement {
  readonly columns: readonly Column[];
  group(position: number): number;
  flag(position: number): number;
  measure(leaf: Leaf, asked: AskedMeasure, compare: AskedComparison | undefined): number;
}

const measureColumn = (name: string, type: Column['type'], unit: string | undefined): Column => ({
  name,
  type,
  role: 'measure',
  ...(unit === undefined ? {} : { unit }),
});

/** A measure over one set of rows: a column, or the exact ratio of two such measures. */
const operandOf = (
  asked: AskedMeasure,
  compare: AskedComparison | undefined,
  statement: Statement,
  catalogue: Catalogue,
): Operand => {
  const operand = (formula: Formula): Operand => {
    if (formula.kind === 'leaf') return { kind: 'column', column: statement.measure(formula.leaf, asked, compare) };
    const { kind, scale } = formula;
    if (kind === 'difference') return { kind, a: operand(formula.a), b: operand(formula.b), scale };
    return { kind, numerator: operand(formula.numerator), denominator: operand(formula.denominator), scale };
  };
  return operand(formulaOf(asked.member, catalogue));
};

/** Everything that the composition computes: columns of the answer in their order, then hidden measures. */
const shownOf = (
  question: Question,
  statement: Statement,
  catalogue: Catalogue,
): { readonly shown: readonly Shown[]; readonly answer: number } => {
  const { groups, measures, hidden, compare, totals } = question;
  const shown: Shown[] = groups.map((g, i) => ({
    name: g.name,
    column: {
      name: g.name,
      type: g.type,
      role: g.granularity === undefined ? 'dimension' : 'time',
      ...(g.unit === undefined ? {} : { unit: g.unit }),
    },
    expression: g.member === undefined ? { kind: 'null' } : { kind: 'column', column: statement.group(i) },
  }));
  const measureOf = (m: AskedMeasure): Shown => ({
    name: m.name,
    column: measureColumn(m.name, m.member.type, m.member.unit),
    expression: m.masked ? { kind: 'null' } : operandOf(m, undefined, statement, catalogue),
  });
  shown.push(...measures.map(measureOf));
  for (const comparison of compare)
    for (const m of measures)
      for (const show of comparison.show) {
        const name = comparisonName(m.name, comparison.as, show);
        const type = comparedType(m, show);
        const scale = type.kind === 'decimal' ? type.scale : 0;
        const expression = (): Expression => {
          const [a, b] = [
            operandOf(m, undefined, statement, catalogue),
            operandOf(m, comparison, statement, catalogue),
          ];
          return show === 'value' ? b : { kind: show === 'ratio' ? 'quotient' : 'difference', a, b, scale };
        };
        shown.push({
          name,
          column: measureColumn(name, type, show === 'ratio' ? undefined : m.member.unit),
          expression: m.masked ? { kind: 'null' } : expression(),
        });
      }
  if (totals)
    for (const [i, g] of groups.entries())
      shown.push({
        name: totalFlagName(g.name),
        column: { name: totalFlagName(g.name), type: { kind: 'boolean' }, role: 'flag' },
        expression: { kind: 'column', column: statement.flag(i) },
      });
  return { shown: [...shown, ...hidden.map(measureOf)], answer: shown.length };
};

/** A tree with every leaf replaced. */
const composed = (filter: CheckedFilter, at: (name: string) => number): ComposedFilter => {
  if ('member' in filter) return { value: at(filter.member), op: filter.op, values: filter.values ?? [] };
  if ('not' in filter) return { not: composed(filter.not, at) };
  return 'and' in filter
    ? { and: filter.and.map((f) => composed(f, at)) }
    : { or: filter.or.map((f) => composed(f, at)) };
};

type Order = Composition['order'][number];

/** The order of rows, total: ties are broken by the group's key, totals after the groups that they sum up. A constant orders nothing. */
const orderOf = (question: Question, shown: readonly Shown[], at: (name: string) => number): readonly Order[] => {
  const { groups, totals } = question;
  const order: Order[] = [];
  const add = (value: number, dir: Order['dir'], nulls: Order['nulls']) => {
    if (shown[value]?.expression.kind !== 'null' && !order.some((o) => o.value === value))
      order.push({ value, dir, nulls });
  };
  for (const { by, dir, nulls } of question.order) add(at(by), dir, nulls);
  if (groups.every((g) => g.member === undefined) && !totals) return [];
  for (const [i, g] of groups.entries()) {
    add(i, 'asc', 'last');
    if (totals) add(at(totalFlagName(g.name)), 'asc', 'last');
  }
  // rows that agree in all that is shown are alike, in whatever order they come
  if (question.rows) for (const m of question.measures) add(at(m.name), 'asc', 'last');
  return order;
};

/** What the statement does itself of order, having and page, and what is left to the composition. */
interface Pushed {
  readonly having: readonly LegFilter[];
  readonly order: readonly { readonly column: number; readonly dir: Order['dir']; readonly nulls: Order['nulls'] }[];
  readonly limit: number | undefined;
  readonly offset: number;
  readonly composition: Composition;
}

const pushed = (question: Question, shown: readonly Shown[], mayHave: (name: string) => boolean): Pushed => {
  const indexOf = new Map(shown.map((a, i) => [a.name, i]));
  const at = (name: string): number => {
    const index = indexOf.get(name);
    if (index === undefined) throw error('internal', {});
    return index;
  };
  const down = question.having.filter((f) => checkedLeaves(f).every((leaf) => mayHave(leaf.member)));
  const above = question.having.filter((f) => !down.includes(f));
  const order = orderOf(question, shown, at);
  const below = order.flatMap((o) => {
    const expression = shown[o.value]?.expression;
    return expression?.kind === 'column' ? [{ column: expression.column, dir: o.dir, nulls: o.nulls }] : [];
  });
  const ordered = below.length === order.length;
  // to be counted, all rows are read
  const limited = ordered && above.length === 0 && !question.total;
  return {
    having: down as readonly LegFilter[],
    order: ordered ? below.filter((o, i) => below.findIndex((p) => p.column === o.column) === i) : [],
    limit: limited ? question.limit : undefined,
    offset: limited ? question.offset : 0,
    composition: {
      values: shown.map((s) => s.expression),
      types: shown.map((s) => s.column.type),
      having: above.length === 0 ? undefined : { and: above.map((f) => composed(f, at)) },
      order: ordered ? [] : order,
      limit: limited ? undefined : question.limit,
      offset: limited ? 0 : question.offset,
      ...(question.total && { total: true }),
    },
  };
};

/** One leg answers it: order, having and limit go into the leg where they are exact there. */
const splitOne = (question: Question, base: readonly Member[], catalogue: Catalogue): Split => {
  const { groups, owner } = question;
  const [first] = base;
  const fact = first ? factOf(first) : { root: owner.root, cube: owner.root };
  const draft = new LegDraft(question, groups, [...question.ranges, ...question.where], '', fact, catalogue);
  for (const m of base) draft.measure(m.name);
  if (draft.isEmpty) throw nothingToShow();
  const columns: Column[] = [];
  for (const g of groups) {
    if (g.member === undefined) continue;
    const name = g.granularity === undefined ? g.member : `${g.member}.${g.granularity}`;
    columns[draft.group(g)] = { name, type: g.type, role: g.granularity === undefined ? 'dimension' : 'time' };
  }
  for (const m of base) columns[draft.measure(m.name)] = { name: m.name, type: m.type, role: 'measure' };
  const statement: Statement = {
    columns,
    group: (position) => draft.group(groups[position] as Question['groups'][number]),
    flag: () => {
      throw error('internal', {});
    },
    measure: ({ member }) => draft.measure(member.name),
  };
  const { shown, answer } = shownOf(question, statement, catalogue);
  const plain = (name: string) => {
    if (question.rows) return false;
    const found = shown.find((s) => s.name === name);
    return found?.column.role === 'measure' && found.expression.kind === 'column';
  };
  const { having, order, limit, offset, composition } = pushed(question, shown, plain);
  const ask = draft.ask();
  return {
    legs: [
      {
        ...ask,
        query: {
          ...ask.query,
          having,
          order,
          ...(limit === undefined ? {} : { limit }),
          ...(offset > 0 ? { offset } : {}),
        },
      },
    ],
    assembly: undefined,
    statementColumns: columns,
    composition,
    columns: shown.slice(0, answer).map((s) => s.column),
  };
};

const nothingToShow = () =>
  error('not-supported', {
    what: 'every column of the query is masked for your roles',
    instead: 'ask for at least one that is not',
  });

/** Several legs answer it: each delivers its rows, the assembly brings them together. */
const splitParts = (question: Question, catalogue: Catalogue): Split => {
  const { groups, totals } = question;
  const split = new PartsSplit(question, catalogue);
  const { legs, parts } = split.finished();
  if (legs.length === 0) throw nothingToShow();
  const keys = split.keyed.map((g) => groups[g] as Question['groups'][number]);
  const flags = totals ? groups.length : 0;
  const first = keys.length + flags;
  const columns: Column[] = [
    ...keys.map(
      (g): Column => ({ name: g.name, type: g.type, role: g.granularity === undefined ? 'dimension' : 'time' }),
    ),
    ...groups
      .slice(0, flags)
      .map((g): Column => ({ name: totalFlagName(g.name), type: { kind: 'boolean' }, role: 'flag' })),
    ...split.values.map(({ type }, i): Column => ({ name: `value ${i}`, type, role: 'measure' })),
  ];
  const statement: Statement = {
    columns,
    group: (position) => split.keyed.indexOf(position),
    flag: (position) => keys.length + position,
    measure: (leaf, asked, compare) => first + split.slot(leaf, asked, compare),
  };
  const { shown, answer } = shownOf(question, statement, catalogue);
  const { order, limit, offset, composition } = pushed(question, shown, () => false);
  return {
    legs,
    assembly: {
      keys: keys.map((g) => g.type),
      flags,
      values: split.values,
      lists: split.lists,
      parts,
      order,
      limit,
      offset,
    },
    statementColumns: columns,
    composition,
    columns: shown.slice(0, answer).map((s) => s.column),
  };
};

/** The measures of a question that one leg can answer; undefined where it takes several. */
const ofOneLeg = (question: Question, catalogue: Catalogue): readonly Member[] | undefined => {
  const { measures, hidden, compare, fill, totals } = question;
  if (compare.length > 0 || fill || totals) return undefined;
  if (measures.some((m) => m.where.length > 0 || m.window !== undefined)) return undefined;
  const leaves = leavesAsked([...measures, ...hidden], catalogue);
  if (leaves.some((leaf) => leaf.taken || leaf.level || leaf.period || leaf.member.multipliable)) return undefined;
  const facts = new Set(leaves.map((leaf) => JSON.stringify(factOf(leaf.member))));
  return facts.size > 1 ? undefined : leaves.map((leaf) => leaf.member);
};

/** Splits a question into legs and what is done above them. Errors: `not-supported`, `query-invalid`. */
export const splitQuestion = (question: Question, catalogue: Catalogue): Split => {
  const base = ofOneLeg(question, catalogue);
  return base ? splitOne(question, base, catalogue) : splitParts(question, catalogue);
};
