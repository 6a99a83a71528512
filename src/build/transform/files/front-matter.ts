import { parseDecimal, parseType } from '../../../query/index.js';
import {
  type Check,
  type ContractColumn,
  KINDS,
  METRIC_TYPES,
  type MetricType,
  type Question,
  type Scd2,
  SEVERITIES,
  type Transform,
} from './definition.js';
import type { YamlNode } from './yaml-reader.js';

const FIELDS =
  'name version description kind role lookups partition keys scd2 targets storage engine columns contract checks quality owner deprecates sunset synthetic pseudonyms'.split(
    ' ',
  );
const CHECK_FIELDS = 'type name columns severity tolerance metric description values to field expression sql'.split(
  ' ',
);
const METRIC_OF: Readonly<Record<Question['type'], MetricType>> = {
  not_null: 'completeness',
  unique: 'uniqueness',
  accepted_values: 'validity',
  relationship: 'consistency',
  expression: 'validity',
  sql: 'consistency',
};

/** Names that stand unquoted in file paths, physical names and SQL. */
const IDENTIFIER = /^[a-z_][a-z0-9_]*$/;

const millionths = (node: YamlNode, what: string): bigint => {
  const value = parseDecimal(node.numberText(what), 6);
  if (value === undefined || value < 0n) throw node.fail(`${what} must be a number from 0 with up to six decimals`);
  return value;
};

const columnOf = (node: YamlNode): ContractColumn => {
  const f = node.fields('a column', ['name', 'type', 'nullable', 'unit', 'pii', 'description']);
  const need = (field: string) => {
    const found = f.get(field);
    if (!found) throw node.fail(`a column needs ${field}`);
    return found;
  };
  const name = need('name').text('name');
  if (!IDENTIFIER.test(name)) throw need('name').fail(`column ${name}: small letters, digits and _ are wanted`);
  const type = parseType(need('type').text('type'));
  if (!type)
    throw need('type').fail(
      `column ${name}: string, boolean, integer, bigint, double, date, timestamp or decimal(p,s) is wanted`,
    );
  const unit = f.get('unit')?.text('unit');
  const description = f.get('description')?.text('description');
  return {
    name,
    type,
    nullable: need('nullable').boolean('nullable'),
    pii: f.get('pii')?.oneOf('pii', ['none', 'pseudonymous', 'direct'] as const) ?? 'none',
    ...(unit === undefined ? {} : { unit }),
    ...(description === undefined ? {} : { description }),
  };
};

/** The list of columns of a contract; names are told apart. */
export const columnsOf = (node: YamlNode): ContractColumn[] => {
  const columns = node.list('columns').map(columnOf);
  const twice = columns.find((column, i) => columns.findIndex((c) => c.name === column.name) !== i);
  if (twice) throw node.fail(`column ${twice.name} stands twice`);
  return columns;
};

const checkOf = (node: YamlNode, known: (column: string, at: YamlNode) => string): Check => {
  const f = node.fields('a check', CHECK_FIELDS);
  const need = (field: string) => {
    const found = f.get(field);
    if (!found) throw node.fail(`this check needs ${field}`);
    return found;
  };
  const type = need('type').oneOf('type', Object.keys(METRIC_OF) as Question['type'][]);
  const list = f.get('columns')?.list('columns') ?? [];
  const columns = list.map((item) => known(item.text('a column'), item));
  if (columns.length === 0 && type !== 'sql' && type !== 'expression') throw node.fail(`${type} needs columns`);
  if (columns.length !== 1 && ['not_null', 'accepted_values', 'relationship'].includes(type))
    throw node.fail(`${type} takes one column; write one check for each`);
  const question: Question =
    type === 'accepted_values'
      ? { type, values: need('values').texts('values') }
      : type === 'relationship'
        ? { type, to: need('to').text('to'), field: need('field').text('field') }
        : type === 'expression'
          ? { type, expression: need('expression').text('expression') }
          : type === 'sql'
            ? { type, sql: need('sql').text('sql') }
            : { type };
  const name =
    f.get('name')?.text('name') ??
    (type === 'sql' || type === 'expression' ? undefined : `${type}_${columns.join('_')}`);
  if (name === undefined) throw node.fail(`${type} needs a name`);
  const tolerance = f.get('tolerance');
  return {
    name,
    columns,
    question,
    severity: need('severity').oneOf('severity', SEVERITIES),
    metric: f.get('metric')?.oneOf('metric', METRIC_TYPES) ?? METRIC_OF[type],
    toleranceMillionths: tolerance ? millionths(tolerance, 'tolerance') : 0n,
    place: node.place,
  };
};

