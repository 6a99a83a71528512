import { join } from 'node:path';
import type { Emit } from '../../query/index.js';
import { overwriteTable, type ParquetEngine } from '../../store/delta/index.js';
import type { Warehouse } from '../../store/engine/index.js';
import {
  type CheckResultRow,
  endBuild,
  type Pointer,
  type PointerSet,
  publishPointers,
  recordChecks,
} from '../../store/state/index.js';
import type { Transform } from './files/definition.js';
import type { StagedTable } from './step/stage.js';
import { copyToPostgres, declareForeignKeys, physicalTable } from './target/postgres-table.js';
import { swapViews } from './target/views.js';

/** A table whose contents move, with the hashes that its pointer keeps. */
export interface Move {
  readonly staged: StagedTable;
  readonly dataVersion: string;
  readonly inputHash: string;
}

export interface PublishOptions {
  readonly warehouse: Warehouse;
  readonly engine: ParquetEngine;
  readonly lake: string;
  readonly buildId: string;
  readonly base: PointerSet;
  /** Pointers that stay; tables that no transform makes any more are not among them. */
  readonly kept: readonly Pointer[];
  readonly moves: readonly Move[];
  readonly transforms: ReadonlyMap<string, Transform>;
  /** Tables that no transform makes any more: their views go. */
  readonly gone: readonly string[];
  readonly results: readonly CheckResultRow[];
  readonly ended:
    | { readonly status: 'published' }
    | { readonly status: 'refused'; readonly error: { readonly code: string; readonly message: string } };
  readonly now: () => bigint;
  readonly emit: Emit;
  readonly signal: AbortSignal | undefined;
}

export const stagingDir = (lake: string): string => join(lake, '_staging');

/**
 * Makes the staged tables what readers see: one commit for each Delta table, then one transaction of the warehouse that holds the
 * tables' copies, the pointers, the ledger and the views. Until that commits nothing has moved for readers, who follow pointers; a
 * Delta version that no pointer names is overwritten by the next build.
 */
export const publish = async (options: PublishOptions): Promise<number> => {
  const { warehouse, engine, buildId, base, signal } = options;
  const revision = base.revision + 1;
  const moved: Pointer[] = [];
  for (const { staged, dataVersion, inputHash } of options.moves) {
    signal?.throwIfAborted();
    const { transform } = staged;
    const committed = transform.targets.has('delta')
      ? await overwriteTable({ snapshot: staged.snapshot, staged, txnId: buildId, now: Number(options.now() / 1000n) })
      : undefined;
    if (committed) options.emit('transform.committed', { model: transform.name, version: committed.version });
    moved.push({
      name: transform.name,
      postgres: transform.targets.has('postgres') ? physicalTable(transform, revision) : undefined,
      lake: committed && { path: staged.path, version: committed.version },
      dataVersion,
      inputHash,
      contentHash: staged.contentHash,
      rows: staged.rows,
      since: revision,
    });
  }
  const pointers = [...options.kept, ...moved];
  const tables = new Map(pointers.map((pointer) => [pointer.name, pointer.postgres]));
  await warehouse.transaction(
    async (tx) => {
      for (const { staged } of options.moves) {
        const table = tables.get(staged.transform.name);
        if (table === undefined) continue;
        const rows = await copyToPostgres(
          { tx, warehouse, engine, signal, stagingDir: stagingDir(options.lake) },
          staged.transform,
          table,
        );
        options.emit('transform.copied', { model: staged.transform.name, rows });
      }
      const movedNames = new Set(moved.map((pointer) => pointer.name));
      if (warehouse.version >= 180_000)
        for (const { staged } of options.moves) {
          const table = tables.get(staged.transform.name);
          if (table !== undefined)
            await declareForeignKeys(tx, staged.transform, table, (name) => {
              const target = tables.get(name);
              return target === undefined ? undefined : { table: target, key: options.transforms.get(name)?.surrogate };
            });
        }
      const { ended } = options;
      await recordChecks(tx, buildId, options.results);
      await endBuild(tx, {
        buildId,
        at: options.now(),
        revision,
        status: ended.status,
        ...('error' in ended ? { error: ended.error } : {}),
      });
      await publishPointers(tx, { base: base.revision, revision, buildId, lake: options.lake, pointers });
      await swapViews(
        tx,
        [...options.transforms.values()].flatMap((transform) => {
          const table = tables.get(transform.name);
          return table === undefined || !movedNames.has(transform.name) ? [] : [{ transform, table }];
        }),
        options.gone,
      );
    },
    signal ? { signal } : {},
  );
  return revision;
};
