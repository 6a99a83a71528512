import { error } from '../../errors/index.js';
import type { EngineOptions, ParquetEngine } from './parquet-engine.js';
import { relationOf } from './relation.js';
import { quoted } from './schema.js';
import type { ColumnStatistics } from './stats.js';
import type { AddFile, Snapshot } from './types.js';
import { constraintsOf } from './writable.js';

/** A file that was written, with what the engine measured of it. */
export interface WrittenFile {
  readonly add: AddFile;
  readonly rows: bigint;
  readonly columns: ReadonlyMap<string, ColumnStatistics>;
}

interface Rule {
  readonly constraint: string;
  /** SQL that is true for a row which breaks it. */
  readonly broken: string;
  /** Rows that break it, where the files' statistics tell. */
  readonly known: bigint | undefined;
}

const nullsOf = (files: readonly WrittenFile[], column: string): bigint | undefined => {
  let nulls = 0n;
  for (const { columns } of files) {
    const found = columns.get(column)?.nulls;
    if (found === undefined || !/^\d+$/.test(found)) return undefined;
    nulls += BigInt(found);
  }
  return nulls;
};

/** Rows that name a partition '', which the protocol would read as null. */
const emptyNames = (snapshot: Snapshot, files: readonly WrittenFile[]): readonly Rule[] =>
  snapshot.metadata.partitionColumns.map((name) => ({
    constraint: `the rule that ${name}, a partition column, is not empty`,
    broken: `${quoted(name)} = ''`,
    known: files.reduce((sum, { add, rows }) => (add.partitionValues[name] === '' ? sum + rows : sum), 0n),
  }));

const rulesOf = (snapshot: Snapshot, files: readonly WrittenFile[]): readonly Rule[] => [
  ...snapshot.schema.fields
    .filter((f) => !f.nullable)
    .map(({ name }) => ({
      constraint: `NOT NULL of ${name}`,
      broken: `${quoted(name)} IS NULL`,
      known: nullsOf(files, name),
    })),
  ...emptyNames(snapshot, files),
  ...[...constraintsOf(snapshot.metadata)].map(([name, condition]) => ({
    constraint: `CHECK ${name} (${condition})`,
    broken: `NOT coalesce((${condition}), false)`,
    known: undefined,
  })),
];

/**
 * Refuses files whose rows break NOT NULL, a CHECK, or name a partition ''. The engine's statistics answer most of it; what they do
 * not is asked of the files in one pass. `rowRules` false looks at the partitions' names only. Errors: `delta-constraint`.
 */
export const verifyFiles = async (
  engine: ParquetEngine,
  snapshot: Snapshot,
  files: readonly WrittenFile[],
  rowRules: boolean,
  options: EngineOptions,
): Promise<void> => {
  const rules = rowRules ? rulesOf(snapshot, files) : emptyNames(snapshot, files);
  const asked = files.length === 0 ? [] : rules.filter(({ known }) => known === undefined);
  const counts = asked.map(({ broken }, i) => `(count(*) FILTER (WHERE ${broken}))::VARCHAR AS "r${i}"`);
  const adds = files.map(({ add }) => add);
  const [row] =
    asked.length === 0
      ? []
      : await engine.query(`SELECT ${counts.join(', ')} FROM ${relationOf(snapshot, adds)}`, options);
  for (const rule of rules) {
    const at = asked.indexOf(rule);
    const rows = at < 0 ? String(rule.known ?? 0n) : String(row?.[`r${at}`]);
    if (rows !== '0')
      throw error('delta-constraint', { table: snapshot.table.path, constraint: rule.constraint, rows });
  }
};
