import type { GraphNode } from '../files/graph.js';
import { nextKey, truncateKey } from '../step/partition-keys.js';
import { WHOLE } from '../step/step.js';
import { type Input, inputsOf } from './inputs.js';
import { digestOf, isPartitioned, type PartitionState, type TableState } from './state.js';

/** Input to the digest of what a partition reads of it. A lookup's digest is `<data version of the dimension>:<digest>`. */
export type InVersions = Readonly<Record<string, string>>;

/**
 * Stands in what a partition was made from where its rows are those of an earlier meaning of the table: which one. No input has such a
 * name. It keeps these rows from being taken for rows of the present meaning, and the other digests are those that meaning asks for.
 */
export const MEANING = '@meaning';

/** The earlier meaning that a partition's rows are of; undefined: they are of the present one. */
export const earlierMeaning = (made: InVersions | undefined): string | undefined => made?.[MEANING];

/** Names a meaning: its fingerprint and the version that has it. */
export const meaningMark = (fingerprint: string, versionId: number): string => `${fingerprint} ${versionId}`;
export const versionOfMark = (mark: string): number => Number(mark.split(' ')[1]);

/** What a partition was made from; undefined: it never was. */
export type MadeFrom = (partition: string) => InVersions | undefined;

/** A source at one version, with what each of its files holds. */
export interface SourceState {
  readonly name: string;
  /** Identifies the contents. */
  readonly version: string;
  /** By expression: partition key to the files that hold rows of it, sorted. Keys are of the finest unit that any reader asked for. */
  filesOf(node: GraphNode, expression: string): ReadonlyMap<string, readonly string[]>;
}

/** What digests are made from: tables and sources as they are at this moment of a run. */
export interface Readings {
  table(id: string): TableState;
  source(name: string): SourceState;
  /** By partition of the table: a digest of what its look-ups in this dimension give; done only where `made` cannot tell. */
  lookups(
    node: GraphNode,
    input: Extract<Input, { role: 'lookup' }>,
    made: MadeFrom,
  ): Promise<ReadonlyMap<string, string>>;
  /** The same with other versions in the place of inputs that hold the same in all that this table reads; none, where there is none. */
  alike(node: GraphNode): Promise<readonly Readings[]>;
}

/** Partitions of a table to what each is to be made from, `made` being what they were made from. A whole table has the one key `*`. */
export const wantedOf = async (
  node: GraphNode,
  readings: Readings,
  made: MadeFrom,
): Promise<ReadonlyMap<string, InVersions>> => {
  const { transform } = node;
  const inputs = inputsOf(node);
  const shared: Record<string, string> = {};
  const mapped = new Map<string, ReadonlyMap<string, string>>();
  for (const input of inputs) {
    if (input.role === 'whole') shared[input.name] = readings.table(input.name).dataVersion;
    else if (input.role === 'partition')
      mapped.set(input.name, byKey(node, contentsOf(readings.table(input.name).partitions)));
    else if (input.role === 'source') {
      const source = readings.source(input.name);
      if (input.expression === undefined || !isPartitioned(transform)) shared[input.name] = source.version;
      else {
        const files = source.filesOf(node, input.expression);
        mapped.set(input.name, byKey(node, new Map([...files].map(([key, paths]) => [key, digestOf(paths)]))));
      }
    }
  }
  if (!isPartitioned(transform)) return new Map([[WHOLE, shared]]);
  const lookups = new Map<string, { readonly version: string; readonly digests: ReadonlyMap<string, string> }>();
  for (const input of inputs)
    if (input.role === 'lookup')
      lookups.set(input.name, {
        version: readings.table(input.name).dataVersion,
        digests: await readings.lookups(node, input, made),
      });
  const keys = new Set([...mapped.values()].flatMap((digests) => [...digests.keys()]));
  const start = transform.partition?.start;
  const wanted = new Map<string, InVersions>();
  for (const key of [...keys].sort()) {
    if (start !== undefined && key < start) continue;
    const reads: Record<string, string> = { ...shared };
    for (const [name, digests] of mapped) reads[name] = digests.get(key) ?? '';
    for (const [name, { version, digests }] of lookups) reads[name] = `${version}:${digests.get(key) ?? ''}`;
    wanted.set(key, reads);
  }
  return wanted;
};

/** Partitions with rows; an empty one is as good as none. */
const contentsOf = (partitions: ReadonlyMap<string, PartitionState>): ReadonlyMap<string, string> =>
  new Map([...partitions].filter(([, { rows }]) => rows > 0).map(([key, { contentHash }]) => [key, contentHash]));

/** An input's digests by this table's partitions: coarser units gather finer ones, and `lookback` reads the ones before, too. */
const byKey = ({ transform }: GraphNode, digests: ReadonlyMap<string, string>): ReadonlyMap<string, string> => {
  const { partition } = transform;
  if (!partition) return new Map();
  const own = new Map<string, string[]>();
  for (const key of [...digests.keys()].sort()) {
    const at = truncateKey(key, partition.unit);
    own.set(at, [...(own.get(at) ?? []), `${key}=${digests.get(key)}`]);
  }
  const last = [...own.keys()].at(-1) ?? '';
  const read = new Map<string, string[]>();
  for (const [key, parts] of own) {
    let at: string | undefined = key;
    for (let ahead = 0; ahead <= partition.lookback && at !== undefined && at <= last; ahead++) {
      read.set(at, [...(read.get(at) ?? []), ...parts]);
      at = nextKey(at, partition.unit);
    }
  }
  return new Map([...read].map(([key, parts]) => [key, digestOf(parts)]));
};

const LOOKUP = /^[0-9a-f]{16}:/;
/** The part of a digest that decides: of a lookup what it gives, whatever version of the dimension gave it. */
export const deciding = (digest: string | undefined): string | undefined => digest?.replace(LOOKUP, '');

/** Why a partition must be made (again): the inputs whose digests differ. Empty: it is as it should be. */
export const movedInputs = (wanted: InVersions, made: InVersions | undefined): readonly string[] => {
  return made === undefined ? ['never made'] : differing(wanted, made).sort();
};

/** Inputs that two partitions were made from otherwise. */
export const differing = (a: InVersions, b: InVersions): string[] =>
  [...new Set([...Object.keys(a), ...Object.keys(b)])].filter((name) => deciding(a[name]) !== deciding(b[name]));

/** The same look-ups of a newer dimension: nothing to make, but the ledger should know, so that nobody looks again. */
export const onlyNewer = (wanted: InVersions, made: InVersions): boolean =>
  Object.entries(wanted).some(([name, digest]) => made[name] !== digest);
