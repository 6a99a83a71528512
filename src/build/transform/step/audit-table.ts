import { AssayError, error } from '../../../errors/index.js';
import type { AddFile } from '../../../store/delta/index.js';
import type { Check, Transform } from '../files/definition.js';
import { quoted, viewOf } from '../sql-text.js';
import { checksOf, coverageOf, partitioning } from './audit-step.js';
import { type CheckCount, rowFails } from './check-sql.js';
import { driftChecks } from './drift.js';
import { failingKeys } from './failing-keys.js';
import { freshnessOf } from './freshness.js';
import { addTallies, coveredOf, gate, resultsOf, scoreOf, type Tally, tallyOf, weightOf } from './judge.js';
import { filesWithKey, type TableFiles } from './key-ranges.js';
import { partitionType, valueOfKey } from './partition-keys.js';
import { loadInputs, openSession, referencesIn, type Session, THIS } from './relations.js';
import { bindingProblem } from './shape.js';
import { askSqlCheck } from './sql-check.js';
import {
  type FailingKeys,
  type Readable,
  type Refusal,
  type StagedPartition,
  type StepOrder,
  type StepParts,
  type TableAudit,
  WHOLE,
} from './step.js';
import { type Attribution, relationshipCounts, uniqueCounts } from './table-checks.js';

/**
 * Checks of a whole table, after all its steps: keys that occur once (those of changed rows, in the whole table), relationships and
 * `sql` checks, then the gate of the least score. `overlay` is the table as it will be published; with its `files` only those are read
 * that may hold a key of a changed row. `changed` are the staged partitions (or `*`) that no check has refused so far. `order` is that of
 * any of its steps; `order.inputs` must hold what the checks read. A `sql` check that names `{{partition.start}}` is asked for each
 * changed partition, any other once.
 * Errors: `transform-invalid` (a check does not bind), `engine-failed`, `cancelled`.
 */
export const auditTable = async (
  parts: Pick<StepParts, 'engine'>,
  order: StepOrder,
  overlay: Readable & { readonly files?: TableFiles | undefined },
  changed: ReadonlyMap<string, StagedPartition>,
): Promise<TableAudit> => {
  const session = openSession(parts.engine);
  try {
    await session.view(THIS, overlay.duckdb);
    const rows = [...changed.values()].reduce((sum, staged) => sum + staged.rows, 0);
    const keys = [...changed.keys()];
    const looked = await loadKeys(session, order.transform, keys, overlay.files);
    return verdicts(order, changed, await askAll({ ...parts, order, session, changed: keys, all: looked === rows }));
  } finally {
    await session.clear();
  }
};

interface Asked {
  readonly engine: StepParts['engine'];
  readonly order: StepOrder;
  readonly session: Session;
  readonly changed: readonly string[];
  /** Every row of the table is one of a changed partition. */
  readonly all: boolean;
}

/** What was counted: by changed partition, and of the table as a whole. */
interface Counts {
  readonly partitions: ReadonlyMap<string, CheckCount[]>;
  readonly table: CheckCount[];
  readonly failing: FailingKeys[];
}

/** The columns that relationships look at, of all rows. */
const POINTERS = viewOf('this.pointers');
/** The columns of unique keys, of all rows that may have the key of a changed one. */
const KEYS = viewOf('this.keys');
/** A table with no more rows than these is read once for all such checks, instead of file by file for each. */
const READ_ONCE_ROWS = 20_000_000;

/** Reads what such checks look at, and gives the table's rows; undefined where there are no such checks. */
const loadKeys = async (
  session: Session,
  transform: Transform,
  changed: readonly string[],
  files: TableFiles | undefined,
): Promise<number | undefined> => {
  const asked = (type: Check['question']['type']) =>
    checksOf(transform).filter(({ question }) => question.type === type);
  const [unique, pointing] = [asked('unique'), asked('relationship')];
  if (unique.length + pointing.length === 0) return undefined;
  const rows = files?.rows ?? (await countOf(session));
  const load = async (name: string, checks: readonly Check[], relation: string): Promise<void> => {
    const names = new Set(checks.flatMap(({ columns }) => columns));
    if (transform.partition) names.add(transform.partition.column);
    const select = `SELECT ${[...names].map(quoted).join(', ')} FROM ${relation}`;
    if (rows <= READ_ONCE_ROWS) await session.table(name, select);
    else await session.view(name, `(${select})`);
  };
  const some = files && unique.length > 0 ? keyFiles(transform, unique, changed, files) : undefined;
  if (pointing.length > 0) await load(POINTERS, [...pointing, ...(some ? [] : unique)], THIS);
  if (some || pointing.length === 0) await load(KEYS, unique, files && some ? files.relation(some) : THIS);
  else if (unique.length > 0) await session.view(KEYS, POINTERS);
  return rows;
};

const countOf = async (session: Session): Promise<number> => {
  const [found] = await session.engine.query(`SELECT count(*)::VARCHAR AS n FROM ${THIS}`);
  return Number(found?.['n']);
};

/** Files that may hold a unique key of the changed partitions; undefined: all of them. */
const keyFiles = (
  transform: Transform,
  checks: readonly Check[],
  changed: readonly string[],
  files: TableFiles,
): readonly AddFile[] | undefined => {
  const partitions = new Set(changed);
  const wanted = new Set(checks.flatMap(({ columns }) => filesWithKey(transform, columns, files, partitions)));
  return wanted.size < files.files.length ? [...wanted] : undefined;
};

