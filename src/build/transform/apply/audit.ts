import { randomUUID } from 'node:crypto';
import { error, toAssayError } from '../../../errors/index.js';
import { beginRun, type CheckResultRow, endRun, putFailingKeys, whileAlive } from '../../../store/state/index.js';
import type { Severity } from '../files/definition.js';
import { type GraphNode, orderTransforms } from '../files/graph.js';
import { readSeeds } from '../files/seeds.js';
import { tellRun } from '../lineage/telling.js';
import { parquetSession } from '../parquet-session.js';
import { openSource, type Source } from '../plan/sources.js';
import type { TableState } from '../plan/state.js';
import { viewStateOf } from '../plan/view-state.js';
import type { World } from '../plan/world.js';
import { auditAgain } from './audit-again.js';
import { openLeases, owner } from './leases.js';
import { type Parts, timeOf } from './parts.js';
import { type PublishedTransform, publishedRows, publishedTransforms } from './published.js';
import type { RunOrder, Work } from './work.js';

/** What one check of one table came to, over all its partitions. */
export interface AuditedCheck {
  readonly model: string;
  readonly check: string;
  readonly severity: Severity | 'score';
  readonly passed: boolean;
  readonly failed: bigint;
  readonly evaluated: bigint;
  /** Partitions in which it did not pass. */
  readonly partitions: readonly string[];
}

/** What the checks of everything that is published came to. */
export interface Audited {
  readonly environment: string;
  readonly runId: string;
  readonly tables: number;
  readonly checks: readonly AuditedCheck[];
  /** Tables that must not be published as they are: a critical or error check failed, or the score is below the least one. */
  readonly refused: readonly string[];
}

/** The world as it is published, and not as the files would have it. */
const publishedWorld = async (
  parts: Parts,
  environment: World['environment'],
  tables: ReadonlyMap<string, PublishedTransform>,
): Promise<World> => {
  const seeds = await readSeeds(parts.transformsDir);
  const transforms = [...tables.values()].map(({ transform }) => transform);
  const nodes = orderTransforms(transforms, new Set(seeds.map(({ name }) => name)));
  const names = nodes.flatMap(({ inputs }) => inputs.flatMap((of) => (of.kind === 'source' ? [of.name] : [])));
  const published = new Map<string, TableState>();
  const sources = new Map<string, Source>();
  await parts.duckdb.session(async (session) => {
    const engine = parquetSession(session, parts.signal);
    for (const [id, table] of tables) published.set(id, await publishedRows({ engine, lake: parts.lake }, table));
    for (const node of nodes) {
      const view = node.transform.kind === 'view' ? published.get(node.transform.id) : undefined;
      if (view) published.set(node.transform.id, viewStateOf(view, node, published, undefined));
    }
    for (const name of new Set(names)) {
      const source = await openSource({ engine, warehouse: parts.warehouse, lake: parts.lake }, name, []);
      if (source) sources.set(name, source);
    }
  });
  return {
    ...{
      environment,
      comparedWith: environment,
      nodes,
      seeds,
      published,
      sources,
      filesHash: '',
      empty: [],
      lake: parts.lake,
    },
    ...{ meanings: new Map(), stored: new Map(), physical: new Map(), intervals: new Map() },
    versions: new Map([...tables].map(([id, { version }]) => [id, version])),
    ...{
      lostCopies: new Set<string>(),
      frozen: new Set<string>(),
      pasts: new Map(),
      earlier: new Map(),
      others: async () => new Map(),
    },
  };
};

const workOf = (parts: Parts, world: World, order: RunOrder): Work => ({
  ...{ world, order, at: timeOf(parts), leases: openLeases(parts.warehouse, order.runId, parts.emit) },
  told: tellRun(
    undefined,
    world,
    order,
    () => 0n,
    () => {},
  ),
  ...{
    states: new Map(world.published),
    moved: new Map(),
    views: new Map(),
    staged: [],
    unmade: [],
    behind: new Set(),
  },
  ...{
    missing: new Map(),
    newChecks: new Set(),
    results: [],
    failing: [],
    summaries: [],
    folders: [],
    steps: 0,
    held: false,
  },
  decided: new Map(),
});

const DETAILS = /^(.*) \((\w+)\): (\d+) of (\d+) failed(?: in (.+))?$/;

