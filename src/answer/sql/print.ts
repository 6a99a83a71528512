import type { FuncCall, Node, SortBy, TypeName, WindowDef } from 'libpg-query';
import { functionName, kindOf, operatorName } from './nodes.js';
import { refuse } from './refuse.js';
import { quoteLiteral, quoteName } from './text.js';

/** Prints what the caller does not want printed as usual (members, subqueries); undefined: as usual. */
export type PrintNode = (node: Node) => string | undefined;

const dotted = (names: readonly Node[] | undefined): string =>
  (names ?? []).map((n) => ('String' in n ? quoteName(n.String.sval ?? '') : '*')).join('.');

const typeText = (type: TypeName | undefined): string => {
  const name = operatorName(type?.names);
  const inner = (type?.names?.length ?? 0) > 1 || name !== 'text' ? dotted(type?.names) : 'text';
  const mods = (type?.typmods ?? []).map((m) => printer(() => undefined)(m));
  // An interval's field mask or precision cannot be given behind a quoted name; the plain name takes a precision.
  const head = name === 'interval' && mods.length > 0 ? refuse('an interval type with fields') : inner;
  return `${head}${mods.length > 0 ? `(${mods.join(', ')})` : ''}${(type?.arrayBounds ?? []).map(() => '[]').join('')}`;
};

const constant = (node: Extract<Node, { A_Const: unknown }>): string => {
  const c = node.A_Const;
  if (c.isnull) return 'NULL';
  if (c.boolval) return c.boolval.boolval ? 'true' : 'false';
  if (c.ival) return `(${c.ival.ival ?? 0})`;
  if (c.fval) return `(${c.fval.fval ?? '0'})`;
  if (c.sval) return quoteLiteral(c.sval.sval ?? '');
  return refuse('a bit string');
};

/** Keyword forms that have no plain call of the same meaning in every version; all others print as calls of their function. */
const SQL_VALUES: Readonly<Record<string, string>> = {
  SVFOP_CURRENT_DATE: 'CURRENT_DATE',
  SVFOP_CURRENT_TIME: 'CURRENT_TIME',
  SVFOP_CURRENT_TIMESTAMP: 'CURRENT_TIMESTAMP',
  SVFOP_LOCALTIME: 'LOCALTIME',
  SVFOP_LOCALTIMESTAMP: 'LOCALTIMESTAMP',
  SVFOP_CURRENT_ROLE: 'CURRENT_ROLE',
  SVFOP_CURRENT_USER: 'CURRENT_USER',
  SVFOP_USER: 'USER',
  SVFOP_SESSION_USER: 'SESSION_USER',
  SVFOP_CURRENT_CATALOG: 'CURRENT_CATALOG',
  SVFOP_CURRENT_SCHEMA: 'CURRENT_SCHEMA',
};
const BOOLEAN_TESTS: Readonly<Record<string, string>> = {
  IS_TRUE: 'IS TRUE',
  IS_NOT_TRUE: 'IS NOT TRUE',
  IS_FALSE: 'IS FALSE',
  IS_NOT_FALSE: 'IS NOT FALSE',
  IS_UNKNOWN: 'IS UNKNOWN',
  IS_NOT_UNKNOWN: 'IS NOT UNKNOWN',
};

const GROUPING: Readonly<Record<string, string>> = {
  GROUPING_SET_ROLLUP: 'ROLLUP',
  GROUPING_SET_CUBE: 'CUBE',
  GROUPING_SET_SETS: 'GROUPING SETS',
};

/** Frame flags of parsenodes.h. */
const FRAME = (options: number, start: string, end: string): string => {
  if (!(options & 0x1)) return '';
  const mode = options & 0x4 ? 'ROWS' : options & 0x8 ? 'GROUPS' : 'RANGE';
  const first =
    options & 0x20
      ? 'UNBOUNDED PRECEDING'
      : options & 0x200
        ? 'CURRENT ROW'
        : options & 0x800
          ? `${start} PRECEDING`
          : `${start} FOLLOWING`;
  const last =
    options & 0x100
      ? 'UNBOUNDED FOLLOWING'
      : options & 0x400
        ? 'CURRENT ROW'
        : options & 0x1000
          ? `${end} PRECEDING`
          : `${end} FOLLOWING`;
  const exclude =
    options & 0x8000
      ? ' EXCLUDE CURRENT ROW'
      : options & 0x10000
        ? ' EXCLUDE GROUP'
        : options & 0x20000
          ? ' EXCLUDE TIES'
          : '';
  return ` ${mode} ${options & 0x10 ? `BETWEEN ${first} AND ${last}` : first}${exclude}`;
};

