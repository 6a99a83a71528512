import { rm } from 'node:fs/promises';
import type { RollupDefinition } from '../../model/catalog/index.js';
import { chosenFor } from './chosen.js';
import { quoted } from './duckdb.js';
import { type StoredLayout, storedLayout } from './layout.js';
import type { BuildRollupsOptions } from './options.js';
import { legOf, type RawReader, rawReader, wholeLeg } from './raw.js';
import { stageRows, writePartitions } from './stage.js';
import { summed } from './totals.js';
import { openWorkshop } from './workshop.js';

/** What making a rollup came to, without a proof and without publishing it. */
export interface RollupTrial {
  readonly rows: number;
  readonly bytes: number;
  readonly partitions: number;
  /** Milliseconds for all of it: reading, grouping, writing. */
  readonly milliseconds: number;
}
export type TrialOptions = Pick<
  BuildRollupsOptions,
  'catalogue' | 'legs' | 'publication' | 'source' | 'others' | 'duckdb' | 'dir' | 'signal'
>;

const opened = (options: TrialOptions, definition: RollupDefinition): { layout: StoredLayout; raw: RawReader } => {
  const { catalogue, legs, duckdb } = options;
  const layout = storedLayout(definition, catalogue, legs);
  const { tables } = legs.compile(wholeLeg(layout), options.source.engine.dialect);
  return { layout, raw: rawReader(legs, chosenFor(options, tables).source, duckdb) };
};

const numberOf = async (raw: RawReader, query: Parameters<RawReader['read']>[0], signal: AbortSignal | undefined) => {
  const rows = await raw.read(query, [{ name: 'n', type: { kind: 'bigint' }, role: 'measure' }], {
    ...(signal ? { signal } : {}),
    wrap: (leg) => `SELECT count(*) AS n FROM (${leg}) AS counted`,
  });
  let found = 0n;
  for await (const batch of rows) for (const value of batch.columns[0] ?? []) found = BigInt(String(value ?? 0));
  return Number(found);
};

/**
 * How many rows a rollup would have, and of how many rows of its cube's own table; of a table that no transform builds that is not
 * known. Errors: `rollup-unsupported`, those of the source, `cancelled`.
 */
export const countRollup = async (
  options: TrialOptions,
  definition: RollupDefinition,
): Promise<{ readonly rows: number; readonly of: number | undefined }> => {
  const { layout, raw } = opened(options, definition);
  const [measure] = summed(layout);
  const dimensions = layout.columns.filter((c) => c.role === 'dimension').map((c) => c.member);
  const { granularity } = definition;
  const query = legOf(layout, { measures: measure ? [measure.member] : [], dimensions, granularity });
  const table = options.catalogue.tables.get(definition.cube);
  const rows = await numberOf(raw, query, options.signal);
  return { rows, of: table === undefined ? undefined : options.publication.tables.get(table)?.rows };
};

/**
 * Makes a rollup as a build would, tells its size and time, and throws it away. Errors: `rollup-unsupported`, those of the source,
 * `cancelled`.
 */
export const trialRollup = async (options: TrialOptions, definition: RollupDefinition): Promise<RollupTrial> => {
  const { duckdb } = options;
  const signal = options.signal ?? new AbortController().signal;
  const { layout, raw } = opened(options, definition);
  const workshop = await openWorkshop(options.dir);
  const began = performance.now();
  try {
    const table = await stageRows(layout, undefined, raw, workshop, signal);
    const made = await writePartitions(layout, table, duckdb, workshop, signal, () => {});
    return {
      rows: made.reduce((n, p) => n + p.rows, 0),
      bytes: made.reduce((n, p) => n + p.bytes, 0),
      partitions: made.length,
      milliseconds: Math.round(performance.now() - began),
    };
  } finally {
    await duckdb.execute(`DROP TABLE IF EXISTS ${quoted(`${workshop.prefix}rows`)}`);
    await rm(workshop.dir, { recursive: true, force: true });
  }
};
