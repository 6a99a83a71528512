import { createHash } from 'node:crypto';
import { error } from '../../../errors/index.js';
import type { ParquetEngine } from '../../../store/delta/index.js';
import type { Warehouse } from '../../../store/engine/index.js';
import { intervalsOf, versionsById } from '../../../store/state/index.js';
import type { GraphNode } from '../files/graph.js';
import { compare, type ModelChange, newVersionOf } from '../meaning/compare.js';
import { readStored, type StoredDefinition } from '../meaning/stored.js';
import { impliedChecks } from '../step/check-sql.js';
import { truncateKey } from '../step/partition-keys.js';
import type { Spark } from '../step/spark-sessions.js';
import { foreignDependents } from '../target/dependents.js';
import { publicViews } from '../target/views.js';
import { askEarlier, carriesOf, earlierOf, pastsOf, stayingIn } from './carry.js';
import { dryRunsOf, risksOf, viewsOf } from './consequences.js';
import { type Decision, decide, readsPublished, type Span, type Staying, type ToMake } from './decide.js';
import type { Readings } from './digests.js';
import { chooseEngine } from './engine-for.js';
import { inputsOf } from './inputs.js';
import { joined } from './joined.js';
import { drivingInput } from './lookups.js';
import type { Plan, PlanStays, PlanStep } from './plan.js';
import { readingsOf } from './readings.js';
import { isOf, notByItself, type Selection, selectionOf } from './selection.js';
import { spanText } from './span-text.js';
import { staleTables } from './stale.js';
import { isPartitioned, type PartitionState, type TableState } from './state.js';
import { viewStateOf } from './view-state.js';
import { madeOf, type World } from './world.js';

export interface PlanOptions {
  readonly engine: ParquetEngine;
  readonly warehouse: Warehouse;
  /** The time of the plan, against which the newest rows are held: microseconds since 1970 UTC. */
  readonly at: bigint;
  /** Ids to be made again, and which partitions of them; a breaking change of one of these needs no new version. */
  readonly restate: ReadonlyMap<string, Span | undefined>;
  /** Ids whose change holds for partitions made from now on. */
  readonly forwardOnly: ReadonlySet<string>;
  /** Patterns of the tables that the plan is of; undefined: it is of all. */
  readonly select?: readonly string[] | undefined;
  /** Undefined: nothing is asked of Spark. */
  readonly spark?: Spark | undefined;
}

/** Contents that a run has yet to make. */
const UNKNOWN = '?';
const isUnknown = (state: TableState): boolean => state.dataVersion.startsWith(UNKNOWN);

/** A plan, and what was decided for it. */
export interface Planned {
  readonly plan: Plan;
  /** By id, for tables whose inputs stay as they are: a run over the same world would decide just this. */
  readonly decided: ReadonlyMap<string, Decision>;
  /** The world with what the plan found out of it: a run of the plan goes on with this. */
  readonly world: World;
  readonly selection: Selection | undefined;
}

