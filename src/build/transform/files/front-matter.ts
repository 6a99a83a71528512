import { parseType } from '../../../query/index.js';
import { checkAgreement } from './agreement.js';
import { checksOf, type KnownColumn, millionths } from './check-reader.js';
import {
  type ContractColumn,
  type ContractRules,
  DIALECTS,
  type EngineChoice,
  KINDS,
  type Transform,
} from './definition.js';
import { hoursOf } from './freshness.js';
import { lookupsOf, partitionOf } from './partition-reader.js';
import { scd2Of } from './scd2-reader.js';
import { meant, type YamlNode } from './yaml-reader.js';

export const FIELDS =
  'name version description kind role lookups partition keys scd2 targets storage engine columns contract checks quality owner deprecates sunset forward_only synthetic pseudonyms'.split(
    ' ',
  );
export const COLUMN_FIELDS = ['name', 'type', 'nullable', 'unit', 'pii', 'description'];
export const PII = ['none', 'pseudonymous', 'direct'] as const;
export const TARGETS = ['delta', 'postgres'] as const;
export const CONTRACT_MODES = ['enforce', 'warn'] as const;
export const ON_CHANGE = ['allow', 'require_new_version'] as const;

/** Names that stand unquoted in file paths, physical names and SQL. */
const IDENTIFIER = /^[a-z_][a-z0-9_]*$/;
const DAY = /^\d{4}-\d{2}-\d{2}$/;
const DEFAULT_FILE_MB = 128;

type Fields = ReadonlyMap<string, YamlNode>;
type Read = Omit<Transform, 'file' | 'id' | 'layer' | 'table' | 'body' | 'bodyLine' | 'text'>;

const columnOf = (node: YamlNode): ContractColumn => {
  const f = node.fields('a column', COLUMN_FIELDS);
  const need = (field: string): YamlNode => {
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
    pii: f.get('pii')?.oneOf('pii', PII) ?? 'none',
    ...(unit === undefined ? {} : { unit }),
    ...(description === undefined ? {} : { description }),
  };
};

/** The list of columns of a contract; names are told apart. */
export const columnsOf = (node: YamlNode): ContractColumn[] => {
  const columns = node.list('columns').map(columnOf);
  if (columns.length === 0) throw node.fail('columns must name at least one column');
  const twice = columns.find((column, i) => columns.findIndex((c) => c.name === column.name) !== i);
  if (twice) throw node.fail(`column ${twice.name} stands twice`);
  return columns;
};

const engineOf = (node: YamlNode | undefined): EngineChoice => {
  const f = node?.fields('engine', ['allow', 'prefer', 'dialect']);
  const dialect = f?.get('dialect')?.oneOf('engine.dialect', DIALECTS) ?? 'duckdb';
  const list = f?.get('allow');
  const allow = list?.list('engine.allow').map((each) => each.oneOf('an engine', DIALECTS)) ?? [dialect];
  if (list && new Set(allow).size < allow.length) throw list.fail('an engine stands twice in engine.allow');
  return { allow, prefer: f?.get('prefer')?.oneOf('engine.prefer', [...DIALECTS, 'auto'] as const) ?? 'auto', dialect };
};

const contractOf = (node: YamlNode | undefined): ContractRules => {
  const f = node?.fields('contract', ['mode', 'on_additive', 'on_breaking']);
  return {
    mode: f?.get('mode')?.oneOf('contract.mode', CONTRACT_MODES) ?? 'enforce',
    onAdditive: f?.get('on_additive')?.oneOf('contract.on_additive', ON_CHANGE) ?? 'allow',
    onBreaking: f?.get('on_breaking')?.oneOf('contract.on_breaking', ON_CHANGE) ?? 'require_new_version',
  };
};

const storageOf = (
  node: YamlNode | undefined,
  knownAll: (node: YamlNode | undefined, what: string) => string[],
): { readonly clusterBy: string[] | undefined; readonly targetFileMb: number; readonly indexes: string[][] } => {
  const f = node?.fields('storage', ['delta', 'postgres']);
  const delta = f?.get('delta')?.fields('storage.delta', ['cluster_by', 'target_file_mb']);
  const indexes = f?.get('postgres')?.fields('storage.postgres', ['indexes']).get('indexes');
  const clusterBy = delta?.get('cluster_by');
  return {
    clusterBy: clusterBy && knownAll(clusterBy, 'cluster_by'),
    targetFileMb: delta?.get('target_file_mb')?.integer('target_file_mb', 1, 4096) ?? DEFAULT_FILE_MB,
    indexes: indexes?.list('indexes').map((index) => knownAll(index, 'an index')) ?? [],
  };
};

