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
