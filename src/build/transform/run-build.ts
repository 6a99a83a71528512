import { createHash, randomUUID } from 'node:crypto';
import { AssayError, error, toAssayError } from '../../errors/index.js';
import { timestampText } from '../../query/index.js';
import { openTable, type ParquetEngine, relation } from '../../store/delta/index.js';
import {
  beginBuild,
  type CheckResultRow,
  checkHistory,
  currentPointers,
  endBuild,
  moveLake,
  type Pointer,
  type PointerSet,
  recordChecks,
} from '../../store/state/index.js';
import { clearAbandoned, dropOldTables } from './clean-up.js';
import type { Transform } from './files/definition.js';
import type { GraphNode } from './files/graph.js';
import { LAYERS } from './files/read-transforms.js';
import { loadSeed, type Seed } from './files/seeds.js';
import { fingerprint } from './meaning/inspect.js';
import type { BuildOptions } from './options.js';
import { type Move, publish } from './publish.js';
import { viewOf } from './sql-text.js';
import { runChecks } from './step/check-sql.js';
import { judge } from './step/judge.js';
import { loadJson, loadPseudonyms, pseudonymKeyId } from './step/pseudonyms.js';
import { dropStaged, lakePath, type StagedTable, sessionName, stageTable } from './step/stage.js';

export interface RunOptions extends Omit<BuildOptions, 'now' | 'signal'> {
  readonly now: () => bigint;
  readonly signal: AbortSignal | undefined;
  readonly engine: ParquetEngine;
  readonly nodes: readonly GraphNode[];
  readonly seeds: readonly Seed[];
}

/** One build from its start to its publication, under the builder's lock. Undefined: nothing had moved. */
export const runBuild = async (options: RunOptions): Promise<readonly string[] | undefined> => {
  const { warehouse, engine, lake, nodes, emit, now, signal } = options;
  const started = performance.now();
  const transforms = new Map(nodes.map(({ transform }) => [transform.name, transform]));
  await clearAbandoned({ warehouse, engine, lake, transforms: [...transforms.values()], at: now() });
  const base = await currentPointers(warehouse);
  if (base.revision > 0 && base.lake !== lake) await moveLake(warehouse, lake);
  const sources = await pinSources(options);
  if (sources === undefined) return undefined;
  for (const seed of options.seeds) await loadSeed(engine, seed);
  const plan: Plan = { ...options, base, sources, usable: await usablePointers(options, base) };

  const buildId = randomUUID();
  const at = now();
  const work: Work = { buildId, at, begun: false, moves: [], kept: [], results: [], versions: new Map() };
  try {
    for (const node of nodes) {
      signal?.throwIfAborted();
      if (node.transform.kind !== 'history') await advance(plan, work, node);
    }
    for (const node of nodes) if (node.transform.kind === 'history') await advanceHistory(plan, work, node);
    const gone = base.pointers.map(({ name }) => name).filter((name) => !transforms.has(name));
    if (!work.begun && gone.length === 0) return undefined;
    await begin(plan, work);
    const revision = await publish({
      ...{ warehouse, engine, lake, buildId, base, transforms, now, signal, emit },
      ...{ kept: work.kept, moves: work.moves, results: work.results, ended: { status: 'published' }, gone },
    });
    const changed = work.moves.map(({ staged }) => staged.transform.name);
    emit('transform.published', {
      revision,
      tables: changed.length,
      milliseconds: Math.round(performance.now() - started),
    });
    await tidy(plan, revision);
    return changed;
  } catch (thrown) {
    const reason = signal?.aborted && !(thrown instanceof AssayError) ? error('cancelled', {}, thrown) : thrown;
    await recordFailure(plan, work, reason);
    throw reason;
  }
};

/** What was published stays so: a failure here is told, and the next build tidies again. */
const tidy = ({ warehouse, emit }: RunOptions, revision: number): Promise<void> =>
  dropOldTables(warehouse, revision, LAYERS, emit).catch((thrown: unknown) =>
    emit('bug', { where: `dropping tables older than revision ${revision}`, error: thrown }),
  );

interface Plan extends RunOptions {
  readonly base: PointerSet;
  /** Source name to what identifies its contents. */
  readonly sources: ReadonlyMap<string, string>;
  readonly usable: ReadonlyMap<string, Pointer>;
}

/** What a build has come to so far. */
interface Work {
  readonly buildId: string;
  readonly at: bigint;
  begun: boolean;
  readonly moves: Move[];
  readonly kept: Pointer[];
  readonly results: CheckResultRow[];
  /** Data version of every table that is ready to be read. */
  readonly versions: Map<string, string>;
}

