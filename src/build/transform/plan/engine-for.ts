import type { DialectName, Transform } from '../files/definition.js';
import type { GraphNode } from '../files/graph.js';
import { referencesIn } from '../step/relations.js';
import { ROUTE_LIMITS, type Route, type RouteQuestion, route } from '../step/route.js';
import { bodyFor } from '../step/shape.js';
import { whyNotSpark } from '../step/spark-input.js';
import { onlyInDuckDb } from '../step/spark-select.js';
import type { ToMake } from './decide.js';
import { type EngineRules, pinOf } from './engine-pins.js';
import { inputsOf } from './inputs.js';
import { readBytesOf } from './read-bytes.js';
import { isPartitioned, type TableState } from './state.js';
import type { World } from './world.js';

/** The choice for some partitions of a table, with what it was made from. */
export interface ChosenRoute extends Route {
  readonly question: RouteQuestion;
  /** Compressed bytes that are read in all. */
  readonly readBytes: number;
  /** Most partitions of one statement. */
  readonly most: number;
}

/** Without settings and without Spark; DuckDB's memory is then little. */
const USUAL: EngineRules = { limits: { ...ROUTE_LIMITS, memoryBytes: 2 ** 30 }, pins: new Map() };

/** Joins, sorts, groups and windows take about this many times what they read. */
const WORKING_FACTOR = 4;
const WORKING = /\b(join|over|distinct|union|intersect|except|qualify|window|(group|order|partition)\s+by)\b/i;

const workingFactor = ({ kind, body }: Transform): number =>
  kind === 'scd2' || kind === 'incremental_by_key' || WORKING.test(body.replaceAll(/--.*$/gm, '')) ? WORKING_FACTOR : 1;

/** Why Spark cannot make a table, from its text and from what it reads; undefined when it can. */
const sparkOut = (world: World, states: ReadonlyMap<string, TableState>, node: GraphNode): string | undefined => {
  const { transform } = node;
  const body = bodyFor(transform, 'spark');
  const only = onlyInDuckDb(referencesIn(transform, body.text, body.line));
  if (only !== undefined) return only;
  for (const { name } of inputsOf(node)) {
    const state = states.get(name);
    // A view's rows are made for Spark by DuckDB.
    if (state?.view !== undefined) continue;
    const snapshot = state?.snapshot ?? world.sources.get(name)?.snapshot;
    const why = snapshot && whyNotSpark(snapshot, state?.adds ?? snapshot.adds);
    if (why !== undefined) return `Spark cannot read ${name}: ${why}`;
  }
  return undefined;
};

const isEngine = (name: string | undefined): name is DialectName =>
  name === 'duckdb' || name === 'postgres' || name === 'spark';

/** The engine that published the newest rows. */
const lastEngine = (world: World, id: string): DialectName | undefined => {
  let newest = -1n;
  let last: string | undefined;
  for (const { engine, publishedAt = 0n } of world.intervals.get(id)?.values() ?? [])
    if (engine !== undefined && publishedAt > newest) [newest, last] = [publishedAt, engine];
  return isEngine(last) ? last : undefined;
};

/**
 * The engine for some partitions of a table and the number of statements: from the sizes of what these read, as it is now or as a plan
 * expects it.
 */
export const chooseEngine = (
  world: World,
  states: ReadonlyMap<string, TableState>,
  node: GraphNode,
  makes: readonly ToMake[],
): ChosenRoute => {
  const { transform } = node;
  const { limits, pins } = world.rules ?? USUAL;
  const { id, partition, engine } = transform;
  const keys = isPartitioned(transform) ? makes.map((make) => make.partition) : [];
  const atOnce = Math.min(partition?.maxBatch ?? keys.length, keys.length);
  const read = readBytesOf(world, states, node);
  const factor = workingFactor(transform);
  const intervals = world.intervals.get(id);
  // The largest of the statements that are made when nothing is cut further.
  let estimateBytes = read.whole * factor;
  for (let at = 0; at < keys.length; at += atOnce) {
    const chunk = keys.slice(at, at + atOnce);
    const past = chunk.reduce((sum, key) => sum + (intervals?.get(key)?.bytes ?? 0), 0);
    estimateBytes = Math.max(estimateBytes, past, (read.whole + read.of(chunk)) * factor);
  }
  if (keys.length === 0)
    for (const { bytes } of intervals?.values() ?? []) estimateBytes = Math.max(estimateBytes, bytes);
  const question: RouteQuestion = {
    ...{ allow: engine.allow, prefer: engine.prefer, pin: pinOf(pins, id), limits, estimateBytes },
    wholeBytes: read.whole * factor,
    inputsInPostgres: inputsOf(node).every(({ name }) => states.get(name)?.postgres !== undefined),
    outputInPostgres: transform.targets.has('postgres'),
    sparkOut: engine.allow.includes('spark') ? sparkOut(world, states, node) : undefined,
    last: lastEngine(world, id),
    partitions: Math.max(1, atOnce),
  };
  const chosen = route(question);
  return {
    ...chosen,
    question,
    readBytes: read.whole + read.of(keys),
    most: Math.max(1, Math.ceil(Math.max(1, atOnce) / Math.max(1, chosen.batches))),
  };
};