/** Reads the front matter; what the body and other files must agree with is checked by their own readers. */
export const readFrontMatter = (
  root: YamlNode,
): Omit<Transform, 'file' | 'id' | 'layer' | 'table' | 'body' | 'bodyLine' | 'text'> => {
  const f = root.fields('the front matter', FIELDS);
  const need = (field: string) => {
    const found = f.get(field);
    if (!found) throw root.fail(`the front matter needs ${field}`);
    return found;
  };
  const columns = columnsOf(need('columns'));
  const known = (column: string, at: YamlNode): string => {
    if (!columns.some((c) => c.name === column)) throw at.fail(`${column} is no column of the contract`);
    return column;
  };
  const knownAll = (node: YamlNode | undefined, what: string): string[] =>
    node ? node.list(what).map((item) => known(item.text(what), item)) : [];
  const keys = need('keys').fields('keys', ['natural', 'surrogate']);
  const natural = knownAll(keys.get('natural'), 'keys.natural');
  const surrogateNode = keys.get('surrogate');
  const surrogate = surrogateNode && known(surrogateNode.text('keys.surrogate'), surrogateNode);
  const partition = f
    .get('partition')
    ?.fields('partition', ['column', 'unit', 'start', 'lookback', 'max_batch'])
    .get('column');
  const storage = f.get('storage')?.fields('storage', ['delta', 'postgres']);
  const delta = storage?.get('delta')?.fields('storage.delta', ['cluster_by', 'target_file_mb']);
  const indexes = storage?.get('postgres')?.fields('storage.postgres', ['indexes']).get('indexes');
  const kind = need('kind').oneOf('kind', KINDS);
  const scd2Node = f.get('scd2');
  if (kind === 'scd2' && !scd2Node) throw root.fail('kind scd2 needs scd2');
  const pseudonyms = f.get('pseudonyms')?.fields('pseudonyms', ['of', 'column']);
  const minScore = f.get('quality')?.fields('quality', ['min_score', 'freshness']).get('min_score');
  const checks =
    f
      .get('checks')
      ?.list('checks')
      .map((node) => checkOf(node, known)) ?? [];
  const twice = checks.find((check, i) => checks.findIndex((c) => c.name === check.name) !== i);
  if (twice) throw need('checks').fail(`check ${twice.name} stands twice`);
  const version = Number(need('version').numberText('version'));
  if (!Number.isInteger(version) || version < 1) throw need('version').fail('version must be 1, 2, 3, ...');
  const targets = need('targets')
    .list('targets')
    .map((node) => node.oneOf('a target', ['delta', 'postgres'] as const));
  if (!targets.includes('delta'))
    throw need('targets').fail('targets must hold delta: every table is made there first');
  return {
    name: need('name').text('name'),
    version,
    kind,
    contract: { mode: 'enforce', onAdditive: 'allow', onBreaking: 'require_new_version' },
    role: need('role').oneOf('role', ['fact', 'dimension'] as const),
    description: need('description').text('description'),
    synthetic: f.get('synthetic')?.boolean('synthetic') ?? false,
    owner: need('owner').text('owner'),
    targets: new Set(targets),
    columns,
    natural,
    surrogate,
    partition: partition && {
      column: known(partition.text('partition.column'), partition),
      unit: 'day',
      start: undefined,
      lookback: 0,
      maxBatch: undefined,
      inputs: new Map(),
      sources: new Map(),
    },
    lookups: [],
    engine: { allow: ['duckdb'], prefer: 'auto', dialect: 'duckdb' },
    overrides: new Map(),
    deprecates: undefined,
    sunset: undefined,
    forwardOnly: false,
    freshnessHours: undefined,
    targetFileMb: 128,
    clusterBy: delta?.has('cluster_by')
      ? knownAll(delta.get('cluster_by'), 'cluster_by')
      : surrogate === undefined
        ? natural
        : [surrogate],
    indexes: indexes?.list('indexes').map((index) => knownAll(index, 'an index')) ?? [],
    scd2: scd2Node && scd2Of(scd2Node, known),
    pseudonyms: pseudonyms && {
      of: pseudonyms.get('of')?.text('pseudonyms.of') ?? '',
      column: pseudonyms.get('column')?.text('pseudonyms.column') ?? '',
    },
    checks,
    minScoreMillionths: minScore ? millionths(minScore, 'min_score') : undefined,
  };
};

const scd2Of = (node: YamlNode, known: (column: string, at: YamlNode) => string): Scd2 => {
  const f = node.fields('scd2', ['key', 'track', 'valid_from', 'valid_to', 'current', 'version']);
  const column = (field: string): string => {
    const found = f.get(field);
    if (!found) throw node.fail(`scd2 needs ${field}`);
    return known(found.text(field), found);
  };
  const track = f.get('track');
  if (!track) throw node.fail('scd2 needs track');
  return {
    key: [column('key')],
    history: true,
    updatedAt: undefined,
    deletes: 'ignore',
    deleted: undefined,
    track: track.list('track').map((item) => known(item.text('track'), item)),
    validFrom: column('valid_from'),
    validTo: column('valid_to'),
    current: column('current'),
    version: column('version'),
  };
};