/** One version of every source for the whole build. Undefined, with a notice, when one has no data yet. */
const pinSources = async (options: RunOptions): Promise<ReadonlyMap<string, string> | undefined> => {
  const { engine, lake, nodes, emit } = options;
  const names = new Set(nodes.flatMap(({ inputs }) => inputs.flatMap((of) => (of.kind === 'source' ? [of.name] : []))));
  const pinned = new Map<string, string>();
  for (const name of [...names].sort()) {
    const snapshot = await openTable(`${lake}/${name.replace('.', '/')}`, engine);
    if (!snapshot) {
      emit('notice', { message: `${name} holds nothing yet, so there is nothing to build; ingest a file first` });
      return undefined;
    }
    await engine.execute(`CREATE OR REPLACE TEMP VIEW ${viewOf(name)} AS SELECT * FROM ${relation(snapshot)}`);
    pinned.set(name, `${snapshot.metadata.id}@${snapshot.version}`);
  }
  return pinned;
};

/** Pointers whose tables are really there, each readable in the session. What was lost is made again. */
const usablePointers = async (options: RunOptions, base: PointerSet): Promise<ReadonlyMap<string, Pointer>> => {
  const { engine, lake, warehouse, nodes } = options;
  const usable = new Map<string, Pointer>();
  for (const { transform } of nodes) {
    const pointer = base.pointers.find(({ name }) => name === transform.name);
    if (!pointer?.lake || pointer.lake.path !== lakePath(transform)) continue;
    const snapshot = await openTable(`${lake}/${pointer.lake.path}`, engine, pointer.lake.version);
    if (!snapshot) continue;
    if (transform.targets.has('postgres')) {
      const { rows } = await warehouse.query<{ there: boolean }>('SELECT to_regclass($1) IS NOT NULL AS there', [
        pointer.postgres ?? '',
      ]);
      if (rows[0]?.there !== true) continue;
    }
    await engine.execute(
      `CREATE OR REPLACE TEMP VIEW ${viewOf(transform.name)} AS SELECT * FROM ${relation(snapshot)}`,
    );
    usable.set(transform.name, pointer);
  }
  return usable;
};

const begin = async (plan: Plan, work: Work): Promise<void> => {
  if (work.begun) return;
  await beginBuild(plan.warehouse, { buildId: work.buildId, baseRevision: plan.base.revision, at: work.at });
  work.begun = true;
};

/** Everything that decides a table's contents: its meaning, and the versions of what it and its checks read. */
const inputHashOf = async (plan: Plan, work: Work, node: GraphNode): Promise<string> => {
  const { transform, needs, inputs } = node;
  const seeds = new Map(plan.seeds.map((seed) => [seed.name, seed.hash]));
  const read = [
    await fingerprint(plan.engine, transform),
    ...[...needs].sort().map((name) => `${name}=${work.versions.get(name)}`),
    ...[...plan.sources].map(([name, version]) => `${name}=${readsSource(node, name) ? version : ''}`),
    ...inputs.flatMap((of) => (of.kind === 'seed' ? [`${of.name}=${seeds.get(of.name)}`] : [])),
    transform.pseudonyms ? pseudonymKeyId(plan.pseudonymKey) : '',
  ];
  return createHash('sha256').update(read.join('\n')).digest('hex');
};

const readsSource = ({ inputs, transform }: GraphNode, name: string): boolean =>
  inputs.some((of) => of.kind === 'source' && of.name === name) ||
  transform.checks.some((check) => check.question.type === 'sql' && check.question.sql.includes(`'${name}'`));

/** A table's version says its shape and its contents, so equal contents keep it. */
const dataVersionOf = (staged: StagedTable): string =>
  createHash('sha256').update(`${staged.path}\n${staged.contentHash}`).digest('hex').slice(0, 16);

const keep = (work: Work, pointer: Pointer): void => {
  work.kept.push(pointer);
  work.versions.set(pointer.name, pointer.dataVersion);
};

/** Makes one table, unless nothing that it reads has moved; checks it; keeps the published one when the contents came out equal. */
const advance = async (plan: Plan, work: Work, node: GraphNode): Promise<void> => {
  const { transform } = node;
  const { engine, lake, emit, signal } = plan;
  const inputHash = await inputHashOf(plan, work, node);
  const published = plan.usable.get(transform.name);
  if (published?.inputHash === inputHash) return keep(work, published);
  await begin(plan, work);
  if (transform.pseudonyms)
    await loadPseudonyms(
      engine,
      { table: transform.pseudonyms.of, column: transform.pseudonyms.column },
      plan.pseudonymKey,
    );
  const runTs = timestampText(work.at);
  const staged = await stageTable({ engine, lake, buildId: work.buildId, emit, signal }, transform, runTs);
  const verdict = judge(transform, await runChecks(engine, transform, sessionName(transform, runTs)), work);
  work.results.push(...verdict.results);
  if (verdict.refused) throw error('check-failed', { model: transform.name, ...verdict.refused });
  const dataVersion = dataVersionOf(staged);
  work.versions.set(transform.name, dataVersion);
  if (published?.dataVersion === dataVersion) {
    await dropStagedAndReturn(plan, work, staged);
    // Its inputs moved and its rows did not: the pointer learns the new inputs with the next publication.
    return keep(work, { ...published, inputHash });
  }
  work.moves.push({ staged, dataVersion, inputHash });
};

