import { CHECK_FIELDS, METRIC_OF } from './check-reader.js';
import { DIALECTS, KINDS, METRIC_TYPES, SEVERITIES, UNITS } from './definition.js';
import { COLUMN_FIELDS, CONTRACT_MODES, FIELDS, ON_CHANGE, PII, TARGETS } from './front-matter.js';
import { LOOKUP_FIELDS, PARTITION_FIELDS } from './partition-reader.js';
import { DELETES, SCD2_FIELDS } from './scd2-reader.js';

type Schema = { readonly [key: string]: unknown };

const text = (description: string, more: Schema = {}): Schema => ({ type: 'string', description, ...more });
const flag = (description: string): Schema => ({ type: 'boolean', description });
const whole = (description: string, minimum: number, maximum?: number): Schema => ({
  type: 'integer',
  description,
  minimum,
  ...(maximum === undefined ? {} : { maximum }),
});
const oneOf = (of: readonly string[], description?: string): Schema => ({
  enum: of,
  ...(description === undefined ? {} : { description }),
});
const list = (items: Schema, description?: string): Schema => ({
  type: 'array',
  items,
  ...(description === undefined ? {} : { description }),
});
const column: Schema = { type: 'string', pattern: '^[a-z_][a-z0-9_]*$' };

/** An object whose fields are exactly those that the reader takes. */
const record = (fields: readonly string[], properties: Schema, required: readonly string[] = []): Schema => ({
  type: 'object',
  properties: Object.fromEntries(fields.map((field) => [field, properties[field] ?? {}])),
  ...(required.length > 0 ? { required } : {}),
  additionalProperties: false,
});

const columns = list(
  record(
    COLUMN_FIELDS,
    {
      name: column,
      type: text('string, boolean, integer, bigint, double, date, timestamp or decimal(p,s)', {
        pattern: '^(string|boolean|integer|bigint|double|date|timestamp|decimal\\(\\d{1,2},\\s*\\d{1,2}\\))$',
      }),
      nullable: flag('whether a row may have no value'),
      unit: text('GBP, items, ...'),
      pii: oneOf(PII, 'what the column says about a person'),
      description: text('what the column holds'),
    },
    ['name', 'type', 'nullable'],
  ),
  'the contract: every column, in order',
);

const checks = list(
  record(
    CHECK_FIELDS,
    {
      type: oneOf(Object.keys(METRIC_OF)),
      name: text("told apart from the table's other checks"),
      columns: list(column),
      severity: oneOf(SEVERITIES, 'critical and error keep a table from being published'),
      tolerance: { type: 'number', minimum: 0, description: 'share of failed rows that is still accepted' },
      metric: oneOf(METRIC_TYPES),
      description: text('what the check is for'),
      values: list({ type: 'string' }, 'accepted_values: all of them'),
      to: text('relationship: the other table'),
      field: text("relationship: the other table's column"),
      expression: text('expression: true for a good row'),
      sql: text('sql: gives evaluated and failed; one row, or one for each partition with its column'),
      within: text('freshness: how old the newest row may be: 26h, 2d', { pattern: '^[1-9][0-9]*[hd]$' }),
    },
    ['type', 'severity'],
  ),
  'what must hold before the table is published',
);

const partition = record(
  PARTITION_FIELDS,
  {
    column,
    unit: oneOf(UNITS),
    start: {
      type: ['string', 'integer'],
      pattern: '^\\d{4}(-\\d{2}(-\\d{2}(T\\d{2})?)?)?$',
      description: 'the first partition: 2010-12-01, 2010-12, 2010 or 2010-12-01T08',
    },
    lookback: whole('partitions after a changed one that read it, too', 0),
    max_batch: whole('most partitions in one statement', 1),
    inputs: {
      type: 'object',
      additionalProperties: column,
      description: 'table to its column that says the same time',
    },
    sources: {
      type: 'object',
      additionalProperties: { type: 'string' },
      description: 'source to an expression over its row: the date or timestamp of the partition',
    },
  },
  ['column'],
);

const lookups = list(
  record(
    LOOKUP_FIELDS,
    {
      dimension: text("the dimension's table"),
      key: column,
      as_of: column,
      into: column,
      input: text('the partitioned input whose rows are looked up'),
    },
    ['dimension', 'key', 'as_of', 'into'],
  ),
  'dimensions that the rows are looked up in as of a time',
);

const scd2 = record(
  SCD2_FIELDS,
  {
    key: { anyOf: [column, list(column)] },
    track: list(column, 'a change of one of them opens a version'),
    history: flag('the SELECT gives rows of all time; otherwise the present state of each key'),
    updated_at: column,
    deletes: oneOf(DELETES, 'what becomes of a key that is gone'),
    deleted: column,
    valid_from: column,
    valid_to: column,
    current: column,
    version: column,
  },
  ['key', 'track', 'valid_from', 'valid_to'],
);

const storage = record(['delta', 'postgres'], {
  delta: record(['cluster_by', 'target_file_mb'], {
    cluster_by: list(column, 'the order of rows within files'),
    target_file_mb: whole('size that files are made to', 1, 4096),
  }),
  postgres: record(['indexes'], { indexes: list(list(column)) }),
});

/** The JSON Schema of a transform's front matter, for editors; `schema/transform.schema.json` is its text. */
export const transformSchema = (): object => ({
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: 'The front matter of a transform (transforms/sql)',
  ...record(
    FIELDS,
    {
      name: text('layer.table, as folder and file say', { pattern: '^(silver|gold)\\.[a-z_][a-z0-9_]*$' }),
      version: whole('as the file says; a breaking change needs the next one', 1),
      description: text('what a row is, and the rules that made it'),
      kind: oneOf(KINDS, 'how the table is made'),
      role: oneOf(['fact', 'dimension']),
      keys: record(['natural', 'surrogate'], { natural: list(column), surrogate: column }),
      targets: list(oneOf(TARGETS)),
      engine: record(['allow', 'prefer', 'dialect'], {
        allow: list(oneOf(DIALECTS)),
        prefer: oneOf([...DIALECTS, 'auto']),
        dialect: oneOf(DIALECTS, 'what the file is written in'),
      }),
      contract: record(['mode', 'on_additive', 'on_breaking'], {
        mode: oneOf(CONTRACT_MODES),
        on_additive: oneOf(ON_CHANGE),
        on_breaking: oneOf(ON_CHANGE),
      }),
      quality: record(['min_score', 'freshness'], {
        min_score: { type: 'number', minimum: 0, maximum: 100 },
        freshness: text('how old the newest data may be: 26h, 2d', { pattern: '^[1-9][0-9]*[hd]$' }),
      }),
      owner: text('who answers for the table'),
      deprecates: whole('the version that this one takes the place of, served until sunset', 1),
      sunset: text('last day of that version, UTC', { format: 'date' }),
      forward_only: flag('a changed SELECT holds for partitions made from now on'),
      synthetic: flag('no real data'),
      pseudonyms: record(['of', 'column'], { of: text('table'), column }, ['of', 'column']),
      ...{ columns, checks, partition, lookups, scd2, storage },
    },
    ['name', 'version', 'description', 'kind', 'role', 'keys', 'targets', 'columns', 'owner'],
  ),
});
