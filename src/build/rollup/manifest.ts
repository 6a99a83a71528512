/** One published partition in a manifest. Times are microseconds since 1970, as text. */
export interface ManifestPartition {
  readonly key: string;
  /** First 16 hex digits of the blob's SHA-256: the same content is the same version. `empty` has no blob. */
  readonly version: string;
  readonly from: string | null;
  readonly to: string | null;
  readonly rows: number;
  readonly bytes: number;
  readonly chunks: number;
  readonly sha256: string;
  /** Its totals as they were proven, by measure: a later build that leaves it as it is compares them with raw again. */
  readonly totals?: Readonly<Record<string, string | null>>;
}

/** What is published of one rollup: the one value that is swapped, so that readers see an old or a new set, never both. */
export interface Manifest {
  readonly rollup: string;
  readonly definition: string;
  readonly layout: string;
  readonly revision: number;
  readonly builtFrom: Readonly<Record<string, string>>;
  /** Where its tables stood when it was made, as its source told: what moved since is found from it. */
  readonly snapshots?: Readonly<Record<string, string>>;
  /** RFC 3339. */
  readonly builtAt: string;
  readonly fence: number;
  readonly complete: boolean;
  readonly covers: { readonly from: string; readonly to: string } | null;
  readonly partitions: readonly ManifestPartition[];
  /** What the proof compared. */
  readonly proof: string;
  readonly refused: { readonly partition: string; readonly reason: string; readonly at: string } | null;
  /** Versions that were replaced and stay for readers until the grace ends. `at`: milliseconds since 1970. */
  readonly retired: readonly {
    readonly key: string;
    readonly version: string;
    readonly chunks: number;
    readonly at: number;
  }[];
}

/** Version of partitions that are proven to have no rows. */
export const EMPTY = 'empty';

export const encodeManifest = (manifest: Manifest): Buffer => Buffer.from(JSON.stringify(manifest));

const isText = (x: unknown): x is string => typeof x === 'string';
const isCount = (x: unknown): x is number => typeof x === 'number' && Number.isSafeInteger(x) && x >= 0;
const isRecord = (x: unknown): x is Record<string, unknown> => typeof x === 'object' && x !== null;
const isInstant = (x: unknown): boolean => x === null || (isText(x) && /^-?\d+$/.test(x));

const isPartition = (x: unknown): boolean =>
  isRecord(x) &&
  isText(x['key']) &&
  isText(x['version']) &&
  isInstant(x['from']) &&
  isInstant(x['to']) &&
  isCount(x['rows']) &&
  isCount(x['bytes']) &&
  isCount(x['chunks']) &&
  isText(x['sha256']);

/** Reads a manifest. Undefined when the bytes are damaged or of another make: the rollup then counts as not built. */
export const decodeManifest = (bytes: Buffer): Manifest | undefined => {
  const value = parseJson(bytes);
  if (!isRecord(value)) return undefined;
  const covers = value['covers'];
  const whole =
    isText(value['rollup']) &&
    isText(value['definition']) &&
    isText(value['layout']) &&
    isCount(value['revision']) &&
    isRecord(value['builtFrom']) &&
    Object.values(value['builtFrom']).every(isText) &&
    isText(value['builtAt']) &&
    isCount(value['fence']) &&
    typeof value['complete'] === 'boolean' &&
    (covers === null || (isRecord(covers) && isInstant(covers['from']) && isInstant(covers['to']))) &&
    Array.isArray(value['partitions']) &&
    value['partitions'].every(isPartition) &&
    isText(value['proof']) &&
    (value['refused'] === null || isRecord(value['refused'])) &&
    Array.isArray(value['retired']);
  return whole ? (value as unknown as Manifest) : undefined;
};

const parseJson = (bytes: Buffer): unknown => {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return undefined; // damaged in the store: the same as not there
    throw thrown;
  }
};