/** Results of one table, those of partitions put together. */
const checksOf = (model: string, results: readonly CheckResultRow[]): AuditedCheck[] => {
  const found = new Map<string, AuditedCheck>();
  for (const { check_details, status } of results) {
    const [, check = '', severity = '', failed = '0', evaluated = '0', partition] = DETAILS.exec(check_details) ?? [];
    const before = found.get(check);
    const passed = status === 'PASS';
    found.set(check, {
      ...{ model, check, severity: severity as Severity },
      passed: passed && (before?.passed ?? true),
      failed: BigInt(failed) + (before?.failed ?? 0n),
      evaluated: BigInt(evaluated) + (before?.evaluated ?? 0n),
      partitions: [...(before?.partitions ?? []), ...(passed || partition === undefined ? [] : [partition])].sort(),
    });
  }
  return [...found.values()].sort((a, b) => (a.check < b.check ? -1 : 1));
};

const selected = (nodes: readonly GraphNode[], select: string | undefined): readonly GraphNode[] => {
  const found = nodes.filter(({ transform: { id } }) => select === undefined || id.includes(select));
  if (found.length === 0)
    throw error('usage', {
      text:
        nodes.length === 0
          ? 'nothing is published yet, so there is nothing to audit'
          : `no published table has ${select ?? ''} in its name; tables are ${nodes.map((n) => n.transform.id).join(', ')}`,
    });
  return found;
};

/**
 * Asks every check of what an environment's readers see, as the ledger knows the checks, and keeps results and failing keys.
 * Nothing is made and nothing moves. `select` is a part of a table's name; `told` hears of each table as it is done.
 * Errors: `environment-unknown`, `usage`, `engine-failed`, `cancelled`.
 */
export const audit = async (
  parts: Parts,
  of: { readonly environment: string; readonly select?: string | undefined },
  told: (checks: readonly AuditedCheck[]) => void = () => {},
): Promise<Audited> => {
  const runId = randomUUID();
  const { environment, tables } = await publishedTransforms(parts.warehouse, of.environment);
  const world = await publishedWorld(parts, environment, tables);
  const nodes = selected(world.nodes, of.select);
  return whileAlive(parts.warehouse, runId, async () => {
    await beginRun(parts.warehouse, {
      ...{ runId, kind: 'audit', environment: environment.name, planId: undefined, owner: owner() },
      ...{ baseRevision: environment.revision, startedAt: timeOf(parts) },
    });
    const work = workOf(parts, world, {
      runId,
      kind: 'run',
      planId: undefined,
      restate: new Map(),
      restatement: undefined,
      selection: undefined,
    });
    try {
      const audited = await askAll(parts, work, nodes, told);
      const [first] = audited.refused;
      await endRun(parts.warehouse, {
        ...{ runId, status: first === undefined ? 'unchanged' : 'refused', at: timeOf(parts) },
        ...(first === undefined
          ? {}
          : { error: { code: 'check-failed', message: `${first} does not pass its checks` } }),
      });
      return { environment: environment.name, runId, tables: nodes.length, ...audited };
    } catch (thrown) {
      const reason = parts.signal?.aborted ? error('cancelled', {}, thrown) : toAssayError(thrown);
      const { code, message } = reason;
      const status = code === 'cancelled' ? 'cancelled' : 'failed';
      await endRun(parts.warehouse, { runId, status, at: timeOf(parts), error: { code, message } });
      throw reason;
    } finally {
      await work.leases.end();
    }
  });
};

const askAll = async (
  parts: Parts,
  work: Work,
  nodes: readonly GraphNode[],
  told: (checks: readonly AuditedCheck[]) => void,
): Promise<Pick<Audited, 'checks' | 'refused'>> => {
  const checks: AuditedCheck[] = [];
  const refused: string[] = [];
  for (const [i, node] of nodes.entries()) {
    parts.signal?.throwIfAborted();
    const { id } = node.transform;
    const [results, keys] = [work.results.length, work.failing.length];
    const failed = await auditAgain(parts, work, node);
    const asked = checksOf(id, work.results.slice(results));
    // A score below the least one has no result of its own.
    for (const { partition, refusal } of failed)
      if (!asked.some(({ check }) => check === refusal.check))
        asked.push({
          ...{ model: id, check: refusal.check, severity: 'score', passed: false, partitions: [partition] },
          ...{ failed: BigInt(refusal.failed), evaluated: BigInt(refusal.evaluated) },
        });
    if (failed.length > 0) refused.push(id);
    await putFailingKeys(
      parts.warehouse,
      work.order.runId,
      work.failing.slice(keys).map(({ model, keys: of }) => ({ table: model, ...of })),
    );
    checks.push(...asked);
    told(asked);
    parts.emit('transform.progress', { model: id, done: i + 1, of: nodes.length });
  }
  return { checks, refused };
};
