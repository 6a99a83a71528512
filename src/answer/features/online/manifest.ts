import { type Column, type Provenance, parseType, typeText } from '../../../query/index.js';
import type { Statistic } from '../statistics.js';

/** What is served online under one name: written last, so that readers have all of a version or none. */
export interface Manifest {
  readonly version: string;
  readonly fingerprint: string;
  /** Microseconds since 1970: the instant that the values are of. */
  readonly asOf: bigint;
  /** RFC 3339; when it was made. */
  readonly builtAt: string;
  readonly modelVersion: string;
  readonly tables: Provenance['tables'];
  readonly columns: readonly Column[];
  readonly entities: number;
  readonly bytes: number;
  /** First keys of the blobs, in order of code points; undefined where each entity has a blob of its own. */
  readonly buckets: readonly string[] | undefined;
  /** First bits of a hash that name a part of the roster; undefined where there are buckets. */
  readonly roster: number | undefined;
  /** The version before, which readers may still be at. */
  readonly previous: string | undefined;
  readonly statistics: readonly Statistic[];
}

export const encodeManifest = (manifest: Manifest): Buffer =>
  Buffer.from(
    JSON.stringify({
      ...manifest,
      asOf: manifest.asOf.toString(),
      columns: manifest.columns.map((c) => ({ ...c, type: typeText(c.type) })),
    }),
  );

/** Undefined: the bytes are no manifest. */
export const decodeManifest = (bytes: Buffer): Manifest | undefined => {
  try {
    const given = JSON.parse(bytes.toString()) as Omit<Manifest, 'asOf' | 'columns'> & {
      asOf: string;
      columns: (Omit<Column, 'type'> & { type: string })[];
    };
    const columns = given.columns.map((c) => {
      const type = parseType(c.type);
      if (!type) throw new SyntaxError(`there is no type ${c.type}`);
      return { ...c, type };
    });
    return { ...given, asOf: BigInt(given.asOf), columns };
  } catch (thrown) {
    if (thrown instanceof SyntaxError || thrown instanceof TypeError) return undefined;
    throw thrown;
  }
};
