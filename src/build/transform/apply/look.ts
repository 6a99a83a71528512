import type { Warehouse } from '../../../store/engine/index.js';
import {
  currentEnvironment,
  type FailingKeysRecord,
  failingKeysOf,
  intervalsOf,
  type LineageEdge,
  lastChecks,
  lineageOf,
  listEnvironments,
  physicalTables,
  publications,
} from '../../../store/state/index.js';
import type { DocumentedTable } from '../lineage/docs.js';
import { edgesOf, type LineageGraph, type LineageTable } from '../lineage/edges.js';
import type { StoredDefinition } from '../meaning/stored.js';
import { PRODUCTION } from '../plan/world.js';
import { WHOLE } from '../step/step.js';
import { KEEP } from './collect.js';
import { type PublishedTransform, publishedTransforms } from './published.js';

/** The edges of a definition as the ledger keeps them. */
export const storedEdges = ({ lineage }: Pick<StoredDefinition, 'lineage'>): LineageEdge[] =>
  edgesOf({
    columns: new Map(Object.entries(lineage.columns)),
    rows: lineage.rows,
    opaque: new Set(lineage.opaque),
  });

const graphOf = async (
  warehouse: Warehouse,
  tables: ReadonlyMap<string, PublishedTransform>,
): Promise<LineageGraph> => {
  const edges = await lineageOf(
    warehouse,
    [...tables.values()].map(({ version }) => version.id),
  );
  return new Map(
    [...tables].map(([id, { version, stored, transform }]): [string, LineageTable] => {
      const kept = edges.get(version.id) ?? [];
      // A run that was killed right after it published has written down the definition, which says the same.
      return [
        id,
        { columns: transform.columns.map(({ name }) => name), edges: kept.length > 0 ? kept : storedEdges(stored) },
      ];
    }),
  );
};

/** Lineage of everything that an environment's readers see, from the ledger. Errors: `environment-unknown`. */
export const lineageGraph = async (warehouse: Warehouse, environment: string): Promise<LineageGraph> =>
  graphOf(warehouse, (await publishedTransforms(warehouse, environment)).tables);

const weighted = (values: readonly (bigint | undefined)[], weights: readonly number[]): bigint | undefined => {
  let [sum, weight] = [0n, 0n];
  for (const [i, value] of values.entries()) {
    const rows = BigInt(Math.max(1, weights[i] ?? 1));
    if (value === undefined) continue;
    sum += value * rows;
    weight += rows;
  }
  return weight === 0n ? undefined : sum / weight;
};

const documented = (
  { transform, pointer, version, intervals }: PublishedTransform,
  results: DocumentedTable['results'],
): DocumentedTable => {
  const live = intervals.filter(({ publishedRevision }) => publishedRevision !== undefined);
  const weights = live.map(({ rows }) => rows);
  const partitions = live.filter(({ rows }) => rows > 0).map(({ partition }) => partition);
  const newest = live.reduce((last, { publishedAt = 0n }) => (publishedAt > last ? publishedAt : last), 0n);
  return {
    ...{ transform, fingerprint: version.fingerprint, results },
    state: {
      ...{ rows: pointer.rows, revision: pointer.changedAt, publishedAt: newest },
      partitions: partitions.includes(WHOLE) ? [] : partitions.sort(),
      // Of the table: the scores of its partitions, each by its rows.
      scoreMillionths: weighted(
        live.map((one) => one.scoreMillionths),
        weights,
      ),
      coverageMillionths: weighted(
        live.map((one) => one.coverageMillionths),
        weights,
      ),
      quarantined: intervals.flatMap(({ partition, status, errorMessage }) =>
        status === 'quarantined' || status === 'failed' ? [{ partition, reason: errorMessage ?? status }] : [],
      ),
    },
  };
};

/** Everything that documentation is made from, as an environment's readers see it. Errors: `environment-unknown`. */
export const documentedTables = async (
  warehouse: Warehouse,
  environment: string,
): Promise<{ readonly tables: readonly DocumentedTable[]; readonly graph: LineageGraph }> => {
  const { tables } = await publishedTransforms(warehouse, environment);
  const [graph, results] = await Promise.all([graphOf(warehouse, tables), lastChecks(warehouse, [...tables.keys()])]);
  return {
    graph,
    tables: [...tables].map(([id, table]) =>
      documented(
        table,
        results.filter(({ table_name }) => table_name === id),
      ),
    ),
  };
};

