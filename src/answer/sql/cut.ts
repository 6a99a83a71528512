import type { Block } from './block.js';
import type { Facade } from './facade.js';
import type { Functions } from './functions.js';
import { type Node, type SelectStmt, walk } from './nodes.js';
import { refuse } from './refuse.js';
import { planSelect } from './select.js';
import { hasAggregates, openSelect, openSource, type Scope } from './source.js';
import { type ByteText, quoteName, readable, slice, type Token, tokensOf } from './text.js';

interface Splice {
  readonly from: number;
  readonly to: number;
  readonly text: string;
}

const SET_WORDS = new Set(['UNION', 'INTERSECT', 'EXCEPT']);
const TAIL_WORDS = new Set(['ORDER', 'LIMIT', 'OFFSET', 'FETCH', 'FOR']);
/** Stands in a text for an array of the block's values; `placed` puts them in. */
const mark = (block: number, column: number): string => `\0${block}:${column}\0`;

/** A statement's text above its blocks, with a place for every array of values. */
export const placed = (text: string, put: (block: number, column: number) => string): string =>
  text.replace(/\0(\d+):(\d+)\0/g, (_, block: string, column: string) => put(Number(block), Number(column)));

/** Cuts a query in normal form into blocks. Everything that is no block stays the text that PostgreSQL wrote. */
export class Cutter {
  readonly blocks: Block[] = [];
  private splices: Splice[] = [];
  private readonly tokens: Token[];
  constructor(
    private readonly text: ByteText,
    private readonly facade: Facade,
    private readonly functions: Functions,
  ) {
    this.tokens = tokensOf(text);
  }

  cut(select: SelectStmt): string {
    this.select(select, new Map(), false);
    return this.region(0, this.text.length);
  }

  /** Text of a span with what was planned inside of it. */
  private region(from: number, to: number): string {
    const inside = this.splices.filter((s) => s.from >= from && s.to <= to).sort((a, b) => a.from - b.from);
    let out = '';
    let at = from;
    for (const s of inside) {
      out += readable(slice(this.text, at, s.from)) + s.text;
      at = s.to;
    }
    return out + readable(slice(this.text, at, to));
  }

  private splice(from: number, to: number, text: string): void {
    this.splices = this.splices.filter((s) => s.from < from || s.to > to);
    this.splices.push({ from, to, text });
  }

  private select(select: SelectStmt, outer: Scope, isArm: boolean): void {
    const scope = this.withClause(select, outer);
    if (select.op !== 'SETOP_NONE') {
      if (select.larg) this.select(select.larg, scope, true);
      if (select.rarg) this.select(select.rarg, scope, true);
      this.expressions([select.sortClause, select.limitCount, select.limitOffset], scope);
      return;
    }
    const source =
      select.fromClause?.length === 1
        ? openSource(select.fromClause[0], scope, this.facade, this.functions)
        : undefined;
    if (!source) {
      for (const item of select.fromClause ?? []) this.from(item, scope);
      const { fromClause: _from, withClause: _with, ...rest } = select;
      this.expressions(rest, scope);
      return;
    }
    const { fromClause: _from, withClause: _with, ...rest } = select;
    this.expressions(rest, scope, source.alias);
    const grouped =
      !!select.groupClause?.length ||
      !!select.havingClause ||
      hasAggregates([select.targetList, select.sortClause, select.windowClause], this.functions);
    const plan = planSelect(select, source, grouped, {
      facade: this.facade,
      functions: this.functions,
      subquery: (node) => this.subquery(node),
    });
    const number = this.blocks.push(plan.block) - 1;
    const [from, to] = this.span(select, isArm);
    this.splice(from, to, plan.text(this.rows(plan.block, number)));
  }

  /** The block's rows as a relation of typed columns c0, c1, ... and n, the number of the row. */
  private rows(block: Block, number: number): string {
    const names = block.columns.map((_, i) => `c${i}`);
    const typed = block.columns.map((c, i) => `c${i}::${c.type} AS c${i}`);
    const arrays = names.map((_, i) => mark(number, i));
    return `(SELECT ${typed.join(', ')}, n FROM unnest(${arrays.join(', ')}) WITH ORDINALITY AS _u(${names.join(', ')}, n))`;
  }

