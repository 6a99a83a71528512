import { createHash } from 'node:crypto';
import type { ParquetEngine } from '../../../store/delta/index.js';
import type { Check, ContractColumn, Transform } from '../files/definition.js';
import { quoted } from '../sql-text.js';
import { type CheckCount, impliedChecks, rowFails } from './check-sql.js';
import { driftChecks, driftOf, measuredColumns } from './drift.js';
import { failingKeys } from './failing-keys.js';
import { coveredOf, resultsOf, scoreOf, tallyOf, weightOf } from './judge.js';
import { keyOfValue, partitionType } from './partition-keys.js';
import { type FailingKeys, type PartitionSummary, type StagedPartition, type StepOrder, WHOLE } from './step.js';

/** All checks of a table: those that follow from its contract, and its own. */
export const checksOf = (transform: Transform): readonly Check[] => [...impliedChecks(transform), ...transform.checks];

/** The text by which rows are told apart by partition, and how to read it. A whole table is one partition. */
export const partitioning = (
  transform: Transform,
  whole: boolean,
): { readonly sql: string; readonly keyOf: (text: string) => string } => {
  const { partition, columns } = transform;
  if (whole || !partition) return { sql: `'${WHOLE}'`, keyOf: () => WHOLE };
  const type = partitionType(partition, columns);
  return {
    sql: `CAST(${quoted(partition.column)} AS VARCHAR)`,
    keyOf: (text) => keyOfValue(text, type, partition.unit) ?? text,
  };
};

/** Types whose values the engine hashes one by one; of a wide decimal it hashes two halves that may cancel out, of a double 0 as -0. */
const hashedAsItIs = ({ type }: ContractColumn): boolean =>
  type.kind === 'decimal' ? type.precision <= 18 : type.kind !== 'double';

/**
 * Two hashes of a row, by its columns forwards and backwards, each mixed once more so that sums of them tell rows apart. Another
 * release of the engine may hash otherwise: rows that are then made again count as changed, which costs a publication and is never wrong.
 */
const rowHashes = ({ columns }: Transform): readonly [string, string] => {
  const values = columns.map((column) => `${quoted(column.name)}${hashedAsItIs(column) ? '' : '::VARCHAR'}`);
  return [`hash(hash(${values.join(', ')}))`, `hash(hash(${values.reverse().join(', ')}))`];
};

const hashOf = (...counted: readonly string[]): string => createHash('sha256').update(counted.join(':')).digest('hex');

type Counted = Readonly<Record<string, unknown>>;
const count = (row: Counted | undefined, name: string): bigint => BigInt(String(row?.[name] ?? 0));

/** One pass over the staged rows: for each partition rows, hash, failures of every check of single rows, nulls and means. */
const passSql = (
  transform: Transform,
  byRow: readonly { readonly fails: string }[],
  by: string,
  rows: string,
): string => {
  const filters = byRow.map(({ fails }, i) => `(count(*) FILTER (WHERE ${fails}))::VARCHAR AS f${i}`);
  const nulls = transform.columns.map(({ name }, i) => `(count(*) - count(${quoted(name)}))::VARCHAR AS n${i}`);
  const means = measuredColumns(transform).map(({ name }, i) => `avg(CAST(${quoted(name)} AS DOUBLE)) AS m${i}`);
  const [forwards, backwards] = rowHashes(transform);
  // Names that no column of a contract can have.
  return `SELECT "@p" AS p, count(*)::VARCHAR AS n, coalesce(sum("@f"), 0)::VARCHAR AS forwards,
    coalesce(sum("@b"), 0)::VARCHAR AS backwards, ${[...filters, ...nulls, ...means].join(', ')}
    FROM (SELECT *, ${by} AS "@p", ${forwards} AS "@f", ${backwards} AS "@b" FROM ${rows}) GROUP BY "@p"`;
};

const summaryOf = (transform: Transform, partition: string, row: Counted | undefined): PartitionSummary => {
  const rows = Number(count(row, 'n'));
  const means = measuredColumns(transform).map(({ name }) => name);
  return {
    partition,
    rows,
    columns: Object.fromEntries(
      rows === 0
        ? []
        : transform.columns.map(({ name }, i) => {
            const nulls = Number(count(row, `n${i}`)) / rows;
            const mean = row?.[`m${means.indexOf(name)}`];
            return [name, means.includes(name) ? { nulls, mean: typeof mean === 'number' ? mean : null } : { nulls }];
          }),
    ),
  };
};

const MILLION = 1_000_000n;

/**
 * Audits staged rows before anyone can see them: one aggregate pass grouped by partition, and keys of rows that failed. `bytes` are
 * those of each partition's files.
 */
export const auditStep = async (
  engine: ParquetEngine,
  order: Pick<StepOrder, 'transform' | 'partitions' | 'stepId' | 'at' | 'past' | 'pseudonymKey'>,
  rows: string,
  bytes: ReadonlyMap<string, number>,
): Promise<{ readonly partitions: ReadonlyMap<string, StagedPartition>; readonly failing: readonly FailingKeys[] }> => {
  const { transform } = order;
  const { sql: by, keyOf } = partitioning(transform, order.partitions === undefined);
  const all = checksOf(transform);
  const byRow = all.flatMap((check) => {
    const fails = rowFails(check);
    return fails === undefined ? [] : [{ check, fails }];
  });
  const found = new Map<string, Counted>();
  for (const row of await engine.query(passSql(transform, byRow, by, rows))) found.set(keyOf(String(row['p'])), row);
  const partitions = new Map<string, StagedPartition>();
  for (const partition of order.partitions ?? [WHOLE]) {
    const row = found.get(partition);
    const n = count(row, 'n');
    const summary = summaryOf(transform, partition, row);
    const counts: CheckCount[] = byRow.map(({ check }, i) => ({ check, evaluated: n, failed: count(row, `f${i}`) }));
    if (n > 0n) counts.push(...driftOf(transform, summary, order.past ?? []));
    const where = { model: transform.id, prefix: order.stepId, partition, at: order.at };
    const { results, refused } = resultsOf(counts, where);
    const { all: tally, dimensions } = tallyOf(results);
    partitions.set(partition, {
      rows: Number(n),
      bytes: bytes.get(partition) ?? 0,
      contentHash: hashOf(String(n), String(row?.['forwards'] ?? 0), String(row?.['backwards'] ?? 0)),
      results,
      scoreMillionths: scoreOf(tally),
      coverageMillionths: coverageOf(coveredOf(results), [...all, ...driftChecks(transform)]),
      dimensions: new Map([...dimensions].map(([metric, one]) => [metric, scoreOf(one) ?? 0n])),
      summary,
      refused,
    });
  }
  const failing: FailingKeys[] = [];
  for (const [i, { check, fails }] of byRow.entries())
    if ([...found.values()].some((row) => count(row, `f${i}`) > 0n))
      failing.push(
        ...(await failingKeys(engine, transform, {
          ...{ check: check.name, rows: `${rows} WHERE ${fails}`, partition: by, keyOf },
          pseudonymKey: order.pseudonymKey,
        })),
      );
  return { partitions, failing };
};

/** Weight of the checks that looked at something, of the weight of all. Without checks there is nothing to cover. */
export const coverageOf = (weight: bigint, checks: readonly Check[]): bigint => {
  const declared = weightOf(checks);
  return declared === 0n ? MILLION : (weight * MILLION) / declared;
};
