import { AssayError } from '../../errors/index.js';
import type { FacadeColumn, FacadeTable } from './facade.js';
import { PLAIN } from './lift.js';
import { memberNames, type Node, walk } from './nodes.js';
import { printer } from './print.js';
import { quoteName } from './text.js';

/** An expression as somebody would write it; undefined for one that has no short text. */
const written = (node: Node): string | undefined => {
  const print: (n: Node) => string = printer((n) => {
    const names = memberNames(n);
    if (names) return plainName(names[1]);
    if ('SubLink' in n) return '(SELECT ...)';
    // Casts of columns and literals are mostly PostgreSQL's own.
    const arg = 'TypeCast' in n ? n.TypeCast.arg : undefined;
    return arg && ('A_Const' in arg || memberNames(arg)) ? print(arg) : undefined;
  });
  try {
    const text = print(node)
      .replaceAll('"pg_catalog".', '')
      .replace(/"([a-z_][a-z0-9_]*)"/g, '$1');
    return text.length <= 200 ? text : undefined;
  } catch (thrown) {
    if (thrown instanceof AssayError) return undefined; // kinds that are not printed are refused by name later
    throw thrown;
  }
};

const plainName = (name: string): string => (/^[a-z_][a-z0-9_]*$/.test(name) ? name : quoteName(name));

/** The first time dimension below an expression. */
const timeIn = (table: FacadeTable, node: Node): FacadeColumn | undefined => {
  let found: FacadeColumn | undefined;
  walk(node, (n) => {
    const names = memberNames(n);
    const column = names && table.columns.find((c) => c.name === names[1]);
    if (column?.type.kind === 'timestamp' || column?.type.kind === 'date') found ??= column;
    return !found;
  });
  return found;
};

/** Why a block is finer than its groups: the condition or the group that the model cannot be asked for, and what can be. */
export const finerBecause = (
  table: FacadeTable,
  conditions: readonly Node[],
  groups: readonly Node[],
  filtered: boolean,
): { readonly what: string; readonly instead: string } | undefined => {
  const [condition] = conditions;
  const [group] = groups;
  if (condition) {
    const time = timeIn(table, condition);
    const name = time && plainName(time.name);
    return {
      what: `under the condition ${written(condition) ?? 'on an expression'}`,
      instead: name
        ? `write a range: ${name} >= '2026-01-01' AND ${name} < '2026-02-01'`
        : 'compare plain dimensions with constants in WHERE',
    };
  }
  if (group) {
    const time = timeIn(table, group);
    return {
      what: `in groups of ${written(group) ?? 'an expression'}`,
      instead: time
        ? `group by date_trunc('month', ${plainName(time.name)}) or another of ${time.granularities.join(', ')}, and filter by ranges: ${plainName(time.name)} >= '2026-01-01' AND ${plainName(time.name)} < '2026-02-01'`
        : 'group by plain dimensions and date_trunc',
    };
  }
  return filtered
    ? { what: 'with FILTER or CASE', instead: 'put the condition into WHERE, in a query of its own' }
    : { what: 'over groups that are finer than those asked for', instead: PLAIN };
};