  private withClause(select: SelectStmt, outer: Scope): Scope {
    const scope = new Map(outer);
    for (const node of select.withClause?.ctes ?? []) {
      if (!('CommonTableExpr' in node)) continue;
      const { ctename = '', ctequery, aliascolnames, location = 0 } = node.CommonTableExpr;
      if (!ctequery || !('SelectStmt' in ctequery)) refuse('a statement that changes data in WITH');
      else {
        const columns = (aliascolnames ?? []).map((c) => ('String' in c ? (c.String.sval ?? '') : ''));
        if (select.withClause?.recursive) scope.set(ctename, 'closed');
        const open = openSelect(ctequery.SelectStmt, { name: ctename, columns }, scope, this.facade, this.functions);
        if (open) {
          const [from, to] = this.parenthesised(location, 'AS');
          this.splice(from, to, `SELECT ${[...open.columns.keys()].map(() => 'NULL').join(', ')} WHERE false`);
        } else this.select(ctequery.SelectStmt, scope, false);
        scope.set(ctename, open ?? 'closed');
      }
    }
    return scope;
  }

  private from(item: Node, scope: Scope): void {
    const open = openSource(item, scope, this.facade, this.functions);
    if (open)
      refuse(
        `a join with the rows of ${open.table.name}`,
        `group first: JOIN (SELECT dimensions, MEASURE(m) FROM ${quoteName(open.table.name)} GROUP BY ...) q ON ...`,
      );
    if ('JoinExpr' in item) {
      if (item.JoinExpr.larg) this.from(item.JoinExpr.larg, scope);
      if (item.JoinExpr.rarg) this.from(item.JoinExpr.rarg, scope);
      this.expressions(item.JoinExpr.quals, scope);
      return;
    }
    if ('RangeSubselect' in item) {
      const { subquery } = item.RangeSubselect;
      if (subquery && 'SelectStmt' in subquery) this.select(subquery.SelectStmt, scope, false);
      return;
    }
    this.expressions(item, scope);
  }

  /** Subqueries inside expressions are queries of their own; those that look into the model's rows around them are refused. */
  private expressions(value: unknown, scope: Scope, alias?: string): void {
    walk(value, (n) => {
      if ('RangeTableSample' in n) refuse('TABLESAMPLE');
      if (!('SubLink' in n)) return true;
      const { subselect, testexpr } = n.SubLink;
      if (testexpr) this.expressions(testexpr, scope, alias);
      if (alias !== undefined)
        walk(subselect, (inner) => {
          if (!('ColumnRef' in inner)) return true;
          const [first] = inner.ColumnRef.fields ?? [];
          if (first && 'String' in first && first.String.sval === alias && (inner.ColumnRef.fields?.length ?? 0) > 1)
            refuse(
              'a subquery that refers to the rows around it',
              'use IN with a grouped subquery, or join grouped queries',
            );
          return true;
        });
      if (subselect && 'SelectStmt' in subselect) this.select(subselect.SelectStmt, scope, false);
      return false;
    });
  }

  private subquery(node: Node): string {
    const [from, to] = this.parenthesised('SubLink' in node ? (node.SubLink.location ?? 0) : 0);
    return this.region(from, to);
  }

  /** The inside of the first parentheses behind a place, or behind a word that follows it. */
  private parenthesised(location: number, word?: string): readonly [number, number] {
    let i = this.tokens.findIndex((t) => t.start >= location);
    const { depth } = this.tokens[i] ?? { depth: 0 };
    if (word) i = this.tokens.findIndex((t, at) => at >= i && t.word === word && t.depth === depth);
    const open = this.tokens.findIndex((t, at) => at >= i && t.word === '(');
    const opened = this.tokens[open];
    const close = this.tokens.find((t, at) => at > open && t.word === ')' && t.depth === opened?.depth);
    return opened && close ? [opened.end, close.start] : refuse('parentheses that do not close');
  }

  /** A select's text, from SELECT to its end, without its WITH. */
  private span(select: SelectStmt, isArm: boolean): readonly [number, number] {
    const [target] = select.targetList ?? [];
    const location = target && 'ResTarget' in target ? (target.ResTarget.location ?? 0) : 0;
    const at = this.tokens.findIndex((t) => t.start >= location);
    const depth = this.tokens[at]?.depth ?? 0;
    const first = this.tokens.findLastIndex((t, i) => i < at && t.word === 'SELECT' && t.depth === depth);
    const end = this.tokens.findIndex(
      (t, i) =>
        i > at &&
        (t.depth < depth ||
          t.word === ';' ||
          (isArm && t.depth === depth && (SET_WORDS.has(t.word) || TAIL_WORDS.has(t.word)))),
    );
    const from = this.tokens[first]?.start ?? 0;
    const last = end < 0 ? this.tokens.at(-1) : this.tokens[end - 1];
    return [from, last?.end ?? this.text.length];
  }
}