/** The session reads the published files again before the staged ones go. */
const dropStagedAndReturn = async (plan: Plan, work: Work, staged: StagedTable): Promise<void> => {
  const published = plan.usable.get(staged.transform.name);
  if (!published?.lake) return;
  const snapshot = await openTable(`${plan.lake}/${published.lake.path}`, plan.engine, published.lake.version);
  if (!snapshot) throw error('internal', {});
  await plan.engine.execute(
    `CREATE OR REPLACE TEMP VIEW ${viewOf(staged.transform.name)} AS SELECT * FROM ${relation(snapshot)}`,
  );
  await dropStaged(staged, work.buildId);
};

const CHECK_STRUCTURE = JSON.stringify({
  ...{ metric_id: 'VARCHAR', table_name: 'VARCHAR', column_name: 'VARCHAR', metric_type: 'VARCHAR' },
  ...{ metric_value: 'VARCHAR', threshold_value: 'VARCHAR', status: 'VARCHAR', check_timestamp: 'VARCHAR' },
  ...{ check_details: 'VARCHAR', severity: 'VARCHAR', weight: 'INTEGER' },
});

/** The table of all check results, those of this build included: made last, and only when there are new ones. */
const advanceHistory = async (plan: Plan, work: Work, { transform }: GraphNode): Promise<void> => {
  const { engine, lake, emit, signal } = plan;
  const published = plan.usable.get(transform.name);
  const inputHash = await fingerprint(engine, transform);
  if (published?.inputHash === inputHash && work.results.length === 0) return keep(work, published);
  await begin(plan, work);
  const columns = Object.entries(JSON.parse(CHECK_STRUCTURE) as Record<string, string>);
  await engine.execute(
    `CREATE OR REPLACE TEMP TABLE ${viewOf('checks')} (${columns.map(([name, type]) => `${name} ${type}`).join(', ')})`,
  );
  for await (const rows of checkHistory(plan.warehouse))
    await loadJson(engine, viewOf('checks'), CHECK_STRUCTURE, rows);
  await loadJson(engine, viewOf('checks'), CHECK_STRUCTURE, work.results);
  const staged = await stageTable(
    { engine, lake, buildId: work.buildId, emit, signal },
    transform,
    timestampText(work.at),
  );
  work.moves.push({ staged, dataVersion: dataVersionOf(staged), inputHash });
};

/**
 * Writes down why a build ended, and lets readers of the history of checks see it; every table of data stays as it was. The reason
 * itself is thrown on by the caller, so what fails here is told and not thrown.
 */
const recordFailure = async (plan: Plan, work: Work, thrown: unknown): Promise<void> => {
  const { warehouse, engine, lake, base, nodes, now, emit } = plan;
  if (!work.begun) return;
  const { code, message } = toAssayError(thrown);
  const refused = code === 'check-failed' || code === 'contract-broken';
  if (refused)
    emit('transform.quarantined', { model: String(toAssayError(thrown).parameters['model']), reason: message });
  const { buildId } = work;
  try {
    for (const { staged } of work.moves) await dropStaged(staged, buildId);
    const history = nodes.find(({ transform }) => transform.kind === 'history');
    const status = refused ? 'refused' : 'failed';
    if (refused && history && base.revision > 0 && work.results.length > 0) {
      const only: Work = { ...work, moves: [], kept: [] };
      await advanceHistory(plan, only, history);
      await publish({
        ...{ warehouse, engine, lake, buildId, base, now, emit, signal: undefined, results: work.results },
        ...{ moves: only.moves, kept: base.pointers.filter(({ name }) => name !== history.transform.name) },
        transforms: new Map<string, Transform>([[history.transform.name, history.transform]]),
        gone: [],
        ended: { status: 'refused', error: { code, message } },
      });
      return;
    }
    await warehouse.transaction(async (tx) => {
      if (refused) await recordChecks(tx, buildId, work.results);
      await endBuild(tx, { buildId, at: now(), status, error: { code, message } });
    });
  } catch (again) {
    emit('bug', { where: `recording the end of build ${buildId}`, error: again });
  }
};