/** An environment, and in which tables it differs from production. */
export interface EnvironmentLook {
  readonly name: string;
  readonly revision: number;
  /** The revision that it was rolled back from; its runs wait for a plan. */
  readonly heldFrom: number | undefined;
  readonly tables: number;
  /** Names under which readers find another table than in production, or find one only in one of both. */
  readonly differs: readonly string[];
}

/** All environments, production first. */
export const environmentLooks = async (warehouse: Warehouse): Promise<readonly EnvironmentLook[]> => {
  const known = await listEnvironments(warehouse);
  const states = await Promise.all(known.map(({ name }) => currentEnvironment(warehouse, name)));
  const versionsOf = (name: string) =>
    new Map(states.find((one) => one.name === name)?.pointers.map((p) => [p.name, p.versionId]));
  const production = versionsOf(PRODUCTION);
  return states
    .map(({ name, revision, heldFrom, pointers }) => {
      const own = versionsOf(name);
      const names = new Set([...own.keys(), ...production.keys()]);
      // One that has nothing yet does not differ: it was only named.
      const differs = pointers.length === 0 ? [] : [...names].filter((one) => own.get(one) !== production.get(one));
      return { name, revision, heldFrom, tables: pointers.length, differs: differs.sort() };
    })
    .sort((a, b) => Number(b.name === PRODUCTION) - Number(a.name === PRODUCTION) || (a.name < b.name ? -1 : 1));
};

/** A partition that could not be published the last time it was tried; readers see what was there before. */
export interface Trouble {
  readonly model: string;
  readonly partition: string;
  readonly status: 'quarantined' | 'failed';
  readonly code: string;
  readonly reason: string;
  /** Keys of rows that failed, from the last run that kept any; at most `most`. */
  readonly keys: readonly FailingKeysRecord[];
}

/** Partitions of an environment that stay behind, with why. `most`: records of failing keys for each. Errors: `environment-unknown`. */
export const troubles = async (warehouse: Warehouse, environment: string, most = 3): Promise<readonly Trouble[]> => {
  const { pointers } = await currentEnvironment(warehouse, environment);
  const names = new Map(pointers.map(({ name, versionId }) => [versionId, name]));
  const intervals = await intervalsOf(warehouse, [...names.keys()], { light: true });
  const found: Trouble[] = [];
  for (const { versionId, partition, status, errorCode, errorMessage } of intervals) {
    if (status !== 'quarantined' && status !== 'failed') continue;
    const model = names.get(versionId) ?? '';
    const keys = status === 'failed' ? [] : await failingKeysOf(warehouse, { table: model, partition, limit: most });
    const [last] = keys;
    found.push({
      ...{ model, partition, status, code: errorCode ?? '', reason: errorMessage ?? '' },
      keys: keys.filter(({ runId }) => runId === last?.runId),
    });
  }
  return found.sort((a, b) => (`${a.model} ${a.partition}` < `${b.model} ${b.partition}` ? -1 : 1));
};

/** A revision that `assay rollback` can go back to. */
export interface RollbackTarget {
  readonly revision: number;
  /** Microseconds since 1970 UTC. */
  readonly publishedAt: bigint;
}

const MOST_TARGETS = 100;

/** Revisions of an environment whose tables and files are kept, newest first; the one that readers see is not among them. */
export const rollbackTargets = async (
  warehouse: Warehouse,
  environment: string,
  at: bigint,
): Promise<readonly RollbackTarget[]> => {
  const known = await publications(warehouse, environment, MOST_TARGETS);
  const ids = new Set(known.flatMap(({ pointers }) => pointers.map(({ versionId }) => versionId)));
  const tables = await physicalTables(warehouse, [...ids]);
  return known.flatMap(({ revision, publishedAt, pointers }, age) => {
    const kept = age < KEEP.keepRevisions || publishedAt >= at - KEEP.keepMicros;
    const whole = pointers.every(({ versionId }) => tables.has(versionId));
    return age > 0 && kept && whole ? [{ revision, publishedAt }] : [];
  });
};
