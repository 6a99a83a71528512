import type { Filter } from '../../query/index.js';
import { type Bucket, bucketOf } from './buckets.js';
import {
  all,
  any,
  type Condition,
  compared,
  comparedBucket,
  distinctFrom,
  leafOf,
  listed,
  matched,
  slotKind,
} from './condition.js';
import type { Facade, FacadeColumn } from './facade.js';
import { castType, memberNames, type Node, operatorName, walk } from './nodes.js';
import { printer } from './print.js';
import { bucketEdges, type Slot, type SlotKind, slotOf } from './slots.js';

type Comparison = 'eq' | 'ne' | 'lt' | 'lte' | 'gt' | 'gte';
const COMPARISONS: Readonly<Record<string, Comparison>> = {
  '=': 'eq',
  '<>': 'ne',
  '<': 'lt',
  '<=': 'lte',
  '>': 'gt',
  '>=': 'gte',
};
const FLIPPED: Readonly<Record<Comparison, Comparison>> = {
  eq: 'eq',
  ne: 'ne',
  lt: 'gt',
  lte: 'gte',
  gt: 'lt',
  gte: 'lte',
};
const NEGATED: Readonly<Record<Comparison, Comparison>> = {
  eq: 'ne',
  ne: 'eq',
  lt: 'gte',
  lte: 'gt',
  gt: 'lte',
  gte: 'lt',
};
/** Casts of a dimension that change no comparison of its values. */
const WIDER: Readonly<Record<string, readonly string[]>> = {
  string: ['text', 'varchar'],
  integer: ['int4', 'int8', 'numeric'],
  bigint: ['int8', 'numeric'],
  decimal: ['numeric'],
  date: ['date'],
  boolean: ['bool'],
  timestamp: ['timestamptz'],
};

/** True when an expression has the same value for every row of the block. */
export const isConstant = (node: Node): boolean => {
  let constant = true;
  walk(node, (n) => {
    if ('ColumnRef' in n || 'SubLink' in n) constant = false;
    if ('FuncCall' in n && (n.FuncCall.over || n.FuncCall.agg_star || n.FuncCall.agg_filter)) constant = false;
    return constant;
  });
  return constant;
};

/** Turns conditions on dimensions into filters of the block. One for a block: it collects the slots. */
export class WhereReader {
  readonly slots: Slot[] = [];
  private readonly print = printer(() => undefined);
  constructor(private readonly facade: Facade) {}

  column(node: Node | undefined): FacadeColumn | undefined {
    const names = node && memberNames(node);
    if (!names) return undefined;
    return this.facade.tables.get(names[0])?.columns.find((c) => c.name === names[1]);
  }

  slot(node: Node, kind: SlotKind, array = false): number {
    this.slots.push(slotOf(node, kind, array, this.print(node)));
    return this.slots.length - 1;
  }

  /** The condition, or undefined when it cannot be a filter (it may then be applied to the block's rows). */
  read(node: Node, negated = false): Condition | undefined {
    const before = this.slots.length;
    const made = this.tree(node, negated);
    if (!made) this.slots.length = before;
    return made;
  }

  private tree(node: Node, negated: boolean): Condition | undefined {
    if ('BoolExpr' in node) {
      const { boolop, args = [] } = node.BoolExpr;
      if (boolop === 'NOT_EXPR') return args[0] && this.tree(args[0], !negated);
      const parts = args.map((a) => this.tree(a, negated));
      if (!parts.every((p): p is Condition => p !== undefined)) return undefined;
      return (boolop === 'AND_EXPR') !== negated ? all(parts) : any(parts);
    }
    if (isConstant(node)) return this.constant(node, negated);
    if ('NullTest' in node)
      return this.nullTest(node.NullTest.arg, (node.NullTest.nulltesttype === 'IS_NULL') !== negated);
    if ('BooleanTest' in node)
      return this.booleanTest(node.BooleanTest.arg, node.BooleanTest.booltesttype ?? '', negated);
    if ('A_Expr' in node) return this.expression(node.A_Expr, negated);
    const column = this.dimension(node);
    return column?.type.kind === 'boolean'
      ? leafOf({ member: column.member, op: 'eq', values: [!negated] })
      : undefined;
  }

  private constant(node: Node, negated: boolean): Condition {
    const slot = this.slot(node, 'boolean');
    return (values) => {
      const value = values[slot]?.value;
      return value === null || value === undefined ? false : (value === true) !== negated;
    };
  }

  private dimension(node: Node | undefined): FacadeColumn | undefined {
    const column = this.column(node);
    return column?.kind === 'dimension' ? column : undefined;
  }

  /** A dimension, also under a cast that changes no comparison. */
  private operand(node: Node | undefined): FacadeColumn | undefined {
    const plain = this.dimension(node);
    if (plain || !node || !('TypeCast' in node) || node.TypeCast.typeName?.typmods?.length) return plain;
    const inner = this.dimension(node.TypeCast.arg);
    return inner && (WIDER[inner.type.kind] ?? []).includes(castType(node) ?? '') ? inner : undefined;
  }

  /** The time dimension of `member::date`. */
  private day(node: Node | undefined): FacadeColumn | undefined {
    if (!node || !('TypeCast' in node) || castType(node) !== 'date') return undefined;
    const inner = this.dimension(node.TypeCast.arg);
    return inner?.type.kind === 'timestamp' ? inner : undefined;
  }

