import type { DataType } from '../../query/index.js';
import type { Additivity, Level, Member, Period, SemiAdditive, Stage, StageCondition } from '../catalog/index.js';
import type { SqlFunction } from './parts.js';

/** How names in a measure's `meta` become members. */
interface Naming {
  readonly type: DataType;
  readonly additivity: Additivity;
  /** A measure of the same owner. */
  measure(wanted: string): string;
  /** A dimension, as the owner names it. */
  member(wanted: string): string;
  cubeMember(wanted: string): string;
}

type Composed = Partial<
  Pick<Member, 'type' | 'additivity' | 'semiAdditive' | 'stage' | 'level' | 'period' | 'difference'>
>;

/** An average's digits behind the point. */
const AVERAGE: DataType = { kind: 'decimal', precision: 18, scale: 6 };

const object = (value: unknown): Record<string, unknown> | undefined =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
const names = (value: unknown): readonly string[] => (Array.isArray(value) ? value.map(String) : []);

const conditionsOf = (value: unknown): readonly StageCondition[] =>
  (Array.isArray(value) ? value : []).flatMap((given) => {
    const one = object(given);
    return one ? [{ op: String(one['op']) as StageCondition['op'], value: String(one['value']) }] : [];
  });

/** What `meta` says of a measure that is composed above legs: `non_additive`, `stage`, `period`, `difference`, `level`. Their forms were checked with the keys. */
export const composedOf = (meta: Readonly<Record<string, unknown>>, naming: Naming): Composed => {
  const semi = object(meta['non_additive']);
  if (semi) {
    const take = String(semi['take']) as SemiAdditive['take'];
    return {
      // the declared type is that of its levels; their average has digits of its own
      type: take === 'avg' ? AVERAGE : naming.type,
      additivity: 'semi',
      semiAdditive: {
        over: naming.member(String(semi['over'])),
        take,
        carry: semi['carry'] === 'forward' ? 'forward' : 'none',
        base: naming.additivity,
        type: naming.type,
      },
    };
  }
  const stage = object(meta['stage']);
  if (stage)
    return {
      additivity: 'none',
      stage: {
        measure: naming.measure(String(stage['measure'])),
        by: names(stage['by']).map((name) => naming.member(name)),
        take: String(stage['take']) as Stage['take'],
        conditions: conditionsOf(stage['conditions']),
        known: stage['known'] === true,
      },
    };
  const period = object(meta['period']);
  if (period)
    return {
      additivity: 'none',
      period: { measure: naming.measure(String(period['measure'])), take: String(period['take']) as Period },
    };
  const difference = object(meta['difference']);
  if (difference)
    return {
      additivity: 'none',
      difference: {
        of: naming.measure(String(difference['of'])),
        less: naming.measure(String(difference['less'])),
      },
    };
  const level = object(meta['level']);
  if (!level) return {};
  const fixed: Level = {
    measure: naming.measure(String(level['measure'])),
    by: names(level['by']).map((name) => naming.cubeMember(name)),
  };
  return { additivity: 'none', level: fixed };
};

/** The cubes that a view's member names on its way: `sold.products.code` goes by sold and products. */
export const pathOf = (sql: SqlFunction | undefined): readonly string[] | undefined => {
  const written = /^\s*\$\{\s*([A-Za-z_][\w.]*)\s*\}\s*$/m.exec(/return\s+`([^`]*)`/.exec(String(sql))?.[1] ?? '')?.[1];
  const path = written?.split('.').slice(0, -1);
  return path && path.length > 0 ? path : undefined;
};
