import { error } from '../../errors/index.js';
import type { OrderItem } from '../../query/index.js';
import type { Block, BlockLimit } from './block.js';
import { all, type Condition } from './condition.js';
import type { Facade } from './facade.js';
import { finerBecause } from './finer.js';
import type { Functions } from './functions.js';
import { keyOf, Lift } from './lift.js';
import { conjunction, conjuncts, functionName, kindOf, type Node, type SelectStmt, walk } from './nodes.js';
import { printer } from './print.js';
import { refuse } from './refuse.js';
import { type OpenSource, resolved, targetName, targetValue } from './source.js';
import { quoteName } from './text.js';
import { isConstant, WhereReader } from './where.js';

/** Everything that planning one select over model rows needs to know. */
export interface SelectContext {
  readonly facade: Facade;
  readonly functions: Functions;
  /** The text of a subquery, its own blocks replaced. */
  readonly subquery: (node: Node) => string;
}

/** A select over model rows as one block and the SQL above it. `text` reads from `_b`, whose rows `rows(columns)` stands for. */
export interface SelectPlan {
  readonly block: Block;
  readonly text: (rows: string) => string;
}

interface Parts {
  readonly targets: readonly { readonly name: string; readonly node: Node }[];
  readonly distinct: readonly Node[] | undefined;
  readonly groups: readonly Node[];
  readonly having: Node | undefined;
  readonly windows: readonly Node[];
  readonly sorts: readonly Node[];
  readonly residual: readonly Node[];
}

/** Every expression of the select over members; ordinals and constants stay. */
const partsOf = (select: SelectStmt, source: OpenSource, residual: readonly Node[]): Parts => {
  const over = (nodes: readonly Node[] | undefined) => (nodes ?? []).map((n) => resolved(n, source));
  const distinct = select.distinctClause?.filter((n) => Object.keys(n).length > 0);
  return {
    targets: (select.targetList ?? []).map((t) => ({ name: targetName(t), node: resolved(targetValue(t), source) })),
    distinct: select.distinctClause && over(distinct),
    groups: over(select.groupClause),
    having: select.havingClause && resolved(select.havingClause, source),
    windows: over(select.windowClause),
    sorts: over(select.sortClause),
    residual,
  };
};

const lifted = (parts: Parts, lift: Lift): Parts => {
  const each = (nodes: readonly Node[]) => nodes.map((n) => lift.expression(n));
  return {
    groups: each(parts.groups),
    residual: each(parts.residual),
    targets: parts.targets.map((t) => ({ name: t.name, node: lift.expression(t.node) })),
    distinct: parts.distinct && each(parts.distinct),
    having: parts.having && lift.expression(parts.having),
    windows: each(parts.windows),
    sorts: each(parts.sorts),
  };
};

/** Groups that are the block's own rows: then every aggregate over a measure is the measure, whatever its kind. */
const isDirect = (parts: Parts, lift: Lift, grouped: readonly Node[]): boolean => {
  if (lift.finer || grouped.some((g) => kindOf(g) === 'GroupingSet')) return false;
  const keys = grouped.filter((g) => !isConstant(g)).map((g) => keyOf(g, lift));
  return (
    [...lift.block.keys].every((k) => keys.includes(k)) &&
    (keys.every((k) => k !== undefined) || parts.groups.length === 0)
  );
};

/** WHERE as filters of the block, its segments, and what can only be applied to the block's rows. */
const readWhere = (where: readonly Node[], reader: WhereReader, lift: Lift) => {
  const filters: Condition[] = [];
  const segments: string[] = [];
  const residual: Node[] = [];
  for (const part of where.flatMap(conjuncts)) {
    const column = reader.column(part);
    if (column?.kind === 'segment') segments.push(column.member);
    else if (lift.isMeasure(part))
      refuse(
        'a condition on a measure in WHERE',
        'put conditions on measures into HAVING, or around the grouped query',
      );
    else {
      const condition = reader.read(part);
      if (condition) filters.push(condition);
      else residual.push(part);
    }
  }
  return { where: all(filters), segments, residual };
};

