import type { Column } from '../../query/index.js';
import { quoted, type RollupDuckDb } from './duckdb.js';

/** A value that both sides have. `tolerance` names a column of the rollup side with the sum of absolute values (doubles only). */
export interface ComparedValue extends Column {
  readonly label: string;
  readonly tolerance?: string;
}

/** Where two sides differ first. Values are text, null for none; `only` tells which side has the group at all. */
export interface Difference {
  readonly keys: readonly (string | null)[];
  readonly only: 'raw' | 'rollup' | undefined;
  readonly label: string;
  readonly raw: string | null;
  readonly rollup: string | null;
}

/** Doubles may differ by this share of the sum of absolute values: their sums depend on the order of rows. */
const DOUBLE_TOLERANCE = 1e-9;

/**
 * Compares a table of raw groups with a SELECT of rollup groups: same keys, same values, nulls equal to nulls. Undefined when they
 * are equal. Both sides have the same column names; there may be no key.
 */
export const firstDifference = async (
  duckdb: RollupDuckDb,
  rawTable: string,
  rollupSelect: string,
  keys: readonly Column[],
  values: readonly ComparedValue[],
  signal: AbortSignal,
): Promise<Difference | undefined> => {
  const on = keys.map((k) => `a.${quoted(k.name)} IS NOT DISTINCT FROM b.${quoted(k.name)}`);
  const differs = (v: ComparedValue) => {
    const a = `a.${quoted(v.name)}`;
    const b = `b.${quoted(v.name)}`;
    const close = v.tolerance
      ? ` AND NOT coalesce(abs(${a} - ${b}) <= ${DOUBLE_TOLERANCE} * b.${quoted(v.tolerance)}, false)`
      : '';
    return `(${a} IS DISTINCT FROM ${b}${close})`;
  };
  const text = (expression: string, name: string) => `CAST(${expression} AS VARCHAR) AS ${name}`;
  const shown = keys.map((k, i) => {
    const both = `coalesce(a.${quoted(k.name)}, b.${quoted(k.name)})`;
    return text(k.type.kind === 'timestamp' ? `epoch_us(${both})` : both, `k${i}`);
  });
  const sides = values.flatMap((v, i) => [
    text(`a.${quoted(v.name)}`, `a${i}`),
    text(`b.${quoted(v.name)}`, `b${i}`),
    text(differs(v), `d${i}`),
  ]);
  const columns = [...shown, text('a.here', 'ha'), text('b.here', 'hb'), ...sides];
  const [found] = await duckdb.query<Record<string, string | null>>(
    `SELECT ${columns.join(', ')} FROM (SELECT *, 1 AS here FROM ${quoted(rawTable)}) AS a FULL JOIN (SELECT *, 1 AS here FROM (${rollupSelect})) AS b ON ${['a.here = b.here', ...on].join(' AND ')} WHERE a.here IS NULL OR b.here IS NULL OR ${values.map(differs).join(' OR ')} ORDER BY ALL LIMIT 1`,
    [],
    { signal },
  );
  if (!found) return undefined;
  const only = found['ha'] === null ? 'rollup' : found['hb'] === null ? 'raw' : undefined;
  const i =
    only === undefined
      ? Math.max(
          0,
          values.findIndex((_, v) => found[`d${v}`] === 'true'),
        )
      : 0;
  return {
    keys: keys.map((_, k) => found[`k${k}`] ?? null),
    only,
    label: values[i]?.label ?? 'groups',
    raw: found[`a${i}`] ?? null,
    rollup: found[`b${i}`] ?? null,
  };
};