const askAll = async (asked: Asked): Promise<Counts> => {
  const { order, session, changed } = asked;
  const { transform } = order;
  const checks = checksOf(transform).filter((check) => rowFails(check) === undefined);
  const counts: Counts = { partitions: new Map(changed.map((key) => [key, []])), table: [], failing: [] };
  const references = checks.flatMap(({ question, place }) =>
    question.type === 'sql'
      ? referencesIn(transform, question.sql, place.line)
      : question.type === 'relationship'
        ? [{ kind: 'ref' as const, name: question.to }]
        : [],
  );
  await loadInputs(
    session,
    order,
    references.filter((of) => of.kind !== 'this'),
  );
  for (const check of checks) {
    if (order.signal?.aborted) throw error('cancelled', {});
    try {
      await ask(asked, check, counts);
    } catch (thrown) {
      const what = thrown instanceof AssayError ? bindingProblem(thrown) : undefined;
      if (what === undefined) throw thrown;
      const { file, line } = check.place;
      throw error('transform-invalid', { file, line, what: `check ${check.name}: ${what}` }, thrown);
    }
  }
  return counts;
};

const ask = async (asked: Asked, check: Check, counts: Counts): Promise<void> => {
  const { question } = check;
  if (question.type === 'sql') return askSqlCheck(asked, check, question.sql, counts);
  if (question.type === 'freshness') return askFreshness(asked, check, counts);
  const { engine, order, changed } = asked;
  const { transform } = order;
  const whole = changed.includes(WHOLE);
  const { sql: by, keyOf } = partitioning(transform, whole);
  const { partition } = transform;
  const where: Attribution = {
    by,
    changed:
      whole || !partition || asked.all
        ? undefined
        : `${quoted(partition.column)} IN (${changed
            .map((key) => `'${valueOfKey(key, partitionType(partition, transform.columns), partition.unit)}'`)
            .join(', ')})`,
  };
  const found =
    question.type === 'unique'
      ? await uniqueCounts(engine, { keys: KEYS, table: THIS }, check.columns, where)
      : question.type === 'relationship'
        ? await relationshipCounts(
            engine,
            { keys: POINTERS, table: THIS },
            check.columns[0] ?? '',
            { table: viewOf(question.to), field: question.field },
            where,
          )
        : undefined;
  if (!found) return;
  let elsewhere = 0n;
  const seen = new Map(found.counts.map((row) => [keyOf(row.partition), row]));
  for (const [key, row] of seen) if (!counts.partitions.has(key)) elsewhere += row.failed;
  for (const [key, list] of counts.partitions) {
    const row = seen.get(key);
    if (row) list.push({ check, evaluated: row.evaluated, failed: row.failed });
  }
  if (elsewhere > 0n)
    counts.table.push({
      check,
      evaluated: found.counts.reduce((sum, row) => sum + row.evaluated, 0n),
      failed: elsewhere,
    });
  if (found.counts.some((row) => row.failed > 0n))
    counts.failing.push(
      ...(await failingKeys(engine, transform, {
        ...{ check: check.name, rows: found.failing, partition: by, keyOf },
        pseudonymKey: order.pseudonymKey,
      })),
    );
};

/** A table that holds no row has none that is old. */
const askFreshness = async ({ engine, order }: Asked, check: Check, counts: Counts): Promise<void> => {
  const found = await freshnessOf(engine, order.transform, check, THIS, order.at);
  if (found) counts.table.push({ check, evaluated: 1n, failed: found.stale ? 1n : 0n });
};

const MILLION = 1_000_000n;

/**
 * What the checks of rows came to. A partition that another process has audited has no results here, only its score and coverage; whether
 * it was compared with others is not known any more, so that is taken as not looked at.
 */
const rowTally = (staged: StagedPartition, byRow: readonly Check[], declared: readonly Check[]): Tally => {
  if (staged.results.length > 0) return tallyOf(staged.results).all;
  const covered = (staged.coverageMillionths * weightOf(declared) + MILLION / 2n) / MILLION;
  const weight = min(covered, weightOf(byRow));
  return { weight, points: ((staged.scoreMillionths ?? 0n) * weight) / 100n };
};

const verdicts = (order: StepOrder, changed: ReadonlyMap<string, StagedPartition>, counts: Counts): TableAudit => {
  const { transform } = order;
  const all = checksOf(transform);
  const byRow = all.filter((check) => rowFails(check) !== undefined);
  const declared = [...all, ...driftChecks(transform)];
  const model = transform.id;
  const table = resultsOf(counts.table, { model, prefix: order.stepId, partition: undefined, at: order.at });
  const ofTable = tallyOf(table.results);
  const partitions = new Map<string, StagedPartition>();
  for (const [partition, staged] of changed) {
    const where = { model, prefix: order.stepId, partition, at: order.at };
    const own = resultsOf(counts.partitions.get(partition) ?? [], where);
    const results = [...staged.results, ...own.results];
    const tally = [tallyOf(own.results).all, ofTable.all].reduce(addTallies, rowTally(staged, byRow, declared));
    const told = coveredOf(staged.results) - tallyOf(staged.results).all.weight;
    const dimensions = tallyOf([...results, ...table.results]).dimensions;
    const scoreMillionths = scoreOf(tally);
    partitions.set(partition, {
      ...staged,
      results,
      scoreMillionths,
      coverageMillionths: min(MILLION, coverageOf(tally.weight + told, declared)),
      dimensions: new Map([...dimensions].map(([metric, one]) => [metric, scoreOf(one) ?? 0n])),
      refused: staged.refused ?? own.refused ?? gate(transform, scoreMillionths, [...results, ...table.results]),
    });
  }
  const refused: Refusal | undefined = table.refused;
  return { partitions, results: table.results, refused, failing: counts.failing };
};

/** A check of a partition may count for the table, too, where rows that did not change fail it. */
const min = (a: bigint, b: bigint): bigint => (a < b ? a : b);