  /** A time dimension cut into whole days, weeks, months, quarters or years of the session's zone; `isDate`: as a date. */
  private bucket(node: Node): (Pick<Bucket, 'column' | 'granularity'> & { readonly isDate: boolean }) | undefined {
    const day = this.day(node);
    if (day) return { column: day, granularity: 'day', isDate: true };
    const cast = 'TypeCast' in node && castType(node) === 'date' ? node.TypeCast.arg : undefined;
    const found = bucketOf(cast ?? node, (n) => this.column(n));
    if (found?.type !== 'timestamp with time zone' || found.column.type.kind !== 'timestamp') return undefined;
    return { column: found.column, granularity: found.granularity, isDate: cast !== undefined };
  }

  /** A comparison of a bucket as a condition on the time itself. */
  private comparedBucket(node: Node, op: Comparison, constant: Node): Condition | undefined {
    const bucket = this.bucket(node);
    if (!bucket) return undefined;
    const { column, granularity, isDate } = bucket;
    if (isDate && granularity === 'day')
      return comparedBucket(column, op, this.slot(constant, 'midnight'), this.slot(constant, 'next-midnight'), true);
    if (isDate && castType(constant) !== 'date') return undefined;
    const edges = bucketEdges(granularity, this.print(constant));
    if (!edges) return undefined;
    const to = this.slots.push(edges.at, edges.beyond) - 1;
    return comparedBucket(column, op, to - 1, to, false);
  }

  /** `bucket IN (...)` over constants that stand in the text. */
  private listedBucket(node: Node, negated: boolean, list: Node): Condition | undefined {
    if (!('A_ArrayExpr' in list)) return undefined;
    const items = (list.A_ArrayExpr.elements ?? []).map((e) => this.comparedBucket(node, negated ? 'ne' : 'eq', e));
    if (items.length === 0 || !items.every((i): i is Condition => i !== undefined)) return undefined;
    return negated ? all(items) : any(items);
  }

  private nullTest(arg: Node | undefined, isNull: boolean): Condition | undefined {
    const column = this.operand(arg) ?? this.day(arg);
    return column && leafOf({ member: column.member, op: isNull ? 'isNull' : 'isNotNull' });
  }

  private booleanTest(arg: Node | undefined, test: string, negated: boolean): Condition | undefined {
    const column = this.dimension(arg);
    if (column?.type.kind !== 'boolean') return undefined;
    const not = test.startsWith('IS_NOT_') !== negated;
    const { member } = column;
    if (test.endsWith('UNKNOWN')) return leafOf({ member, op: not ? 'isNotNull' : 'isNull' });
    const wanted = test.endsWith('TRUE');
    const yes: Filter = { member, op: 'eq', values: [not ? !wanted : wanted] };
    return leafOf(not ? { or: [yes, { member, op: 'isNull' }] } : yes);
  }

  private expression(e: Extract<Node, { A_Expr: unknown }>['A_Expr'], negated: boolean): Condition | undefined {
    const name = operatorName(e.name);
    const { lexpr, rexpr } = e;
    if (!lexpr || !rexpr) return undefined;
    if (e.kind === 'AEXPR_OP_ANY' || e.kind === 'AEXPR_OP_ALL') {
      const column = this.operand(lexpr);
      const kind = column && slotKind(column.type);
      const wanted = e.kind === 'AEXPR_OP_ANY' ? '=' : '<>';
      if (name !== wanted || !isConstant(rexpr)) return undefined;
      const none = (e.kind === 'AEXPR_OP_ALL') !== negated;
      if (!column || !kind) return this.listedBucket(lexpr, none, rexpr);
      return listed(column, none, this.slot(rexpr, kind, true));
    }
    const left = isConstant(lexpr);
    const operand = left ? rexpr : lexpr;
    const constant = left ? lexpr : rexpr;
    if (!isConstant(constant)) return undefined;
    const column = this.operand(operand);
    if (e.kind === 'AEXPR_DISTINCT' || e.kind === 'AEXPR_NOT_DISTINCT') {
      const kind = column && slotKind(column.type);
      if (!column || !kind) return undefined;
      return distinctFrom(column, (e.kind === 'AEXPR_NOT_DISTINCT') !== negated, this.slot(constant, kind));
    }
    if (e.kind !== 'AEXPR_OP') return undefined;
    const comparison = COMPARISONS[name];
    if (comparison) {
      const turned = left ? FLIPPED[comparison] : comparison;
      const op = negated ? NEGATED[turned] : turned;
      if (!column) return this.comparedBucket(operand, op, constant);
      const kind = slotKind(column.type);
      return kind && compared(column, op, this.slot(constant, kind));
    }
    if (left || column?.type.kind !== 'string') return undefined;
    if (name === '^@') return matched(column, 'startsWith', negated, this.slot(constant, 'string'));
    const like = {
      '~~': ['like', false],
      '!~~': ['like', true],
      '~~*': ['ilike', false],
      '!~~*': ['ilike', true],
    } as const;
    const found = like[name as keyof typeof like];
    return found && matched(column, found[0], found[1] !== negated, this.slot(constant, 'string'));
  }
}