/** Decides what a run would do, with tables that are to be made taken as changed. Nothing is made. */
export const makePlan = async (read: World, options: PlanOptions): Promise<Planned> => {
  const there = await deployed(read, options);
  const selection = options.select && selectionOf(read, options.select);
  refuseOutside(options, selection);
  const changes = changesOf(read, options, there).filter(({ id }) => isOf(selection, id));
  const earlier = await earlierRows(read, options, changes);
  const carries = carriesOf(read, changes, (id) => earlier.has(id));
  const world = { ...read, pasts: await pastsOf({ ...options, lake: read.lake }, read, carries) };
  const { steps, made, decided, clashes } = await stepsOf(world, options, selection);
  const views = viewsOf(world, changes, there);
  const shown = (id: string): readonly string[] => {
    const stored = there.get(id);
    const [layer = '', table = ''] = stored?.name.split('.') ?? [];
    return stored ? publicViews({ ...stored, layer, table }, world.environment.name) : [];
  };
  const dependents = await foreignDependents(
    options.warehouse,
    [...views.recreate, ...views.drop].flatMap(shown),
    [...there.keys()].flatMap(shown),
  );
  const dryRuns = await dryRunsOf(world, options, changes);
  const blocked = [
    ...changes.flatMap(({ id, blocked: why }) => (why === undefined ? [] : [`${id}: ${why}`])),
    ...dependents.map(
      ({ view, dependent, kind }) =>
        `the view ${view} must be made anew, and the ${kind} ${dependent}, which is not of these transforms, stands on it: drop ${dependent} first and make it again afterwards`,
    ),
    ...clashes,
    ...lostPast(world, options, changes, earlier),
    ...notByItself(world, selection),
    ...world.nodes.flatMap((node) => (isOf(selection, node.transform.id) ? notHanded(world, node) : [])),
    ...dryRuns.flatMap(({ problems }) => problems),
    ...steps.flatMap(({ id, engine, route }) => (engine === undefined ? [`${id}: ${route}`] : [])),
  ];
  const { environment } = world;
  const stale = await staleTables(world, options.engine, options.at);
  const body: Omit<Plan, 'id'> = {
    ...{ environment: environment.name, baseRevision: environment.revision, filesHash: world.filesHash },
    restate: [...options.restate].map(([id, span]) => ({ id, span })),
    ...(world.rules && world.rules.pins.size > 0 ? { engines: [...world.rules.pins] } : {}),
    ...{
      changes,
      steps,
      views,
      blocked,
      dryRuns,
      risks: [...risksOf(world, changes, selection !== undefined), ...stale],
      stale,
    },
    ...(options.select && selection ? { select: { patterns: options.select, ids: [...selection].sort() } } : {}),
    ...(carries.length > 0 ? { carries } : {}),
    reuse: world.nodes.flatMap(({ transform: { id } }) => (made.has(id) || !isOf(selection, id) ? [] : [id])),
    shared: [...world.frozen].sort(),
    emptySources: world.empty,
    readBytes: steps.reduce((sum, step) => sum + step.readBytes, 0),
    heldFrom: environment.heldFrom,
    rollbackTo: environment.revision > 0 ? environment.revision : undefined,
  };
  const id = createHash('sha256').update(JSON.stringify(body)).digest('hex').slice(0, 8);
  return { plan: { id, ...body }, decided, world, selection };
};

/** What is to be made again must be among what a plan is of. Errors: `usage`. */
const refuseOutside = ({ restate }: PlanOptions, selection: Selection | undefined): void => {
  for (const id of restate.keys())
    if (!isOf(selection, id)) throw error('usage', { text: `--restate ${id} is not among the tables of --select` });
};

/** By id of a changed table: partitions of the version that readers have which hold rows of a meaning before that. */
const earlierRows = async (
  world: World,
  { warehouse }: PlanOptions,
  changes: readonly ModelChange[],
): Promise<ReadonlyMap<string, readonly string[]>> => {
  const changed = new Set(changes.flatMap(({ id, category }) => (category === 'metadata' ? [] : [id])));
  const pointers = world.comparedWith.pointers.filter(({ name }) => changed.has(name));
  const intervals = await intervalsOf(
    warehouse,
    pointers.map(({ versionId }) => versionId),
    { light: true },
  );
  return new Map(
    pointers.flatMap(({ name, versionId }) => {
      const partitions = earlierOf(intervals.filter((one) => one.versionId === versionId));
      return partitions.length > 0 ? [[name, partitions] as const] : [];
    }),
  );
};

/** Rows of an earlier meaning that a plan would take away without having been asked to. */
const lostPast = (
  world: World,
  { restate }: PlanOptions,
  changes: readonly ModelChange[],
  earlier: ReadonlyMap<string, readonly string[]>,
): string[] => [
  ...changes.flatMap((change) => {
    const { id, category, before, after } = change;
    const stored = world.stored.get(id);
    const partitions = earlier.get(id);
    if (category !== 'additive' || before?.version !== after?.version || restate.has(id)) return [];
    return partitions && stored
      ? [
          `${id}: ${spanText(partitions)} hold${partitions.length === 1 ? 's' : ''} rows of an earlier meaning (forward_only), which this change would make by the present SELECT: add forward_only: true, ${newVersionOf(stored)}`,
        ]
      : [];
  }),
  ...world.nodes.flatMap(({ transform: { id, file } }) => {
    const gone = world.published.get(id)?.snapshot === undefined && !restate.has(id);
    const partitions = gone ? earlierOf(world.intervals.get(id)?.values() ?? []) : [];
    return partitions.length > 0
      ? [
          `${id}: its files are gone, and with them ${spanText(partitions)}, which an earlier meaning made and ${file} would make otherwise; bring the lake's folder back, or plan with --restate ${id}`,
        ]
      : [];
  }),
];