/** LIMIT and ORDER BY that the block can apply itself, so that only the rows that are wanted leave the engine. */
const limitOf = (select: SelectStmt, parts: Parts, lift: Lift, reader: WhereReader): BlockLimit | undefined => {
  const blocked =
    parts.residual.length > 0 ||
    parts.having ||
    parts.windows.length > 0 ||
    select.limitOption === 'LIMIT_OPTION_WITH_TIES';
  if (!select.limitCount || blocked) return undefined;
  let plain = true;
  walk([parts.targets.map((t) => t.node), parts.sorts], (n) => {
    if ('SubLink' in n || ('FuncCall' in n && n.FuncCall.over)) plain = false;
    return plain;
  });
  if (parts.distinct && !parts.targets.every((t) => keyOf(t.node, lift))) plain = false;
  const order: OrderItem[] = [];
  for (const sort of parts.sorts) {
    const by = 'SortBy' in sort ? sort.SortBy : {};
    const key = by.node && keyOf(by.node, lift);
    const call = by.node && 'FuncCall' in by.node ? by.node.FuncCall : undefined;
    const cast = by.node && 'TypeCast' in by.node;
    const measure = call && !call.over && functionName(call) !== 'count' ? lift.column(call.args?.[0]) : undefined;
    const name =
      key && !(cast && lift.column(by.node && 'TypeCast' in by.node ? by.node.TypeCast.arg : undefined))
        ? key
        : measure?.member;
    if (!name || by.useOp?.length) return undefined;
    const dir = by.sortby_dir === 'SORTBY_DESC' ? 'desc' : 'asc';
    const nulls =
      by.sortby_nulls === 'SORTBY_NULLS_FIRST'
        ? 'first'
        : by.sortby_nulls === 'SORTBY_NULLS_LAST'
          ? 'last'
          : dir === 'desc'
            ? 'first'
            : 'last';
    order.push({ by: name, dir, nulls });
  }
  if (!plain) return undefined;
  return {
    order,
    count: reader.slot(select.limitCount, 'count'),
    offset: select.limitOffset && reader.slot(select.limitOffset, 'count'),
  };
};

const refuseRows = (source: OpenSource): never =>
  refuse(
    `rows of ${source.table.name}: it has groups, not rows, in this version`,
    'SELECT dimensions and MEASURE(m) with GROUP BY, or SELECT DISTINCT dimensions; LIMIT 0 gives the columns alone',
  );

/** Plans one select whose FROM is model rows. Errors: `not-supported`, `measure-ungrouped`. */
export const planSelect = (
  select: SelectStmt,
  source: OpenSource,
  grouped: boolean,
  context: SelectContext,
): SelectPlan => {
  if (!grouped && !select.distinctClause) return refuseRows(source);
  if (select.lockingClause?.length) return refuse('row locks');
  const { facade, functions } = context;
  const reader = new WhereReader(facade);
  const where = [...source.where, ...conjuncts(select.whereClause).map((c) => resolved(c, source))];
  let lift = new Lift(source.table, functions, true);
  const read = readWhere(where, reader, lift);
  const parts = partsOf(select, source, read.residual);
  for (const group of parts.groups)
    if (lift.isMeasure(group)) {
      const names = source.table.columns.find(
        (c) => c.kind === 'measure' && JSON.stringify(group).includes(`"${c.name}"`),
      );
      throw error('measure-ungrouped', { measure: names?.name ?? '', table: source.table.name });
    }
  const keys = grouped ? parts.groups : parts.targets.map((t) => t.node);
  let above = lifted(parts, lift);
  const direct = isDirect(parts, lift, keys);
  const limit = direct ? limitOf(select, parts, lift, reader) : undefined;
  if (!direct) {
    const groups = keys.filter((g) => !isConstant(g) && !keyOf(g, lift));
    lift = new Lift(source.table, functions, false, finerBecause(source.table, parts.residual, groups, lift.finer));
    above = lifted(parts, lift);
    lift.checkSums();
  }
  checkVolatile(where, functions);
  const { block: columns } = lift;
  if (columns.columns.length === 0)
    return refuse(`a query that takes no column of ${source.table.name}`, 'select a dimension or a measure');
  if (grouped && parts.groups.length > 0 && columns.keys.size === 0)
    return refuse('groups of constants only', 'leave GROUP BY out, or group by a dimension');
  const block: Block = {
    table: source.table,
    columns: columns.columns,
    dimensions: columns.dimensions,
    times: columns.times,
    measures: columns.measures,
    segments: read.segments,
    where: read.where,
    slots: reader.slots,
    limit,
  };
  return { block, text: printSelect(select, above, context, grouped) };
};

