import type { Transform } from './definition.js';
import { freshnessColumn, saysWhen } from './freshness.js';
import type { YamlNode } from './yaml-reader.js';

type Fields = ReadonlyMap<string, YamlNode>;
type Read = Omit<Transform, 'file' | 'id' | 'layer' | 'table' | 'body' | 'bodyLine' | 'text'>;

/** The engine that reads a view in each target. */
const ENGINE_OF = { delta: 'duckdb', postgres: 'postgres' } as const;

/** One combination of fields that makes no sense: where it stands, and what to do about it. */
type Rule = (of: Read) => { readonly field: string; readonly what: string } | undefined;

const STORAGE_ONLY = 'only kind incremental_by_partition takes start, lookback, max_batch, inputs and sources';

const RULES: readonly Rule[] = [
  ({ kind, partition }) =>
    kind === 'incremental_by_partition' && !partition
      ? { field: 'kind', what: 'kind incremental_by_partition needs partition: {column, unit}' }
      : undefined,
  ({ kind, partition }) =>
    partition && (kind === 'view' || kind === 'seed' || kind === 'scd2' || kind === 'history')
      ? { field: 'partition', what: `a table of kind ${kind} has no partitions; take partition away` }
      : undefined,
  ({ kind, partition }) =>
    partition &&
    kind !== 'incremental_by_partition' &&
    (partition.start !== undefined ||
      partition.lookback > 0 ||
      partition.maxBatch !== undefined ||
      partition.inputs.size + partition.sources.size > 0)
      ? { field: 'partition', what: `a table of kind ${kind} is made whole: ${STORAGE_ONLY}` }
      : undefined,
  ({ kind, scd2 }) => (kind === 'scd2' && !scd2 ? { field: 'kind', what: 'kind scd2 needs scd2' } : undefined),
  ({ kind, scd2 }) => (kind !== 'scd2' && scd2 ? { field: 'scd2', what: 'scd2 is for kind scd2 only' } : undefined),
  ({ kind, natural }) =>
    kind === 'incremental_by_key' && natural.length === 0
      ? { field: 'keys', what: 'kind incremental_by_key needs keys.natural: rows of the same key are replaced' }
      : undefined,
  ({ targets }) =>
    targets.has('delta')
      ? undefined
      : { field: 'targets', what: 'targets must hold delta: every table is made, and every view read, there first' },
  ({ kind, targets, engine }) => {
    const missing = kind === 'view' ? [...targets].map((target) => ENGINE_OF[target]) : [];
    const [first] = missing.filter((name) => !engine.allow.includes(name));
    return first === undefined
      ? undefined
      : { field: 'engine', what: `a view is worked out where it is read: engine.allow must hold ${first}` };
  },
  ({ kind, pseudonyms }) =>
    kind === 'view' && pseudonyms
      ? { field: 'pseudonyms', what: 'a view cannot hold the key of pseudonyms; make them in a table' }
      : undefined,
  ({ indexes, targets }) =>
    indexes.length > 0 && !targets.has('postgres')
      ? { field: 'storage', what: 'storage.postgres needs the target postgres' }
      : undefined,
  ({ deprecates, version }) =>
    deprecates !== undefined && deprecates >= version
      ? { field: 'deprecates', what: `deprecates must be a version before ${version}` }
      : undefined,
  ({ deprecates, sunset }) =>
    sunset !== undefined && deprecates === undefined
      ? { field: 'sunset', what: 'sunset is the last day of the version that deprecates names; add deprecates' }
      : undefined,
  ({ forwardOnly, kind }) =>
    forwardOnly && !['incremental_by_partition', 'incremental_by_key', 'scd2'].includes(kind)
      ? { field: 'forward_only', what: `a table of kind ${kind} is made whole each time; forward_only cannot hold` }
      : undefined,
  ({ engine }) =>
    engine.allow.includes(engine.dialect)
      ? undefined
      : { field: 'engine', what: `engine.allow must hold ${engine.dialect}, in which the file is written` },
  ({ engine }) =>
    engine.prefer === 'auto' || engine.allow.includes(engine.prefer)
      ? undefined
      : { field: 'engine', what: `engine.prefer is ${engine.prefer}, which engine.allow does not hold` },
  (of) =>
    of.freshnessHours !== undefined && freshnessColumn(of) === undefined
      ? {
          field: 'quality',
          what: 'quality.freshness cannot tell which column says when a row happened; write a check {type: freshness, columns: [column], within: 26h, severity: warn}',
        }
      : undefined,
  ({ checks, columns, partition }) => {
    const wrong = checks.find(
      ({ question, columns: [name] }) =>
        question.type === 'freshness' && !columns.some((column) => column.name === name && saysWhen(column, partition)),
    );
    return (
      wrong && { field: 'checks', what: `${wrong.name}: freshness is of a date, a timestamp or the partition column` }
    );
  },
  ({ lookups, role }) =>
    lookups.length > 0 && role !== 'fact' ? { field: 'lookups', what: 'lookups are for role fact' } : undefined,
  ({ pseudonyms, kind }) =>
    pseudonyms && kind === 'seed' ? { field: 'pseudonyms', what: 'a seed reads no pseudonyms' } : undefined,
];

/** Refuses fields that contradict each other. Errors: `transform-invalid` at the field. */
export const checkAgreement = (of: Read, fields: Fields, root: YamlNode): void => {
  const at = (field: string): YamlNode => fields.get(field) ?? root;
  for (const rule of RULES) {
    const found = rule(of);
    if (found) throw at(found.field).fail(found.what);
  }
};