/** What the environment has, by name; a new one is compared with production, whose readers it is made for. */
const deployed = async (world: World, options: PlanOptions): Promise<ReadonlyMap<string, StoredDefinition>> => {
  const { pointers } = world.comparedWith;
  const versions = await versionsById(
    options.warehouse,
    pointers.map(({ versionId }) => versionId),
  );
  const there = new Map<string, StoredDefinition>();
  for (const { name, versionId } of pointers) {
    const version = versions.get(versionId);
    // A version that is kept beside a newer one was the newest when its definition was written down.
    if (version) there.set(name, { ...readStored(version.definition), id: name });
  }
  return there;
};

/** How the files differ from it. */
const changesOf = (
  world: World,
  options: PlanOptions,
  there: ReadonlyMap<string, StoredDefinition>,
): readonly ModelChange[] => {
  const rules = { restate: new Set(options.restate.keys()), forwardOnly: options.forwardOnly };
  return [...new Set([...world.stored.keys(), ...there.keys()])].flatMap(
    (id) => compare(there.get(id), world.stored.get(id), rules) ?? [],
  );
};

/** A view whose partitions a table wants, and which hands on none by that column. */
const notHanded = (world: World, node: GraphNode): string[] =>
  inputsOf(node).flatMap((input) => {
    const state = world.published.get(input.name);
    if (input.role !== 'partition' || state?.transform.kind !== 'view' || state.handed === input.column) return [];
    const hands = state.handed === undefined ? 'hands on no partitions' : `hands on its partitions by ${state.handed}`;
    return [
      `${node.transform.id}: partition.inputs names ${input.name}.${input.column}, and that view ${hands} (a view does where it puts no rows together and the column is its table's partition column); make it a table, or read it without partition.inputs`,
    ];
  });

const stepsOf = async (world: World, options: PlanOptions, selection: Selection | undefined) => {
  const states = new Map(world.published);
  const clashes: string[] = [];
  const steps: PlanStep[] = [];
  const made = new Set<string>();
  const decided = new Map<string, Decision>();
  if (world.empty.length > 0) return { steps, made, decided, clashes };
  for (const node of world.nodes) {
    const { id, kind } = node.transform;
    const view = kind === 'view' ? states.get(id) : undefined;
    if (view) states.set(id, viewStateOf(view, node, states, world.meanings.get(id)));
    const state = states.get(id);
    if (!state || world.frozen.has(id) || kind === 'history' || !isOf(selection, id)) continue;
    const staying = await stayingIn(world, states, options.engine, id, expecting);
    clashes.push(...clashOf(world, id, staying));
    const decision = await decide(node, readingsOf(world, states, options.engine, expecting), madeOf(world, id), {
      restate: options.restate.get(id),
      ...{ restated: options.restate.has(id), staying },
      earlier: await askEarlier(world, states, options.engine, id, expecting),
    });
    const { make } = decision;
    if (readsPublished(world, states, node)) decided.set(id, decision);
    if (make.length === 0) continue;
    made.add(id);
    const step = stepOf(world, states, node, make);
    steps.push(step);
    states.set(id, view ? { ...state, dataVersion: `${UNKNOWN}${id}` } : expected(state, make, step.readBytes));
  }
  return { steps, made, decided, clashes };
};

/** A meaning that was made whole elsewhere holds a past of its own: what stays cannot be put in its place under those who read it. */
const clashOf = (world: World, id: string, staying: ReadonlyMap<string, Staying>): string[] => {
  const [past, intervals] = [world.pasts.get(id), world.intervals.get(id)];
  if (!past?.own || !intervals || earlierOf(intervals.values()).length > 0) return [];
  const otherwise = [...staying].flatMap(([key, { because }]) =>
    because.length === 0 && intervals.get(key)?.publishedRevision !== undefined ? [key] : [],
  );
  return otherwise.length === 0
    ? []
    : [
        `${id}: ${spanText(otherwise)} ${otherwise.length === 1 ? 'was' : 'were'} made by the new SELECT already, in another environment or before a rollback, so what readers have cannot stay there; plan with --restate ${id} to make all of it by the new SELECT`,
      ];
};

/** A table after a run that has yet to happen: its new contents are nobody's guess. */
const expected = (state: TableState, make: readonly ToMake[], readBytes: number): TableState => {
  const partitions = new Map<string, PartitionState>(state.partitions);
  // Of what was never made it is only known what it reads.
  const share = Math.ceil(readBytes / make.length);
  for (const { partition, wanted, stays } of make)
    partitions.set(
      partition,
      stays
        ? { ...stays.was, madeFrom: wanted }
        : {
            ...{ contentHash: UNKNOWN, bytes: partitions.get(partition)?.bytes ?? share, madeFrom: wanted },
            rows: Object.keys(wanted).length > 0 ? 1 : 0,
          },
    );
  return { ...state, partitions, dataVersion: `${UNKNOWN}${state.transform.id}`, postgres: undefined };
};