/**
 * A printer of expressions in the normal form. It knows the kinds of node that the normal form of a block holds, and refuses any
 * other, so nothing is printed with another meaning.
 */
export const printer = (special: PrintNode): ((node: Node) => string) => {
  const list = (nodes: readonly Node[] | undefined): string => (nodes ?? []).map(print).join(', ');
  const window = (w: WindowDef): string => {
    const parts = [
      w.refname ? quoteName(w.refname) : '',
      w.partitionClause?.length ? `PARTITION BY ${list(w.partitionClause)}` : '',
      w.orderClause?.length ? `ORDER BY ${list(w.orderClause)}` : '',
    ].filter((p) => p !== '');
    const frame = FRAME(
      w.frameOptions ?? 0,
      w.startOffset ? print(w.startOffset) : '',
      w.endOffset ? print(w.endOffset) : '',
    );
    return `(${parts.join(' ')}${frame})`;
  };
  const call = (f: FuncCall): string => {
    const args = f.agg_star
      ? '*'
      : (f.args ?? [])
          .map((a, i, all) => `${f.func_variadic && i === all.length - 1 ? 'VARIADIC ' : ''}${print(a)}`)
          .join(', ');
    const order = f.agg_order?.length && !f.agg_within_group ? ` ORDER BY ${list(f.agg_order)}` : '';
    const within = f.agg_within_group ? ` WITHIN GROUP (ORDER BY ${list(f.agg_order)})` : '';
    const filter = f.agg_filter ? ` FILTER (WHERE ${print(f.agg_filter)})` : '';
    const over = f.over ? ` OVER ${f.over.name ? quoteName(f.over.name) : window(f.over)}` : '';
    // `EXTRACT(year FROM x)` and its like are calls of pg_catalog functions with the same arguments.
    return `${dotted(f.funcname)}(${f.agg_distinct ? 'DISTINCT ' : ''}${args}${order})${within}${filter}${over}`;
  };
  const sort = (s: SortBy): string => {
    if (s.useOp?.length) return refuse('ORDER BY ... USING');
    const dir = s.sortby_dir === 'SORTBY_DESC' ? ' DESC' : '';
    const nulls =
      s.sortby_nulls === 'SORTBY_NULLS_FIRST'
        ? ' NULLS FIRST'
        : s.sortby_nulls === 'SORTBY_NULLS_LAST'
          ? ' NULLS LAST'
          : '';
    return `${s.node ? print(s.node) : ''}${dir}${nulls}`;
  };
  const print = (node: Node): string => {
    const own = special(node);
    if (own !== undefined) return own;
    if ('ColumnRef' in node) return dotted(node.ColumnRef.fields);
    if ('A_Const' in node) return constant(node);
    if ('ParamRef' in node) return `$${node.ParamRef.number ?? 0}`;
    if ('FuncCall' in node) {
      const f = node.FuncCall;
      return functionName(f).startsWith('xml') && f.funcformat === 'COERCE_SQL_SYNTAX'
        ? refuse('an XML expression')
        : call(f);
    }
    if ('TypeCast' in node)
      return `(${node.TypeCast.arg ? print(node.TypeCast.arg) : ''})::${typeText(node.TypeCast.typeName)}`;
    if ('A_Expr' in node) {
      const e = node.A_Expr;
      const left = e.lexpr ? print(e.lexpr) : '';
      const right = e.rexpr ? print(e.rexpr) : '';
      const name = operatorName(e.name);
      const op =
        (e.name?.length ?? 0) > 1
          ? `OPERATOR(${(e.name ?? [])
              .slice(0, -1)
              .map((n) => dotted([n]))
              .join('.')}.${name})`
          : name;
      if (e.kind === 'AEXPR_OP') return `(${left} ${op} ${right})`;
      if (e.kind === 'AEXPR_OP_ANY') return `(${left} ${op} ANY (${right}))`;
      if (e.kind === 'AEXPR_OP_ALL') return `(${left} ${op} ALL (${right}))`;
      if (e.kind === 'AEXPR_DISTINCT') return `(${left} IS DISTINCT FROM ${right})`;
      if (e.kind === 'AEXPR_NOT_DISTINCT') return `(${left} IS NOT DISTINCT FROM ${right})`;
      if (e.kind === 'AEXPR_NULLIF') return `NULLIF(${left}, ${right})`;
      return refuse(`an expression of the kind ${e.kind ?? '?'}`);
    }
    if ('BoolExpr' in node) {
      const args = (node.BoolExpr.args ?? []).map(print);
      if (node.BoolExpr.boolop === 'NOT_EXPR') return `(NOT ${args[0] ?? ''})`;
      return `(${args.join(node.BoolExpr.boolop === 'AND_EXPR' ? ' AND ' : ' OR ')})`;
    }
    if ('NullTest' in node)
      return `(${node.NullTest.arg ? print(node.NullTest.arg) : ''} ${node.NullTest.nulltesttype === 'IS_NULL' ? 'IS NULL' : 'IS NOT NULL'})`;
    if ('BooleanTest' in node)
      return `(${node.BooleanTest.arg ? print(node.BooleanTest.arg) : ''} ${BOOLEAN_TESTS[node.BooleanTest.booltesttype ?? ''] ?? refuse('a boolean test')})`;
    if ('CaseExpr' in node) {
      const c = node.CaseExpr;
      const whens = (c.args ?? []).map((w) =>
        'CaseWhen' in w && w.CaseWhen.expr && w.CaseWhen.result
          ? ` WHEN ${print(w.CaseWhen.expr)} THEN ${print(w.CaseWhen.result)}`
          : refuse('a CASE'),
      );
      return `(CASE${c.arg ? ` ${print(c.arg)}` : ''}${whens.join('')}${c.defresult ? ` ELSE ${print(c.defresult)}` : ''} END)`;
    }
    if ('CoalesceExpr' in node) return `COALESCE(${list(node.CoalesceExpr.args)})`;
    if ('MinMaxExpr' in node)
      return `${node.MinMaxExpr.op === 'IS_LEAST' ? 'LEAST' : 'GREATEST'}(${list(node.MinMaxExpr.args)})`;
    if ('A_ArrayExpr' in node) return `ARRAY[${list(node.A_ArrayExpr.elements)}]`;
    if ('RowExpr' in node) return `ROW(${list(node.RowExpr.args)})`;
    if ('CollateClause' in node)
      return `(${node.CollateClause.arg ? print(node.CollateClause.arg) : ''} COLLATE ${dotted(node.CollateClause.collname)})`;
    if ('SQLValueFunction' in node) {
      const v = node.SQLValueFunction;
      return (v.typmod ?? -1) < 0
        ? (SQL_VALUES[v.op ?? ''] ?? refuse('a clock function with a precision'))
        : refuse('a clock function with a precision');
    }
    if ('A_Indirection' in node) {
      const i = node.A_Indirection;
      const parts = (i.indirection ?? []).map((p) =>
        'A_Indices' in p && !p.A_Indices.is_slice && p.A_Indices.uidx
          ? `[${print(p.A_Indices.uidx)}]`
          : 'String' in p
            ? `.${quoteName(p.String.sval ?? '')}`
            : refuse('a slice'),
      );
      return `(${i.arg ? print(i.arg) : ''})${parts.join('')}`;
    }
    if ('GroupingFunc' in node) return `GROUPING(${list(node.GroupingFunc.args)})`;
    if ('GroupingSet' in node) {
      const g = node.GroupingSet;
      const inner = list(g.content);
      if (g.kind === 'GROUPING_SET_EMPTY') return '()';
      if (g.kind === 'GROUPING_SET_SIMPLE') return `(${inner})`;
      const word = GROUPING[g.kind ?? ''];
      return word ? `${word}(${inner})` : refuse('a grouping set');
    }
    if ('SortBy' in node) return sort(node.SortBy);
    if ('WindowDef' in node) return `${quoteName(node.WindowDef.name ?? '')} AS ${window(node.WindowDef)}`;
    return refuse(`an expression of the kind ${kindOf(node)}`);
  };
  return print;
};
