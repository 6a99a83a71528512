import { error } from '../../../errors/index.js';
import type { EngineOptions, ParquetEngine } from '../parquet-engine.js';
import { relationOf } from '../scan/relation.js';
import type { AddFile, Snapshot } from '../types.js';
import type { ColumnStatistics } from '../write/stats.js';
import { declaredRules, finiteRules, nullRules, type Rule } from './rules.js';

/** A file that was written, with what the engine measured of it. */
export interface WrittenFile {
  readonly add: AddFile;
  readonly rows: bigint;
  /** By `statKey`. */
  readonly columns: ReadonlyMap<string, ColumnStatistics>;
}

/** Rows of the files that break a rule, where statistics tell; undefined: the rows must be asked. */
const knownOf = (rule: Rule, files: readonly WrittenFile[]): bigint | undefined => {
  if (!rule.asks) return undefined;
  let broken = 0n;
  for (const { columns, rows } of files) {
    const found = columns.get(rule.asks.column);
    if (found?.nulls === undefined || !/^\d+$/.test(found.nulls)) return undefined;
    const nulls = BigInt(found.nulls);
    if (rule.asks.about === 'nulls') broken += nulls;
    else if (nulls !== rows && (found.min === undefined || found.max === undefined)) return undefined;
    else if (found.min?.endsWith('infinity') || found.max?.endsWith('infinity')) return undefined;
  }
  return broken;
};

const broken = (snapshot: Snapshot, constraint: string, rows: string) =>
  error('delta-constraint', { table: snapshot.table.path, constraint, rows });

/** Text '' as a partition's name would come back as null. */
const checkNames = (snapshot: Snapshot, files: readonly WrittenFile[]): void => {
  for (const name of snapshot.metadata.partitionColumns) {
    const rows = files.reduce((sum, { add, rows }) => (add.partitionValues[name] === '' ? sum + rows : sum), 0n);
    if (rows > 0n) throw broken(snapshot, `the rule that ${name}, a partition column, is not empty`, String(rows));
  }
};

/**
 * Refuses files whose rows break a rule of the table: NOT NULL, a CHECK, an invariant, a generated column, a partition named '', a time
 * that is infinite. The engine's statistics answer most of it; what they do not is asked of the files in one pass. `rowRules` false
 * leaves NOT NULL to the caller. Errors: `delta-constraint`, `delta-unsupported` (a rule that we cannot evaluate).
 */
export const verifyFiles = async (
  engine: ParquetEngine,
  snapshot: Snapshot,
  files: readonly WrittenFile[],
  rowRules: boolean,
  options: EngineOptions,
): Promise<void> => {
  checkNames(snapshot, files);
  const rules = [
    ...(rowRules ? nullRules(snapshot.schema) : []),
    ...finiteRules(snapshot.schema),
    ...declaredRules(snapshot),
  ].map((rule) => ({ ...rule, known: knownOf(rule, files) }));
  const asked = files.length === 0 ? [] : rules.filter(({ known }) => known === undefined);
  const counts = asked.map((rule, i) => `(count(*) FILTER (WHERE ${rule.broken}))::VARCHAR AS "r${i}"`);
  const adds = files.map(({ add }) => add);
  const [row] =
    asked.length === 0
      ? []
      : await engine.query(`SELECT ${counts.join(', ')} FROM ${relationOf(snapshot, adds)}`, options);
  for (const rule of rules) {
    const at = asked.indexOf(rule);
    const rows = at < 0 ? String(rule.known ?? 0n) : String(row?.[`r${at}`]);
    if (rows !== '0') throw broken(snapshot, rule.constraint, rows);
  }
};