/** Look-ups in tables that are yet to be made give nobody knows what: every partition may be touched. */
const expecting = (readings: Readings): Readings => ({
  ...readings,
  lookups: async (node, input, made) => {
    const { partition } = node.transform;
    const driving = drivingInput(node, input);
    if (!driving || !partition) return new Map();
    const [dimension, drives] = [readings.table(input.name), readings.table(driving.name)];
    if (!isUnknown(dimension) && !isUnknown(drives)) return readings.lookups(node, input, made);
    const known = isUnknown(dimension) ? new Map<string, string>() : await readings.lookups(node, input, made);
    return new Map(
      [...drives.partitions].map(([key]) => {
        const own = truncateKey(key, partition.unit);
        return [own, known.get(own) ?? UNKNOWN];
      }),
    );
  },
});

/** Nothing of a view is made: its checks are asked of what it will give. */
const LOOKED_AT = { engine: 'duckdb', batches: 1, why: 'a view: only its checks are asked' } as const;

/** Nothing is computed: rows are taken over. */
const TAKEN_OVER = { engine: 'duckdb', batches: 1, why: 'rows are taken over, no SELECT runs' } as const;

/** Of a table's partitions those that stay, as a plan prints them. */
const staysOf = (
  { pasts, stored }: World,
  { id }: GraphNode['transform'],
  make: readonly ToMake[],
): PlanStays | undefined => {
  const past = pasts.get(id);
  const [first, ...rest] = make.filter(({ stays }) => stays);
  if (!past || !first) return undefined;
  const had = new Set(past.state.transform.columns.map(({ name }) => name));
  return {
    ...{ partitions: rest.length + 1, first: first.partition, last: (rest.at(-1) ?? first).partition, own: past.own },
    meanings: [
      ...new Set([first, ...rest].map(({ stays }) => (stays?.meaning ?? past.state.fingerprint).split(' ')[0] ?? '')),
    ].sort(),
    nulls: (stored.get(id)?.contract ?? []).flatMap(({ name }) => (had.has(name) ? [] : [name])),
  };
};

const stepOf = (
  world: World,
  states: ReadonlyMap<string, TableState>,
  node: GraphNode,
  all: readonly ToMake[],
): PlanStep => {
  const { transform } = node;
  const make = all.filter(({ stays }) => !stays);
  const stays = staysOf(world, transform, all);
  const chosen = chooseEngine(world, states, node, make);
  const route =
    transform.kind === 'view'
      ? { ...chosen, ...LOOKED_AT }
      : make.length === 0
        ? { ...chosen, ...TAKEN_OVER, readBytes: 0 }
        : chosen;
  const takenOver = all.reduce((sum, one) => sum + (one.stays?.was.bytes ?? 0), 0);
  const unknown = new Set(
    inputsOf(node).flatMap((i) => {
      const state = states.get(i.name);
      return i.role !== 'partition' && state && isUnknown(state) ? [i.name] : [];
    }),
  );
  const perhaps = make.filter(({ because }) => because.every((name) => unknown.has(name))).length;
  const intervals = world.intervals.get(transform.id);
  const past = make.flatMap(({ partition }) => {
    const interval = intervals?.get(partition);
    return interval?.milliseconds === undefined ? [] : [interval];
  });
  const checks = [...impliedChecks(transform), ...transform.checks];
  return {
    ...(transform.kind === 'view' ? { view: true } : {}),
    ...(stays ? { stays } : {}),
    ...(world.pasts.has(transform.id) ? { elseStays: true } : {}),
    ...{ id: transform.id, partitions: make.length, perhaps, engine: route.engine, route: route.why },
    ...{ first: make[0]?.partition ?? '', last: make.at(-1)?.partition ?? '', readBytes: route.readBytes + takenOver },
    estimateBytes: make.length === 0 ? 0 : chosen.question.estimateBytes,
    because: [...new Set(make.flatMap(({ because }) => because))],
    statements:
      isPartitioned(transform) && transform.partition
        ? joined(make, transform.partition.unit, chosen.most, () => false).length
        : Math.min(make.length, 1),
    past:
      past.length === 0
        ? undefined
        : {
            milliseconds: Math.max(...past.map(({ milliseconds }) => milliseconds ?? 0)),
            bytes: past.reduce((sum, { bytes }) => sum + bytes, 0),
          },
    checks: { all: checks.length, critical: checks.filter(({ severity }) => severity === 'critical').length },
  };
};
