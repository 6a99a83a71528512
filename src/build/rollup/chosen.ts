import { createHash } from 'node:crypto';
import type { RollupDefinition } from '../../model/catalog/index.js';
import type { BuildRollupsOptions } from './options.js';
import type { RollupSource } from './raw.js';

/** What a rollup is made from, and another copy of the same tables to compare it with. */
export interface Chosen {
  readonly source: RollupSource;
  readonly other: RollupSource | undefined;
}

/** The first source that has all of these tables, and the next one that has them. */
export const chosenFor = (
  options: Pick<BuildRollupsOptions, 'source' | 'others'>,
  tables: readonly string[],
): Chosen => {
  const has = (source: RollupSource) => tables.every((table) => source.has?.(table) ?? true);
  const able = [options.source, ...(options.others ?? [])].filter(has);
  return { source: able[0] ?? options.source, other: able[1] };
};

/** Stands for the contents of a table that no transform publishes: never equal, so built anew each time. */
export const UNVERSIONED = 'unversioned';

/** Data versions of tables at a publication. */
export const versionsOf = (
  { publication }: Pick<BuildRollupsOptions, 'publication'>,
  tables: readonly string[],
): Readonly<Record<string, string>> =>
  Object.fromEntries(
    [...new Set(tables)].sort().map((t) => [t, publication.tables.get(t)?.dataVersion ?? UNVERSIONED]),
  );

/** What a refresh key says now: the result of its SQL, whatever rows and columns that has, or the stretch of time that is. */
const keyNow = async (
  { seconds, sql }: NonNullable<RollupDefinition['refresh']>,
  { engine }: RollupSource,
  signal: AbortSignal | undefined,
): Promise<string> => {
  if (sql === undefined) return `every ${seconds} s: ${Math.floor(Date.now() / 1000 / seconds)}`;
  const text = engine.dialect === 'postgres' ? 'text' : 'VARCHAR';
  const rows = await engine.run(
    {
      sql: `SELECT CAST(key AS ${text}) FROM (${sql.replace(/;\s*$/, '')}) AS key`,
      parameters: [],
      columns: [{ name: 'key', type: { kind: 'string' }, role: 'dimension' }],
    },
    signal ? { signal } : {},
  );
  const hash = createHash('sha256');
  for await (const batch of rows) for (const value of batch.columns[0] ?? []) hash.update(`${String(value)}\n`);
  return `key ${hash.digest('hex').slice(0, 16)}`;
};

/**
 * Data versions of a rollup's tables; those that no transform publishes have what the rollup's refresh key says now. Read before the
 * rows are, so that what moves meanwhile counts as moved later. Errors: those of the source.
 */
export const stampsOf = async (
  options: Pick<BuildRollupsOptions, 'publication' | 'source' | 'others' | 'signal'>,
  definition: RollupDefinition,
  tables: readonly string[],
): Promise<Readonly<Record<string, string>>> => {
  const versions = versionsOf(options, tables);
  const outside = Object.keys(versions).filter((table) => versions[table] === UNVERSIONED);
  if (definition.refresh === undefined || outside.length === 0) return versions;
  const key = await keyNow(definition.refresh, chosenFor(options, tables).source, options.signal);
  return { ...versions, ...Object.fromEntries(outside.map((table) => [table, key])) };
};
