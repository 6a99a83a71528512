import { typeText } from '../../../query/index.js';
import type { CheckResultRow } from '../../../store/state/index.js';
import type { GraphNode } from '../files/graph.js';
import { inputsOf } from '../plan/inputs.js';
import { type TableState, totalsOf } from '../plan/state.js';
import type { World } from '../plan/world.js';
import { edgesOf } from './edges.js';
import {
  auditEvents,
  completeEvent,
  type EventCheck,
  type EventDataset,
  type EventStep,
  failEvent,
  type LineageContext,
  type RunEvent,
  runEvent,
  startEvent,
} from './events.js';
import type { LineageSink } from './sink.js';

/** Where a process tells what its runs do. */
export interface LineageTarget {
  readonly sink: LineageSink;
  /** URI of the program and its version. */
  readonly producer: string;
  /** Namespace of jobs and data sets; environments beside production have theirs below it. */
  readonly namespace: string;
}

/** Why something could not be made: of the catalogue of errors, so without data. */
interface Reason {
  readonly code: string;
  readonly message: string;
}

/** What a run came to, as far as lineage tells it. */
export interface ToldOutcome {
  readonly states: ReadonlyMap<string, TableState>;
  /** Tables whose rows changed. */
  readonly moved: { keys(): Iterable<string> };
  readonly unmade: readonly {
    readonly model: string;
    readonly status: string;
    readonly code: string;
    readonly reason: string;
  }[];
  readonly results: readonly CheckResultRow[];
}

/** Tells receivers of OpenLineage what one run does. It never fails and never keeps the run waiting. */
export interface RunTelling {
  runStarts(): void;
  /** A table is at work: the first time it tells, after that it does nothing. */
  tableStarts(node: GraphNode, states: ReadonlyMap<string, TableState>): void;
  /** What was made is published, or nothing had to be; what could not be made is told as failed. */
  runEnds(outcome: ToldOutcome): void;
  /** The run ended with an error: nothing of it is published. */
  runFails(reason: Reason): void;
}

const SILENT: RunTelling = { runStarts() {}, tableStarts() {}, runEnds() {}, runFails() {} };

const datasetOf = (world: World, states: ReadonlyMap<string, TableState>, name: string): EventDataset => {
  const state = states.get(name);
  if (state)
    return {
      name: state.transform.id,
      columns: state.transform.columns.map((c) => ({
        name: c.name,
        type: typeText(c.type),
        description: c.description,
      })),
      version: state.dataVersion === '' ? undefined : state.dataVersion,
    };
  const source = world.sources.get(name);
  const fields = source?.snapshot.schema.fields ?? [];
  return {
    name,
    columns: fields.map((field) => ({
      name: field.name,
      type: typeof field.type === 'string' ? field.type : 'struct',
    })),
    version: source?.version,
  };
};

const stepOf = (
  world: World,
  run: { readonly runId: string; readonly job: string },
  node: GraphNode,
  states: ReadonlyMap<string, TableState>,
): EventStep => {
  const { id, body, engine } = node.transform;
  const stored = world.stored.get(id);
  const lineage = stored
    ? edgesOf({
        columns: new Map(Object.entries(stored.lineage.columns)),
        rows: stored.lineage.rows,
        opaque: new Set(stored.lineage.opaque),
      })
    : [];
  const inputs = new Set([...inputsOf(node).map(({ name }) => name), ...lineage.map((edge) => edge.inputTable)]);
  inputs.delete(id);
  return {
    ...{ runId: `${run.runId} ${id}`, parent: run, table: id, sql: body.trim(), dialect: engine.dialect, lineage },
    inputs: [...inputs].sort().map((name) => datasetOf(world, states, name)),
    output: datasetOf(world, states, id),
  };
};

const nameOf = ({ metric_id }: CheckResultRow): string => metric_id.slice(metric_id.lastIndexOf('/') + 1);

