import type { Catalogue, Member } from '../model/catalog/index.js';
import { type LegCompiler, probeOf } from '../model/cube/index.js';

/** Columns of tables that a member of the model is worked out from. */
export interface MemberColumns {
  readonly member: string;
  readonly kind: Member['kind'];
  /** `gold.fact_sales.total_amount`, in order. */
  readonly columns: readonly string[];
}

const TABLE = /"@([^"]+)" (?:AS )?"([^"]+)"/g;
const COLUMN = /"([^"]+)"\.(?:"([^"]+)"|([A-Za-z_]\w*))/g;

/** Columns of what a statement gives and of what filters it; those that only join tables are left out. */
const columnsOf = (sql: string): string[] => {
  const tables = new Map([...sql.matchAll(TABLE)].map(([, table = '', alias = '']) => [alias, table]));
  const from = /\sFROM\s/.exec(sql)?.index ?? sql.length;
  const where = /\sWHERE\s/.exec(sql.slice(from))?.index;
  const told = sql.slice(0, from) + (where === undefined ? '' : sql.slice(from + where));
  return [...told.matchAll(COLUMN)].flatMap(([, alias = '', quoted, plain]) => {
    const table = tables.get(alias);
    return table === undefined ? [] : [`${table}.${quoted ?? plain ?? ''}`];
  });
};

/**
 * The columns behind a member such as `retail.net_revenue`, found in the statement that the model makes of it; a ratio has those of
 * both its parts. Undefined: the model has no such member.
 */
export const memberColumns = (
  { catalogue, legs }: { readonly catalogue: Catalogue; readonly legs: LegCompiler },
  name: string,
): MemberColumns | undefined => {
  const member = catalogue.members.get(name);
  if (!member) return undefined;
  const asked = member.ratio ? [member.ratio.numerator, member.ratio.denominator] : [name];
  const columns = asked.flatMap((one) =>
    columnsOf(probeOf(catalogue, legs, catalogue.members.get(one)?.owner ?? member.owner, [one]).statement.sql),
  );
  return { member: name, kind: member.kind, columns: [...new Set(columns)].sort() };
};
