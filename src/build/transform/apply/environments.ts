import { randomUUID } from 'node:crypto';
import { error, toAssayError } from '../../../errors/index.js';
import type { Tx } from '../../../store/engine/index.js';
import {
  beginRun,
  createEnvironment,
  currentEnvironment,
  type EnvironmentState,
  endRun,
  holdEnvironment,
  lockTables,
  type MovedTable,
  type PhysicalTable,
  physicalTables,
  publicationAt,
  publications,
  publishEnvironment,
  type RunKind,
  reopenIntervals,
  type SeenTable,
  type TablePointer,
  versionsById,
  whileAlive,
} from '../../../store/state/index.js';
import { readTransform } from '../files/read-transforms.js';
import { compare } from '../meaning/compare.js';
import { readStored } from '../meaning/stored.js';
import { environmentName } from '../plan/environment-name.js';
import { swapViews } from '../target/views.js';
import { owner } from './leases.js';
import { type Parts, timeOf } from './parts.js';
import { relationIn, type Shown, viewOfVersion } from './public-views.js';
import { versionsByName } from './publish-run.js';
import { copyBack, type Restored, restoreFiles } from './restore-table.js';

/** What moving an environment came to. */
export interface Pointed {
  readonly environment: string;
  readonly revision: number;
  /** Names that readers find other tables or other rows under. */
  readonly changed: readonly string[];
}

/** A transform, and what it is read by where it is a view. */
type Kept = Pick<Shown, 'transform' | 'view'>;

/** Transforms as the ledger keeps them, by version id: what is published may be of files that are there no more. */
const transformsOf = async (parts: Parts, ids: readonly number[]): Promise<ReadonlyMap<number, Kept>> => {
  const versions = await versionsById(parts.warehouse, ids);
  return new Map(
    [...versions].map(([id, version]) => {
      const stored = readStored(version.definition);
      const layer = version.name.split('.')[0] ?? '';
      const transform = { ...readTransform(stored.file, layer, stored.text), id: stored.id };
      return [id, { transform, view: viewOfVersion(version) }];
    }),
  );
};

/** One run of a kind that makes nothing: in the ledger from its beginning, with its end. */
const recorded = <T>(
  parts: Parts,
  run: { readonly kind: RunKind; readonly environment: EnvironmentState },
  work: (runId: string) => Promise<T>,
): Promise<T> => {
  const runId = randomUUID();
  return whileAlive(parts.warehouse, runId, async () => {
    await beginRun(parts.warehouse, {
      ...{ runId, kind: run.kind, environment: run.environment.name, planId: undefined, owner: owner() },
      ...{ baseRevision: run.environment.revision, startedAt: timeOf(parts) },
    });
    try {
      return await work(runId);
    } catch (thrown) {
      const { code, message } = toAssayError(thrown);
      await endRun(parts.warehouse, { runId, status: 'failed', at: timeOf(parts), error: { code, message } });
      throw thrown;
    }
  });
};

interface Target {
  readonly environment: EnvironmentState;
  readonly pointers: readonly TablePointer[];
  readonly restored: readonly Restored[];
  readonly physical: ReadonlyMap<number, PhysicalTable>;
  readonly transforms: ReadonlyMap<number, Kept>;
  readonly inside?: (tx: Tx) => Promise<void>;
}

/** Moves an environment in one transaction: rows that go back, pointers, views. Readers see the old state or the new one. */
const point = async (parts: Parts, runId: string, target: Target): Promise<Pointed> => {
  const { environment, pointers, restored, physical, transforms } = target;
  const seen = (versionId: number): SeenTable => ({ versionId, changedAt: physical.get(versionId)?.changedAt ?? 0 });
  const moved: MovedTable[] = restored.map(({ table, pointer, version, then }) => ({
    ...seen(table.versionId),
    ...{ lakeVersion: version, dataVersion: pointer.dataVersion, rows: pointer.rows },
    bytes: then.adds.reduce((sum, add) => sum + add.size, 0),
  }));
  const reads = pointers.map(({ versionId }) => seen(versionId));
  const now = versionsByName(environment);
  const shown = new Map(
    pointers.flatMap(({ name, versionId, postgres }): [string, Shown][] => {
      const of = transforms.get(versionId);
      return of ? [[name, { transform: { ...of.transform, id: name }, table: postgres, view: of.view }]] : [];
    }),
  );
  const views = pointers.flatMap(({ name, versionId }) => {
    const table = now.get(name) === versionId ? undefined : relationIn(shown, name);
    const transform = shown.get(name)?.transform;
    return transform && table !== undefined ? [{ transform, table }] : [];
  });
  const wanted = pointers.map(({ name }) => name);
  const gone = [...now.keys()].filter((name) => !wanted.includes(name));
  const revision = await parts.warehouse.transaction(async (tx) => {
    await lockTables(tx, { moved, reads });
    for (const one of restored) await copyBack(parts, tx, runId, one);
    const published = await publishEnvironment(tx, {
      ...{ environment: environment.name, runId, lake: parts.lake, base: environment.revision },
      ...{ pointers, moved, reads },
    });
    await target.inside?.(tx);
    await endRun(tx, { runId, status: 'published', at: timeOf(parts), revision: published.revision });
    if (views.length + gone.length > 0) await swapViews(tx, views, gone, environment.name, wanted);
    return published.revision;
  });
  const changed = pointers.filter(
    ({ name, versionId }) => now.get(name) !== versionId || restored.some(({ pointer }) => pointer.name === name),
  );
  return { environment: environment.name, revision, changed: [...changed.map(({ name }) => name), ...gone] };
};