const sunsetOf = (node: YamlNode | undefined): string | undefined => {
  const text = node?.text('sunset');
  const time = text !== undefined && DAY.test(text) ? Date.parse(`${text}T00:00:00Z`) : Number.NaN;
  if (node && (Number.isNaN(time) || new Date(time).toISOString().slice(0, 10) !== text))
    throw node.fail('sunset must be a day such as 2027-03-01');
  return text;
};

const pseudonymsOf = (node: YamlNode | undefined): Read['pseudonyms'] => {
  if (!node) return undefined;
  const f = node.fields('pseudonyms', ['of', 'column']);
  const [of, column] = [f.get('of'), f.get('column')];
  if (!of || !column) throw node.fail('pseudonyms needs of (a table) and column');
  return { of: of.text('pseudonyms.of'), column: column.text('pseudonyms.column') };
};

/** Tells columns of the contract from other names. */
const knownIn =
  (columns: readonly ContractColumn[]): KnownColumn =>
  (column, at) => {
    const names = columns.map(({ name }) => name);
    if (!names.includes(column)) throw at.fail(`${column} is no column of the contract${meant(column, names)}`);
    return column;
  };

/**
 * Reads the front matter; what the body and other files must agree with is checked by their own readers.
 * Errors: `transform-invalid` at the line.
 */
export const readFrontMatter = (root: YamlNode): Read => {
  const f: Fields = root.fields('the front matter', FIELDS);
  const need = (field: string): YamlNode => {
    const found = f.get(field);
    if (!found) throw root.fail(`the front matter needs ${field}`);
    return found;
  };
  const columns = columnsOf(need('columns'));
  const known = knownIn(columns);
  const knownAll = (node: YamlNode | undefined, what: string): string[] =>
    node ? node.list(what).map((item) => known(item.text(what), item)) : [];
  const keys = need('keys').fields('keys', ['natural', 'surrogate']);
  const natural = knownAll(keys.get('natural'), 'keys.natural');
  const surrogateNode = keys.get('surrogate');
  const surrogate = surrogateNode && known(surrogateNode.text('keys.surrogate'), surrogateNode);
  const partitionNode = f.get('partition');
  const partition = partitionNode && partitionOf(partitionNode, columns, known);
  const [lookups, scd2] = [f.get('lookups'), f.get('scd2')];
  const storage = storageOf(f.get('storage'), knownAll);
  const quality = f.get('quality')?.fields('quality', ['min_score', 'freshness']);
  const minScore = quality?.get('min_score');
  const freshness = quality?.get('freshness');
  const read: Read = {
    name: need('name').text('name'),
    version: need('version').integer('version', 1),
    kind: need('kind').oneOf('kind', KINDS),
    contract: contractOf(f.get('contract')),
    role: need('role').oneOf('role', ['fact', 'dimension'] as const),
    description: need('description').text('description'),
    synthetic: f.get('synthetic')?.boolean('synthetic') ?? false,
    owner: need('owner').text('owner'),
    targets: new Set(
      need('targets')
        .list('targets')
        .map((node) => node.oneOf('a target', TARGETS)),
    ),
    ...{ columns, natural, surrogate, partition },
    lookups: lookups ? lookupsOf(lookups, known, partition) : [],
    engine: engineOf(f.get('engine')),
    overrides: new Map(),
    deprecates: f.get('deprecates')?.integer('deprecates', 1),
    sunset: sunsetOf(f.get('sunset')),
    forwardOnly: f.get('forward_only')?.boolean('forward_only') ?? false,
    freshnessHours: freshness && hoursOf(freshness, 'quality.freshness'),
    targetFileMb: storage.targetFileMb,
    clusterBy: storage.clusterBy ?? (surrogate === undefined ? natural : [surrogate]),
    indexes: storage.indexes,
    scd2: scd2 && scd2Of(scd2, columns, known),
    pseudonyms: pseudonymsOf(f.get('pseudonyms')),
    checks: checksOf(f.get('checks'), known),
    minScoreMillionths: minScore ? millionths(minScore, 'min_score') : undefined,
  };
  checkAgreement(read, f, root);
  return read;
};
