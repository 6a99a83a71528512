import { typeText } from '../../../query/index.js';
import type { Transform } from '../files/definition.js';
import type { Json } from './tree.js';

type Field = Json | undefined;
const record = (fields: Readonly<Record<string, Field>>): { readonly [key: string]: Json } =>
  Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, value ?? null]));
const entries = (map: ReadonlyMap<string, string>): Json =>
  [...map].sort(([a], [b]) => (a < b ? -1 : 1)).map((each) => [...each]);

/** A statement's text without comments and layout, for bodies that our parser does not read. */
export const squeeze = (sql: string): string =>
  sql
    .replaceAll(/'(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`|--[^\n]*|\/\*[\s\S]*?\*\/|\s+/g, (token) =>
      /^(?:--|\/\*|\s)/.test(token) ? ' ' : token,
    )
    .replaceAll(/'(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`| +/g, (token) => (token.startsWith(' ') ? ' ' : token))
    .trim();

/** What decides which rows there are, beside the SELECT. */
export const rowDefinition = (transform: Transform): { readonly [key: string]: Json } => {
  const { partition, scd2 } = transform;
  return record({
    kind: transform.kind,
    partition: partition && record({ column: partition.column, unit: partition.unit, start: partition.start }),
    natural: [...transform.natural],
    surrogate: transform.surrogate,
    scd2: scd2 && record({ ...scd2, key: [...scd2.key], track: [...scd2.track] }),
  });
};

/**
 * Everything of the front matter that decides the table's bytes, or which of its partitions are made when; in a fixed order, because it
 * is hashed. Checks, owner, words, indexes and the order of rows in files are not: they change no value.
 */
export const dataDefinition = (transform: Transform): { readonly [key: string]: Json } => {
  const { partition, pseudonyms } = transform;
  return record({
    ...rowDefinition(transform),
    columns: transform.columns.map((c) => [c.name, typeText(c.type), c.nullable]),
    targets: [...transform.targets].sort(),
    lookups: transform.lookups.map((each) =>
      record({ dimension: each.dimension, key: each.key, asOf: each.asOf, into: each.into, input: each.input }),
    ),
    pseudonyms: pseudonyms && record({ of: pseudonyms.of, column: pseudonyms.column }),
    dialect: transform.engine.dialect,
    overrides: [...transform.overrides]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([engine, body]) => [engine, squeeze(body.text)]),
    follows: partition && [partition.lookback, entries(partition.inputs), entries(partition.sources)],
  });
};

/** Everything else of the front matter. */
export const metaDefinition = (transform: Transform): Json => {
  const { engine, contract } = transform;
  return [
    ...[transform.role, transform.description, transform.synthetic, transform.owner],
    transform.columns.map((c) => [c.name, c.unit ?? null, c.pii, c.description ?? null]),
    transform.checks.map(({ place: _place, toleranceMillionths, question, ...check }) => [
      JSON.stringify([check, question]),
      String(toleranceMillionths),
    ]),
    transform.minScoreMillionths === undefined ? null : String(transform.minScoreMillionths),
    [[...engine.allow].sort(), engine.prefer],
    [contract.mode, contract.onAdditive, contract.onBreaking],
    [transform.deprecates ?? null, transform.sunset ?? null, transform.forwardOnly, transform.freshnessHours ?? null],
    [[...transform.clusterBy], transform.indexes.map((index) => [...index]), transform.targetFileMb],
    transform.partition?.maxBatch ?? null,
  ];
};