const idsOf = (pointers: readonly TablePointer[]): number[] => [...new Set(pointers.map(({ versionId }) => versionId))];

/** What readers of the target would lose without a new version: the same rule as a plan for it would apply. */
const breaking = async (
  parts: Parts,
  now: readonly TablePointer[],
  next: readonly TablePointer[],
  accepted: ReadonlySet<string>,
): Promise<readonly string[]> => {
  const versions = await versionsById(parts.warehouse, [...idsOf(now), ...idsOf(next)]);
  const storedOf = (pointer: TablePointer | undefined) => {
    const version = pointer && versions.get(pointer.versionId);
    return version && { ...readStored(version.definition), id: pointer.name };
  };
  return next.flatMap((pointer) => {
    const old = storedOf(now.find(({ name }) => name === pointer.name));
    const change = old && compare(old, storedOf(pointer), { restate: accepted });
    return change?.blocked === undefined ? [] : [`${pointer.name}: ${change.reasons.join(', ')}`];
  });
};

/**
 * Gives one environment the tables of another: pointers move, nothing is copied or computed. A change that breaks what readers of the
 * target have is refused, unless its table is among the `accepted`.
 * Errors: `promote-blocked`, `environment-unknown`, `environment-invalid`, `view-blocked`, `view-locked`, `publish-overtaken`.
 */
export const promote = async (
  parts: Parts,
  from: string,
  to: string,
  accepted: ReadonlySet<string> = new Set(),
): Promise<Pointed> => {
  const source = await currentEnvironment(parts.warehouse, from);
  await createEnvironment(parts.warehouse, environmentName(to));
  const environment = await currentEnvironment(parts.warehouse, to);
  const { pointers } = source;
  if (pointers.length === 0)
    throw error('usage', { text: `${from} has no tables yet; plan and apply it before it is promoted` });
  const same = pointers.every(({ name, versionId }) =>
    environment.pointers.some((p) => p.name === name && p.versionId === versionId),
  );
  if (same && pointers.length === environment.pointers.length)
    return { environment: to, revision: environment.revision, changed: [] };
  const reasons = await breaking(parts, environment.pointers, pointers, accepted);
  if (reasons.length > 0) throw error('promote-blocked', { from, to, reasons });
  const [physical, transforms] = await Promise.all([
    physicalTables(parts.warehouse, idsOf(pointers)),
    transformsOf(parts, idsOf(pointers)),
  ]);
  return recorded(parts, { kind: 'promote', environment }, (runId) =>
    point(parts, runId, { environment, pointers, restored: [], physical, transforms }),
  );
};

/**
 * Goes back to what readers of an environment saw at an earlier revision, code and rows: tables that were changed in place since get
 * the earlier files again. Scheduled runs wait until a plan is applied. `revision` undefined: the one before this.
 * Errors: `environment-unknown`, `rollback-impossible`, `view-blocked`, `view-locked`, `publish-overtaken`.
 */
export const rollback = async (parts: Parts, name: string, revision: number | undefined): Promise<Pointed> => {
  const environment = await currentEnvironment(parts.warehouse, name);
  const record =
    revision === undefined
      ? (await publications(parts.warehouse, name, 2))[1]
      : await publicationAt(parts.warehouse, name, revision);
  if (!record || record.revision === environment.revision)
    throw error('rollback-impossible', {
      table: name,
      why: revision === undefined ? 'there is no earlier publication' : `it has no revision ${revision} to go back to`,
    });
  const ids = idsOf(record.pointers);
  const [physical, transforms] = await Promise.all([physicalTables(parts.warehouse, ids), transformsOf(parts, ids)]);
  return recorded(parts, { kind: 'rollback', environment }, async (runId) => {
    const restored: Restored[] = [];
    for (const pointer of record.pointers) {
      const [table, of] = [physical.get(pointer.versionId), transforms.get(pointer.versionId)];
      if (!table || !of)
        throw error('rollback-impossible', { table: pointer.name, why: 'its table was collected since' });
      // A view has no rows: it shows what its tables go back to.
      if (of.view === undefined && table.dataVersion !== pointer.dataVersion)
        restored.push(await restoreFiles(parts, runId, of.transform, table, pointer));
    }
    const held = environment.heldFrom ?? environment.revision;
    return point(parts, runId, {
      ...{ environment, pointers: record.pointers, restored, physical, transforms },
      inside: async (tx) => {
        const again = restored.flatMap(({ table, partitions }) =>
          [...partitions].map((partition) => ({ versionId: table.versionId, partition })),
        );
        // Their rows are those of then: going forward makes them again.
        const [busy] = await reopenIntervals(tx, again);
        if (busy)
          throw error('interval-leased', {
            ...{
              model: transforms.get(busy.versionId)?.transform.id ?? '',
              partition: busy.partition,
              owner: busy.owner,
            },
            until: new Date(Number(busy.until / 1000n)).toISOString(),
          });
        await holdEnvironment(tx, name, held);
      },
    });
  });
};
