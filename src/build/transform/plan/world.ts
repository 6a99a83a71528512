import { createHash } from 'node:crypto';
import { openTable, type ParquetEngine } from '../../../store/delta/index.js';
import type { Warehouse } from '../../../store/engine/index.js';
import {
  createEnvironment,
  currentEnvironment,
  type EnvironmentState,
  ensureVersions,
  type Interval,
  intervalsOf,
  type ModelVersion,
  type PhysicalTable,
  physicalTables,
  pinnedRelation,
} from '../../../store/state/index.js';
import { type GraphNode, orderTransforms } from '../files/graph.js';
import { readTransforms } from '../files/read-transforms.js';
import { readSeeds, type Seed } from '../files/seeds.js';
import type { Meaning } from '../meaning/meaning.js';
import { meaningsOf } from '../meaning/meaning-of.js';
import { type StoredDefinition, storedOf } from '../meaning/stored.js';
import { pseudonymKeyId } from '../step/pseudonyms.js';
import { WHOLE } from '../step/step.js';
import type { EngineRules } from './engine-pins.js';
import { environmentName } from './environment-name.js';
import { type OtherVersion, otherVersionsOf } from './other-versions.js';
import type { MadeBefore, Past } from './past.js';
import { openSource, type Source } from './sources.js';
import { dataVersionOf, partitionsOf, type TableState } from './state.js';
import { viewStateOf } from './view-state.js';

/** The environment whose tables follow the sources; others only read what they share with it. */
export const PRODUCTION = 'prod';

export interface WorldOptions {
  /** Folder with `sql/{silver,gold}`, `seeds/` and `tests/`. */
  readonly transformsDir: string;
  /** Absolute folder of the lake. */
  readonly lake: string;
  readonly engine: ParquetEngine;
  readonly warehouse: Warehouse;
  readonly pseudonymKey: string;
  readonly environment: string;
  /** UTC date, `2026-11-23`: decides which deprecated versions are past their sunset. */
  readonly today: string;
}

/** Everything that a plan is made from: the files, what the ledger knows of them, and the sources, each read once. */
export interface World {
  /** Absolute folder of the lake. */
  readonly lake: string;
  readonly environment: EnvironmentState;
  /** What changes are told against: the environment itself, or production while it has no tables of its own. */
  readonly comparedWith: EnvironmentState;
  /** In an order in which each table comes after what it needs. */
  readonly nodes: readonly GraphNode[];
  readonly seeds: readonly Seed[];
  readonly meanings: ReadonlyMap<string, Meaning>;
  readonly stored: ReadonlyMap<string, StoredDefinition>;
  readonly versions: ReadonlyMap<string, ModelVersion>;
  readonly physical: ReadonlyMap<string, PhysicalTable>;
  /** By id; a table that was never made is there without rows. */
  readonly published: ReadonlyMap<string, TableState>;
  /** By id, then by partition. */
  readonly intervals: ReadonlyMap<string, ReadonlyMap<string, Interval>>;
  readonly sources: ReadonlyMap<string, Source>;
  /** Sources that hold nothing yet. */
  readonly empty: readonly string[];
  /** Ids whose copy in PostgreSQL is missing although the ledger knows of it. */
  readonly lostCopies: ReadonlySet<string>;
  /** Ids that this environment shares with production, and so leaves as they are. */
  readonly frozen: ReadonlySet<string>;
  /** Of all files' texts: a plan holds for these only. */
  readonly filesHash: string;
  /** By id: the versions that rows are taken over from, where a change holds from now on. A plan finds out which. */
  readonly pasts: ReadonlyMap<string, Past>;
  /** By id: partitions of the present versions that hold rows of an earlier meaning. */
  readonly earlier: ReadonlyMap<string, readonly MadeBefore[]>;
  /** What engines are chosen by; without them as they usually are. */
  readonly rules?: EngineRules;
  /** Published versions of the tables that are not those of the files, by id; looked up when it is asked. */
  others(): Promise<ReadonlyMap<string, readonly OtherVersion[]>>;
}