const checkVolatile = (where: readonly Node[], functions: Functions): void =>
  walk(where, (n) => {
    if ('FuncCall' in n && functions.volatile.has(functionName(n.FuncCall)))
      refuse(`${functionName(n.FuncCall)}() in WHERE: it differs from row to row`);
    return !('SubLink' in n);
  });

const SUBQUERY: Readonly<Record<string, string>> = {
  EXISTS_SUBLINK: 'EXISTS ',
  ARRAY_SUBLINK: 'ARRAY',
  EXPR_SUBLINK: '',
};

const printSelect = (select: SelectStmt, parts: Parts, context: SelectContext, grouped: boolean) => {
  const print: (node: Node) => string = printer((n) => {
    if (!('SubLink' in n)) return undefined;
    const { subLinkType = '', testexpr, operName } = n.SubLink;
    const inner = context.subquery(n);
    const prefix = SUBQUERY[subLinkType];
    if (prefix !== undefined) return `${prefix}(${inner})`;
    const op = operName?.at(-1);
    const name = op && 'String' in op ? (op.String.sval ?? '=') : '=';
    if (!testexpr || !['ANY_SUBLINK', 'ALL_SUBLINK'].includes(subLinkType)) return refuse('a subquery of this kind');
    return `(${print(testexpr)} ${name} ${subLinkType === 'ANY_SUBLINK' ? 'ANY' : 'ALL'} (${inner}))`;
  });
  const list = (nodes: readonly Node[]) => nodes.map(print).join(', ');
  const order = parts.sorts.map(print);
  // Ties keep the block's order, so that pages of one order fit together. DISTINCT allows only its own columns there.
  if (grouped && !parts.distinct && (order.length > 0 || select.limitCount)) order.push('pg_catalog.min(_b.n)');
  const filter = conjunction(parts.residual);
  const clauses = [
    filter ? `WHERE ${print(filter)}` : '',
    parts.groups.length > 0 ? `GROUP BY ${select.groupDistinct ? 'DISTINCT ' : ''}${list(parts.groups)}` : '',
    parts.having ? `HAVING ${print(parts.having)}` : '',
    parts.windows.length > 0 ? `WINDOW ${list(parts.windows)}` : '',
    order.length > 0 ? `ORDER BY ${order.join(', ')}` : '',
    select.limitOffset ? `OFFSET ${print(select.limitOffset)}` : '',
    select.limitCount
      ? select.limitOption === 'LIMIT_OPTION_WITH_TIES'
        ? `FETCH FIRST (${print(select.limitCount)}) ROWS WITH TIES`
        : `LIMIT ${print(select.limitCount)}`
      : '',
  ].filter((c) => c !== '');
  const head = parts.distinct
    ? `SELECT DISTINCT ${parts.distinct.length > 0 ? `ON (${list(parts.distinct)}) ` : ''}`
    : 'SELECT ';
  const targets = parts.targets.map((t) => `${print(t.node)} AS ${quoteName(t.name)}`).join(', ');
  return (rows: string) => `${head}${targets} FROM ${rows} AS _b ${clauses.join(' ')}`;
};
