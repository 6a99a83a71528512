import { relationOf } from '../../../store/delta/index.js';
import type { ModelChange } from '../meaning/compare.js';
import type { StoredDefinition } from '../meaning/stored.js';
import { dryRun } from '../step/dry-run.js';
import { emptyRelation } from '../step/relations.js';
import { sparkFiles } from '../step/spark-input.js';
import type { Readable, StepParts } from '../step/step.js';
import { pinOf } from './engine-pins.js';
import type { Plan, PlanViews } from './plan.js';
import { readableOf, type TableState } from './state.js';
import { viewStateOf } from './view-state.js';
import type { World } from './world.js';

/** Views in PostgreSQL that must point elsewhere, and whether they can keep what stands on them. */
export const viewsOf = (
  world: World,
  changes: readonly ModelChange[],
  there: ReadonlyMap<string, StoredDefinition>,
): PlanViews => {
  const views: Record<keyof PlanViews, string[]> = { make: [], replace: [], recreate: [], drop: [] };
  for (const { id, category, before, after } of changes) {
    if (category === 'removed') views.drop.push(id);
    else if (!world.nodes.find(({ transform }) => transform.id === id)?.transform.targets.has('postgres')) continue;
    else if (before === undefined) views.make.push(id);
    else if (before.fingerprint !== after?.fingerprint)
      (begins(world.stored.get(id), there.get(id)) ? views.replace : views.recreate).push(id);
  }
  return views;
};

/** Whether a view's columns begin with the old ones, in their order and of their types: then it can be replaced and stay the same object. */
const begins = (next: StoredDefinition | undefined, old: StoredDefinition | undefined): boolean =>
  old?.contract.every(({ name, type }, i) => {
    const column = next?.contract[i];
    return column?.name === name && column.type === type;
  }) ?? true;

/** All tables with their names and types and none of their rows: a lake in a bucket need not send a file for what nothing is run over. */
const withoutFiles = ({ nodes, published, meanings }: World): ReadonlyMap<string, TableState> => {
  const bare = new Map<string, TableState>();
  for (const node of nodes) {
    const { id, kind } = node.transform;
    const state = published.get(id);
    if (!state) continue;
    const empty = { ...state, adds: [] };
    bare.set(id, kind === 'view' ? viewStateOf(empty, node, bare, meanings.get(id)) : empty);
  }
  return bare;
};

/** Asks every allowed engine whether it can prepare what is new or changed. Nothing runs. */
export const dryRunsOf = async (
  world: World,
  options: Pick<StepParts, 'engine' | 'warehouse' | 'spark'>,
  changes: readonly ModelChange[],
): Promise<Plan['dryRuns']> => {
  const found = new Map<string, { ok: boolean; problems: string[] }>();
  const states = withoutFiles(world);
  for (const node of world.nodes) {
    const { transform, needs } = node;
    if (!changes.some(({ id, category }) => id === transform.id && category !== 'metadata')) continue;
    const inputs = new Map<string, Readable>(
      [...needs].flatMap((id) => {
        const state = states.get(id);
        return state ? [[id, readableOf(state) ?? emptyRelation(state.transform.columns)] as const] : [];
      }),
    );
    for (const [name, { snapshot }] of world.sources)
      inputs.set(name, {
        ...{ duckdb: relationOf(snapshot, []), postgres: undefined },
        spark: sparkFiles(snapshot, []),
      });
    const order = { transform, inputs, seeds: world.seeds, signal: undefined };
    for (const { engine, ok, problem } of await dryRun(options, order)) {
      const of = found.get(engine) ?? { ok: true, problems: [] };
      of.ok = of.ok && ok;
      if (!ok) of.problems.push(`${transform.id} on ${engine}: ${problem ?? 'it cannot be prepared'}`);
      found.set(engine, of);
    }
  }
  return [...found].map(([engine, of]) => ({ engine, ...of }));
};

/** Engines that were asked for by hand for what is made in DuckDB only. */
const unheeded = ({ nodes, rules }: World): readonly string[] =>
  nodes.flatMap(({ transform: { id, kind } }) => {
    const pin = kind === 'history' && rules ? pinOf(rules.pins, id) : undefined;
    return pin && pin.engine !== 'duckdb'
      ? [`${id} stays on duckdb, ${pin.engine} was asked for by hand: {{checks}} is made in DuckDB only`]
      : [];
  });

/** What the one who applies should know before. */
export const risksOf = (world: World, changes: readonly ModelChange[], partial: boolean): readonly string[] => [
  ...world.empty.map((name) => `${name} holds nothing yet, so nothing can be made; ingest a file first`),
  ...unheeded(world),
  ...[...world.lostCopies].map((id) => `the copy of ${id} in PostgreSQL is missing and is made again from the lake`),
  ...(world.environment.heldFrom === undefined
    ? []
    : [
        `${world.environment.name} was rolled back from revision ${world.environment.heldFrom}; applying ${partial ? 'a part leaves scheduled runs waiting' : 'goes forward again'}`,
      ]),
  ...changes.flatMap(({ id, category, columns, rows, direct }) =>
    // A view may only stand on another table, and give what it gave.
    category === 'breaking' || (category === 'indirect' && (direct || rows || columns.length > 0))
      ? [`readers of ${id} get other values${columns.length > 0 ? ` in ${columns.join(', ')}` : ''}`]
      : category === 'removed'
        ? [`readers of ${id} find it no more`]
        : [],
  ),
];
