import { AssayError } from '../../../errors/index.js';
import { damageOf, relationOf } from '../../../store/delta/index.js';
import type { GraphNode } from '../files/graph.js';
import { inputsOf } from '../plan/inputs.js';
import { keyOfAdd, readableOf, type TableState } from '../plan/state.js';
import type { World } from '../plan/world.js';
import { type nextKey, previousKey, truncateKey } from '../step/partition-keys.js';
import { emptyRelation } from '../step/relations.js';
import { sparkFiles } from '../step/spark-input.js';
import type { Readable } from '../step/step.js';

/**
 * What a batch of partitions reads: of inputs that share the partitions only the files that hold them, of sources only the files
 * that hold rows of them, of everything else all. Tables that only checks read are among them, whole.
 */
export const batchInputs = (
  node: GraphNode,
  partitions: readonly string[] | undefined,
  world: World,
  states: ReadonlyMap<string, TableState>,
): ReadonlyMap<string, Readable> => {
  const { transform, needs } = node;
  const readable = new Map<string, Readable>();
  for (const id of needs) {
    const state = states.get(id);
    if (state) readable.set(id, readableOf(state) ?? emptyRelation(state.transform.columns));
  }
  const partition = transform.partition;
  const span = partition && partitions ? spanOf(partitions, partition.lookback, partition.unit) : undefined;
  const inSpan = (key: string | undefined): boolean => {
    if (!partition || !span || key === undefined) return key !== undefined;
    const own = truncateKey(key, partition.unit);
    return own >= span.first && own <= span.last;
  };
  for (const input of inputsOf(node)) {
    if (input.role === 'source') {
      const source = world.sources.get(input.name);
      if (!source) continue;
      const { snapshot } = source;
      const wanted =
        input.expression === undefined || !span
          ? snapshot.adds
          : holding(source.filesOf(node, input.expression), snapshot.adds, inSpan);
      readable.set(input.name, {
        ...{ duckdb: relationOf(snapshot, wanted), postgres: undefined },
        spark: sparkFiles(snapshot, wanted),
        held: { snapshot, adds: wanted },
      });
    } else if (input.role === 'partition' && span) {
      const state = states.get(input.name);
      if (!state || state.transform.partition?.column !== input.column) continue;
      const part = readableOf(
        state,
        state.adds.filter((add) => inSpan(keyOfAdd(state.transform, add))),
      );
      // In PostgreSQL the server prunes by itself.
      if (part) readable.set(input.name, { ...part, postgres: state.postgres });
    }
  }
  return readable;
};

const spanOf = (
  partitions: readonly string[],
  lookback: number,
  unit: Parameters<typeof nextKey>[1],
): { readonly first: string; readonly last: string } => {
  let first: string = partitions[0] ?? '';
  for (let back = 0; back < lookback; back++) first = previousKey(first, unit) ?? first;
  return { first, last: partitions.at(-1) ?? '' };
};

const holding = <T extends { readonly path: string }>(
  files: ReadonlyMap<string, readonly string[]>,
  adds: readonly T[],
  inSpan: (key: string) => boolean,
): T[] => {
  const wanted = new Set([...files].flatMap(([key, paths]) => (inSpan(key) ? paths : [])));
  return adds.filter((add) => wanted.has(add.path));
};

/** What is the matter with a step that could not be made, and whether a smaller one may do. */
export type Trouble =
  | { readonly kind: 'stop' }
  | { readonly kind: 'quarantined' | 'failed'; readonly code: string; readonly message: string };

/** Errors that are nobody's data: the run ends with them, and the next one goes on from there. */
const ENDING = new Set([
  'cancelled',
  'transform-invalid',
  'postgres-unavailable',
  'spark-unavailable',
  'spark-session-lost',
  'spark-refused',
  'disk-full',
  'lease-lost',
  'lake-unusable',
  'lake-cache-full',
  'bucket-missing',
  'bucket-forbidden',
  'bucket-region',
  'bucket-clock',
  'bucket-unreachable',
  'bucket-refused',
  'delta-unsupported',
  'internal',
]);

/** SQLSTATE 53200, whichever engine says it. */
export const isOutOfMemory = (thrown: unknown): boolean =>
  thrown instanceof AssayError && thrown.code === 'engine-failed' && thrown.parameters['sqlstate'] === '53200';

/** The engine's failure behind an error: a check that cannot be run is told as the check's at first. */
const engineFailure = (thrown: unknown): AssayError | undefined => {
  if (!(thrown instanceof AssayError)) return undefined;
  return thrown.code === 'engine-failed' ? thrown : engineFailure(thrown.cause);
};

/**
 * The error that names the damaged file where a step failed because one of its inputs cannot be read; `thrown` itself otherwise. Reads
 * the inputs' files one by one: for a step that has failed for good.
 */
export const damagedInput = async (
  inputs: Iterable<Readable | undefined>,
  thrown: unknown,
  signal: AbortSignal | undefined,
): Promise<unknown> => {
  const failure = engineFailure(thrown);
  if (!failure) return thrown;
  for (const readable of inputs) {
    if (!readable?.held) continue;
    const { snapshot, adds } = readable.held;
    const found = await damageOf(snapshot, adds, failure, signal ? { signal } : {});
    if (found !== failure) return found;
  }
  return thrown;
};

export const troubleOf = (thrown: unknown): Trouble => {
  if (!(thrown instanceof AssayError) || ENDING.has(thrown.code)) return { kind: 'stop' };
  const { code, message } = thrown;
  return { kind: code === 'contract-broken' || code === 'delta-constraint' ? 'quarantined' : 'failed', code, message };
};