/** Reads the world. Nothing moves: what is written are notes of what was found (versions, files of sources). Errors: `transform-invalid`, `environment-invalid`. */
export const readWorld = async (options: WorldOptions): Promise<World> => {
  const { warehouse, engine, lake } = options;
  const [transforms, seeds] = await Promise.all([
    readTransforms(options.transformsDir, options.today),
    readSeeds(options.transformsDir),
  ]);
  const nodes = orderTransforms(transforms, new Set(seeds.map((seed) => seed.name)));
  await createEnvironment(warehouse, environmentName(options.environment));
  const environment = await currentEnvironment(warehouse, options.environment);
  const comparedWith = environment.pointers.length > 0 ? environment : await currentEnvironment(warehouse, PRODUCTION);
  const sources = new Map<string, Source>();
  const empty: string[] = [];
  for (const name of sourceNames(nodes)) {
    const readers = nodes.filter(({ transform }) => transform.partition?.sources.has(name));
    const source = await openSource({ engine, warehouse, lake }, name, readers);
    if (source) sources.set(name, source);
    else empty.push(name);
  }
  const meanings = await meaningsOf(engine, nodes, {
    seeds,
    sources: new Map([...sources].map(([name, { snapshot }]) => [name, snapshot.schema.fields.map((f) => f.name)])),
    pseudonymKeyId: pseudonymKeyId(options.pseudonymKey),
  });
  const stored = new Map<string, StoredDefinition>();
  for (const { transform } of nodes) {
    const meaning = meanings.get(transform.id);
    if (meaning) stored.set(transform.id, storedOf(transform, meaning));
  }
  const ids = [...stored.keys()];
  const listed = await ensureVersions(
    warehouse,
    [...stored.values()].map((s) => ({
      ...{ name: s.name, version: s.version, fingerprint: s.fingerprint, dataHash: s.dataHash, metaHash: s.metaHash },
      definition: s,
    })),
  );
  const versions = new Map(listed.map((version, i) => [ids[i] ?? '', version]));
  const versionIds = listed.map(({ id }) => id);
  const [tables, intervals] = await Promise.all([
    physicalTables(warehouse, versionIds),
    intervalsOf(warehouse, versionIds),
  ]);
  const byVersion = new Map<number, Map<string, Interval>>();
  for (const interval of intervals) {
    const of = byVersion.get(interval.versionId) ?? new Map<string, Interval>();
    of.set(interval.partition, interval);
    byVersion.set(interval.versionId, of);
  }
  const there = await existing(
    warehouse,
    [...tables.values()].flatMap(({ postgres }) => (postgres === undefined ? [] : [postgres])),
  );
  const physical = new Map<string, PhysicalTable>();
  const published = new Map<string, TableState>();
  const lostCopies = new Set<string>();
  for (const node of nodes) {
    const { id } = node.transform;
    const version = versions.get(id);
    const table = version && tables.get(version.id);
    if (table) physical.set(id, table);
    const lost = table?.postgres !== undefined && table.changedAt > 0 && !there.has(table.postgres);
    if (lost) lostCopies.add(id);
    const of = version && byVersion.get(version.id);
    const state = await publishedState(options, node, version, table, of, !lost);
    published.set(id, node.transform.kind === 'view' ? viewStateOf(state, node, published, meanings.get(id)) : state);
  }
  return {
    ...{
      lake,
      environment,
      comparedWith,
      nodes,
      seeds,
      meanings,
      stored,
      versions,
      physical,
      published,
      sources,
      empty,
      lostCopies,
    },
    intervals: new Map([...versions].map(([id, version]) => [id, byVersion.get(version.id) ?? new Map()])),
    ...{ pasts: new Map(), earlier: new Map() },
    frozen: await frozenOf(options, versions),
    filesHash: hashOfFiles(stored, seeds),
    others: once(() => otherVersionsOf(warehouse, stored, versionIds)),
  };
};