/** Results of a table's checks, those of its partitions put together: a check holds where it holds for each. */
const checksOf = (results: readonly CheckResultRow[]): EventCheck[] => {
  const found = new Map<string, EventCheck>();
  for (const result of results) {
    const check = nameOf(result);
    const before = found.get(check);
    const success = result.status === 'PASS';
    if (before && (!before.success || success)) continue;
    found.set(check, {
      ...{ check, success, severity: result.severity, description: result.check_details },
      column: result.column_name ?? undefined,
    });
  }
  return [...found.values()].sort((a, b) => (a.check < b.check ? -1 : 1));
};

/** Begins to tell of one run. Without a target it says nothing. `now` gives microseconds since 1970 UTC. */
export const tellRun = (
  target: LineageTarget | undefined,
  world: World,
  order: { readonly runId: string; readonly kind: string },
  now: () => bigint,
  broken: (thrown: unknown) => void,
): RunTelling => {
  if (!target) return SILENT;
  const { name } = world.environment;
  const space = name === 'prod' ? target.namespace : `${target.namespace}/${name}`;
  const context: LineageContext = { producer: target.producer, jobs: space, datasets: space };
  const run = { runId: order.runId, job: `assay.${order.kind}` };
  const begun = new Map<string, { readonly node: GraphNode; readonly at: bigint }>();
  const nodes = new Map(world.nodes.map((node) => [node.transform.id, node]));
  // Telling must never be a reason for a run to fail.
  const safely = (work: () => readonly RunEvent[]): void => {
    try {
      target.sink.send(work());
    } catch (thrown) {
      broken(thrown);
    }
  };
  const failed = (node: GraphNode, states: ReadonlyMap<string, TableState>, why: Reason): RunEvent =>
    failEvent(context, stepOf(world, run, node, states), now(), why);

  const ended = (id: string, begin: bigint, outcome: ToldOutcome, moved: ReadonlySet<string>): RunEvent[] => {
    const node = nodes.get(id);
    const state = outcome.states.get(id);
    if (!node || !state) return [];
    const step = stepOf(world, run, node, outcome.states);
    const [why] = outcome.unmade.filter((one) => one.model === id && one.status !== 'blocked');
    const refused = why && { code: why.code, message: why.reason };
    const files = state.adds.length;
    const checks = checksOf(outcome.results.filter(({ table_name }) => table_name === id));
    return [
      ...(begun.has(id) ? [] : [startEvent(context, step, begin)]),
      // A table of which some partitions are published has a new version, whatever became of the others.
      refused && !moved.has(id)
        ? failEvent(context, step, now(), refused)
        : completeEvent(context, step, now(), { ...totalsOf(state), files }),
      ...(checks.length === 0 ? [] : auditEvents(context, step, { startedAt: begin, endedAt: now(), checks, refused })),
    ];
  };

  const began = now();
  // What is published is published, even where tidying up after it goes wrong.
  let over = false;
  return {
    runStarts: () => safely(() => [runEvent(context, run, 'START', began)]),
    tableStarts: (node, states) => {
      const { id } = node.transform;
      if (begun.has(id)) return;
      begun.set(id, { node, at: now() });
      safely(() => [startEvent(context, stepOf(world, run, node, states), begun.get(id)?.at ?? began)]);
    },
    runEnds: (outcome) =>
      safely(() => {
        over = true;
        const moved = new Set(outcome.moved.keys());
        const ids = new Set([...begun.keys(), ...moved, ...outcome.results.map((result) => result.table_name)]);
        const [first] = outcome.unmade;
        return [
          ...world.nodes
            .map(({ transform }) => transform.id)
            .filter((id) => ids.has(id))
            .flatMap((id) => ended(id, begun.get(id)?.at ?? began, outcome, moved)),
          first
            ? runEvent(context, run, 'FAIL', now(), { code: first.code, message: `${first.model}: ${first.reason}` })
            : runEvent(context, run, 'COMPLETE', now()),
        ];
      }),
    runFails: (reason) =>
      safely(() =>
        over
          ? []
          : [
              ...[...begun.values()].map(({ node }) => failed(node, world.published, reason)),
              runEvent(context, run, 'FAIL', now(), reason),
            ],
      ),
  };
};
