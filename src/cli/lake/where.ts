import { resolve } from 'node:path';
import { error } from '../../errors/index.js';
import { isAddress } from '../../store/delta/index.js';

/** A table as it is named on the command line. */
export type TableName =
  /** `gold.fact_sales`: what an environment's readers call it. */
  | { readonly kind: 'name'; readonly name: string }
  /** `bronze.online_retail`, or a folder or address. `below`: its path in the lake of this home, where it lies there. */
  | { readonly kind: 'place'; readonly path: string; readonly below: string | undefined };

const NAME = /^(bronze|silver|gold)\.(\w+)$/;

/** The path below the lake; undefined where it lies elsewhere. */
const pathBelow = (lake: string, path: string): string | undefined =>
  path === lake ? '' : path.startsWith(`${lake}/`) ? path.slice(lake.length + 1) : undefined;

/** The lake in the form that paths are compared in. */
export const lakeRoot = (lake: string): string =>
  isAddress(lake) ? lake.replace(/^s3a:/, 's3:').replace(/\/+$/, '') : resolve(lake);

/** Reads how a table is named: a name of the lake, a folder, or an address of a bucket. Errors: `usage`. */
export const tableNamed = (text: string, lake: string): TableName => {
  const [, layer, table] = NAME.exec(text) ?? [];
  if (layer === 'bronze') return { kind: 'place', path: `${lakeRoot(lake)}/bronze/${table}`, below: `bronze/${table}` };
  if (layer !== undefined) return { kind: 'name', name: text };
  if (text === '')
    throw error('usage', { text: 'a table is wanted: gold.fact_sales, a folder, or s3://bucket/prefix' });
  const path = lakeRoot(text);
  return { kind: 'place', path, below: pathBelow(lakeRoot(lake), path) };
};

const HOURS: Readonly<Record<string, number>> = { m: 1 / 60, h: 1, d: 24, w: 168 };

/** A time that files stay, `168h` or `7d`, in milliseconds. Errors: `usage`. */
export const retentionOf = (text: string | undefined): number | undefined => {
  if (text === undefined) return undefined;
  const match = /^(\d{1,6})(m|h|d|w)$/.exec(text);
  if (!match) throw error('usage', { text: `--retain wants a time such as 168h or 7d, not ${text}` });
  return Math.round(Number(match[1]) * (HOURS[match[2] ?? 'h'] ?? 1) * 3_600_000);
};

/** Which version is meant: `--version 3`, `--timestamp 2026-11-23T10:00:00Z`, or undefined for the newest. Errors: `usage`. */
export const momentOf = (flags: {
  readonly version?: string;
  readonly timestamp?: string;
}): { readonly version: number } | { readonly timestamp: number } | undefined => {
  const { version, timestamp } = flags;
  if (version !== undefined && timestamp !== undefined)
    throw error('usage', { text: '--version and --timestamp say the same thing twice; give one of them' });
  if (version !== undefined) {
    if (!/^\d{1,15}$/.test(version)) throw error('usage', { text: `--version wants a whole number, not ${version}` });
    return { version: Number(version) };
  }
  if (timestamp === undefined) return undefined;
  const text = /^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:?\d\d)?)?$/.test(timestamp)
    ? timestamp.replace(' ', 'T')
    : undefined;
  // A time without a zone is UTC, as everything else here.
  const zoned = text && /T/.test(text) && !/(Z|[+-]\d\d:?\d\d)$/.test(text) ? `${text}Z` : text;
  const at = zoned === undefined ? Number.NaN : Date.parse(zoned);
  if (Number.isNaN(at))
    throw error('usage', { text: `--timestamp wants a time such as 2026-11-23T10:00:00Z, not ${timestamp}` });
  return { timestamp: at };
};
