import { AssayError, error } from '../../../errors/index.js';
import type { ParquetEngine } from '../../../store/delta/index.js';
import type { ContractColumn, DialectName, Transform } from '../files/definition.js';
import { duckdbType } from '../sql-text.js';

/** The text that one engine reads: the file's own, or the one written for it. */
export const bodyFor = (
  transform: Transform,
  engine: DialectName,
): { readonly file: string; readonly text: string; readonly line: number } =>
  transform.overrides.get(engine) ?? { file: transform.file, text: transform.body, line: transform.bodyLine };

/** Columns that the kind itself makes; the SELECT gives the others, in the contract's order. */
const madeColumns = (transform: Transform): ReadonlySet<string> => {
  const { scd2, kind } = transform;
  if (kind !== 'scd2' || !scd2) return new Set();
  const made = [scd2.validTo, scd2.current, scd2.version, transform.surrogate];
  if (!scd2.history) {
    if (scd2.updatedAt !== scd2.validFrom) made.push(scd2.validFrom);
    made.push(scd2.deleted);
  }
  return new Set(made.filter((name) => name !== undefined));
};

/**
 * What the SELECT must give. For scd2: the contract without what the kind makes; the surrogate key may be among them when the SELECT
 * makes it itself, and the time of change comes last when it is no column of the contract.
 */
export const wantedColumns = (transform: Transform, found: readonly string[]): readonly ContractColumn[] => {
  const made = madeColumns(transform);
  const { surrogate, scd2 } = transform;
  const wanted = transform.columns.filter(
    ({ name }) => !made.has(name) || (name === surrogate && found.includes(name)),
  );
  const at = transform.kind === 'scd2' && scd2?.history === false ? scd2.updatedAt : undefined;
  if (at === undefined || transform.columns.some(({ name }) => name === at)) return wanted;
  return [...wanted, { name: at, type: { kind: 'timestamp' }, nullable: false, pii: 'none' }];
};

export interface FoundColumn {
  readonly name: string;
  /** As the engine prints it. */
  readonly type: string;
}

/** How a SELECT's columns differ from what they must be, in words; undefined when they do not. */
export const shapeProblem = (
  transform: Transform,
  found: readonly FoundColumn[],
  typeOf: (type: ContractColumn['type']) => string,
  same: (found: string, wanted: string) => boolean = (a, b) => a === b,
): string | undefined => {
  const wanted = wantedColumns(
    transform,
    found.map(({ name }) => name),
  );
  for (let i = 0; i < Math.max(wanted.length, found.length); i++) {
    const want = wanted[i];
    const have = found[i];
    if (want && have && want.name === have.name && same(have.type, typeOf(want.type))) continue;
    const says = want ? `${want.name} ${typeOf(want.type)}` : 'nothing';
    return `column ${i + 1} of the SELECT is ${have ? `${have.name} ${have.type}` : 'missing'}, the contract says ${says}`;
  }
  return undefined;
};

/** The engine's words about a statement that does not bind; they hold names, never data. */
export const bindingProblem = (thrown: unknown): string | undefined => {
  if (!(thrown instanceof AssayError) || thrown.code !== 'engine-failed') return undefined;
  if (!/^42/.test(String(thrown.parameters['sqlstate'] ?? '42'))) return undefined;
  const words = thrown.cause instanceof Error ? thrown.cause.message.split('\n')[0] : undefined;
  return words ?? 'the SELECT does not fit its inputs';
};

/** Columns of a SELECT in DuckDB; nothing is run. Errors: `transform-invalid` when it does not bind. */
export const describe = async (
  engine: ParquetEngine,
  body: { readonly file: string; readonly line: number },
  select: string,
): Promise<readonly FoundColumn[]> => {
  const rows = await engine.query(`DESCRIBE ${select}`).catch((thrown: unknown) => {
    const what = bindingProblem(thrown);
    throw what === undefined
      ? thrown
      : error('transform-invalid', { file: body.file, line: body.line, what: `duckdb: ${what}` }, thrown);
  });
  return rows.map((row) => ({ name: String(row['column_name']), type: String(row['column_type']) }));
};

/** The SELECT must give exactly the wanted columns: names, order and types. Nothing is run. Errors: `transform-invalid`. */
export const checkShape = async (
  engine: ParquetEngine,
  transform: Transform,
  select: string,
): Promise<readonly FoundColumn[]> => {
  const body = bodyFor(transform, 'duckdb');
  const found = await describe(engine, body, select);
  const problem = shapeProblem(transform, found, duckdbType);
  if (problem !== undefined)
    throw error('transform-invalid', { file: body.file, line: body.line, what: `duckdb: ${problem}` });
  return found;
};