const once = <T>(work: () => Promise<T>): (() => Promise<T>) => {
  let made: Promise<T> | undefined;
  return () => {
    made ??= work();
    return made;
  };
};

const sourceNames = (nodes: readonly GraphNode[]): string[] => {
  const names = nodes.flatMap(({ inputs }) => inputs.flatMap((of) => (of.kind === 'source' ? [of.name] : [])));
  return [...new Set(names)].sort();
};

const hashOfFiles = (stored: ReadonlyMap<string, StoredDefinition>, seeds: readonly Seed[]): string => {
  const lines = [
    ...[...stored.values()].map((s) => `${s.file} ${s.dataHash} ${s.metaHash}`),
    ...seeds.map((seed) => `seed ${seed.name} ${seed.hash}`),
  ];
  return createHash('sha256').update(lines.sort().join('\n')).digest('hex').slice(0, 16);
};

/** Which of these tables the warehouse has. */
const existing = async (warehouse: Warehouse, names: readonly string[]): Promise<ReadonlySet<string>> => {
  if (names.length === 0) return new Set();
  const { rows } = await warehouse.query<{ name: string }>(
    'SELECT name FROM unnest($1::text[]) AS name WHERE to_regclass(name) IS NOT NULL',
    [names],
  );
  return new Set(rows.map(({ name }) => name));
};

const publishedState = async (
  { engine, lake }: WorldOptions,
  { transform }: GraphNode,
  version: ModelVersion | undefined,
  table: PhysicalTable | undefined,
  intervals: ReadonlyMap<string, Interval> | undefined,
  copyThere: boolean,
): Promise<TableState> => {
  const nothing: TableState = {
    ...{ transform, versionId: version?.id, fingerprint: version?.fingerprint ?? '', snapshot: undefined, adds: [] },
    ...{ partitions: new Map(), dataVersion: '', postgres: undefined, view: undefined },
  };
  if (table?.lakePath === undefined || table.lakeVersion < 0) return nothing;
  const newest = await openTable(`${lake}/${table.lakePath}`, engine);
  const pinned =
    newest?.version === table.lakeVersion
      ? newest
      : newest && (await openTable(`${lake}/${table.lakePath}`, engine, table.lakeVersion));
  if (!newest || !pinned) return nothing;
  const partitions = partitionsOf(intervals?.values() ?? []);
  return {
    ...nothing,
    ...{ snapshot: newest, adds: pinned.adds, partitions },
    dataVersion: table.dataVersion === '' ? dataVersionOf(nothing.fingerprint, partitions) : table.dataVersion,
    postgres:
      table.postgres !== undefined && copyThere
        ? pinnedRelation(table.postgres, table.versionId, table.changedAt)
        : undefined,
  };
};

/** What an environment beside production shares with it stays as production made it. */
const frozenOf = async (
  { warehouse, environment }: WorldOptions,
  versions: ReadonlyMap<string, ModelVersion>,
): Promise<ReadonlySet<string>> => {
  if (environment === PRODUCTION) return new Set();
  const production = await currentEnvironment(warehouse, PRODUCTION);
  const used = new Set(production.pointers.map(({ versionId }) => versionId));
  return new Set([...versions].filter(([, { id }]) => used.has(id)).map(([id]) => id));
};

/** Partitions of a table that are published, with what they were made from. Nothing where the files are lost: all is to be made. */
export const madeOf = (world: World, id: string): ReadonlyMap<string, Interval> => {
  const state = world.published.get(id);
  if (!state?.snapshot && state?.view === undefined) return new Map();
  return new Map([...(world.intervals.get(id) ?? [])].filter(([key]) => state.partitions.has(key) || key === WHOLE));
};
