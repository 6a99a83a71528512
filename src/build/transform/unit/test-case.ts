import { parse } from 'csv-parse/sync';
import { isMap, isScalar, isSeq } from 'yaml';
import { type DataType, parseType } from '../../../query/index.js';
import type { ContractColumn, Transform, Unit } from '../files/definition.js';
import type { YamlNode } from '../files/yaml-reader.js';
import { keysBetween, keyTime } from '../step/partition-keys.js';
import { type Cell, cellOf, typedCell } from './cells.js';

export type TypedColumn = Pick<ContractColumn, 'name' | 'type'>;

/** Rows of a test with their columns. */
export interface Rows {
  readonly columns: readonly TypedColumn[];
  readonly rows: readonly (readonly Cell[])[];
}

/** One test, read and typed. */
export interface TestCase {
  readonly name: string;
  readonly file: string;
  readonly line: number;
  readonly transform: Transform;
  /** Id of each table, name of each source to its rows. */
  readonly given: ReadonlyMap<string, Rows>;
  readonly existing: Rows | undefined;
  readonly partitions: readonly string[] | undefined;
  /** `{{run.ts}}`: microseconds since 1970 UTC. */
  readonly at: bigint;
  readonly expect: { readonly rows: Rows } | { readonly code: string; readonly says: string | undefined };
}

/** Columns that every bronze table has beside those of its files. */
const BRONZE: readonly TypedColumn[] = [
  { name: '_source_file', type: { kind: 'string' } },
  { name: '_row_number', type: { kind: 'bigint' } },
  { name: '_ingested_at', type: { kind: 'timestamp' } },
  { name: '_batch_id', type: { kind: 'string' } },
  { name: 'ingestion_date', type: { kind: 'date' } },
  { name: 'source_system', type: { kind: 'string' } },
];

const namesOf = (node: YamlNode | undefined): string[] =>
  isMap(node?.node) ? node.node.items.map(({ key }) => (isScalar(key) ? String(key.value) : '')) : [];

/** A source's columns: texts, those that bronze adds, and those whose type the test names. `known` are those that the file lists. */
const sourceColumns = (
  fields: ReadonlyMap<string, YamlNode>,
  rows: readonly YamlNode[],
  known: readonly string[],
): TypedColumn[] => {
  const types = fields.get('columns');
  const named = [...known, ...namesOf(types), ...namesOf(fields.get('defaults')), ...rows.flatMap(namesOf)];
  const found = new Map(BRONZE.map((column) => [column.name, column.type]));
  for (const name of named) if (!found.has(name)) found.set(name, { kind: 'string' });
  for (const [name, type] of types?.fields('columns', namesOf(types)) ?? []) {
    const parsed = parseType(type.text(name));
    if (!parsed) throw type.fail(`${name}: no type of a contract`);
    found.set(name, parsed);
  }
  return [...found].map(([name, type]) => ({ name, type }));
};

const csvRows = (node: YamlNode, columns: readonly TypedColumn[]): ReadonlyMap<string, string>[] => {
  // A bare empty field is null, a quoted one is a text of no length.
  const [header = [], ...lines] = parse(node.text('csv'), {
    cast: (value, { quoting }) => (value === '' && !quoting ? null : value),
  }) as (string | null)[][];
  const unknown = header.find((name) => !columns.some((column) => column.name === name));
  if (unknown !== undefined)
    throw node.fail(`there is no column ${unknown}; there are ${columns.map((c) => c.name).join(', ')}`);
  return lines.map(
    (line) => new Map(line.flatMap((value, i) => (value === null ? [] : [[header[i] ?? '', value] as const]))),
  );
};

/**
 * Rows as a list of mappings, or as `{rows | csv, defaults, columns}`. What a row does not name has the default, or is null. `contract`
 * gives names and types; a source has none, and its `columns` name the types that are not text.
 */
const rowsOf = (node: YamlNode, contract: readonly TypedColumn[] | undefined, known: readonly string[] = []): Rows => {
  const short = isSeq(node.node);
  const fields = short ? new Map<string, YamlNode>() : node.fields('a table', ['rows', 'csv', 'defaults', 'columns']);
  const list = short ? node.list('rows') : (fields.get('rows')?.list('rows') ?? []);
  const csv = fields.get('csv');
  const columns = contract ?? sourceColumns(fields, list, known);
  const names = columns.map(({ name }) => name);
  const defaults = fields.get('defaults')?.fields('defaults', names) ?? new Map<string, YamlNode>();
  const cell = (found: YamlNode | undefined, name: string, type: DataType): Cell =>
    found === undefined ? null : cellOf(found, name, type);
  if (csv)
    return {
      columns,
      rows: csvRows(csv, columns).map((line) =>
        columns.map(({ name, type }) => {
          const text = line.get(name);
          return text === undefined ? cell(defaults.get(name), name, type) : typedCell(text, csv, name, type);
        }),
      ),
    };
  return {
    columns,
    rows: list.map((row) => {
      const values = row.fields('a row', names);
      return columns.map(({ name, type }) => cell(values.get(name) ?? defaults.get(name), name, type));
    }),
  };
};

/** The columns that the expected rows speak of, in the contract's order: those that they name, or those of `columns`. */
const spokenOf = (node: YamlNode, contract: readonly TypedColumn[]): readonly TypedColumn[] => {
  if (isSeq(node.node)) return named(node.list('rows').flatMap(namesOf), contract);
  const fields = node.fields('expect', ['rows', 'csv', 'defaults', 'columns']);
  const columns = fields.get('columns');
  if (columns) return named(columns.texts('columns'), contract);
  const csv = fields.get('csv')?.text('csv').split('\n', 1)[0]?.split(',') ?? [];
  const rows = fields.get('rows')?.list('rows') ?? [];
  return named([...rows.flatMap(namesOf), ...namesOf(fields.get('defaults')), ...csv], contract);
};
const named = (names: readonly string[], contract: readonly TypedColumn[]): readonly TypedColumn[] =>
  names.length === 0 ? contract : contract.filter(({ name }) => names.includes(name));

const expectOf = (node: YamlNode, contract: readonly TypedColumn[]): TestCase['expect'] => {
  if (namesOf(node).includes('error')) {
    const error = node.fields('expect', ['error']).get('error') ?? node;
    if (!isMap(error.node)) return { code: error.text('error'), says: undefined };
    const fields = error.fields('error', ['code', 'says']);
    return { code: fields.get('code')?.text('code') ?? '', says: fields.get('says')?.text('says') };
  }
  const { columns, rows } = rowsOf(node, contract);
  const spoken = spokenOf(node, contract);
  const at = spoken.map(({ name }) => columns.findIndex((column) => column.name === name));
  return { rows: { columns: spoken, rows: rows.map((row) => at.map((i) => row[i] ?? null)) } };
};
const partitionsOf = (node: YamlNode | undefined, unit: Unit | undefined): readonly string[] | undefined => {
  if (!node || unit === undefined) return undefined;
  const key = (of: YamlNode | undefined): string => {
    const scalar = isScalar(of?.node) ? (of.node.source ?? String(of.node.value)) : '';
    if (keyTime(scalar, unit) === undefined) throw (of ?? node).fail(`${scalar} is no partition by ${unit}`);
    return scalar;
  };
  if (isSeq(node.node)) return node.list('partitions').map(key).sort();
  const fields = node.fields('partitions', ['from', 'to']);
  return keysBetween(key(fields.get('from')), key(fields.get('to')), unit);
};

const TEST = ['name', 'model', 'given', 'existing', 'partitions', 'run_ts', 'expect'];
const DEFAULT_TIME = '2011-01-01 00:00:00+00';

/**
 * The tests of one file: `model` (for all, or in each test), `sources` (name to all its columns) and `tests`. `find` gives a table by id, `inputsOf` the ids and sources
 * that it reads. Errors: `transform-invalid` with the line.
 */
export const testsOf = (
  root: YamlNode,
  find: (id: string) => Transform | undefined,
  inputsOf: (transform: Transform) => readonly string[],
): readonly TestCase[] => {
  const file = root.fields('a test file', ['model', 'sources', 'tests']);
  const sourcesNode = file.get('sources');
  const sources = new Map(
    [...(sourcesNode?.fields('sources', namesOf(sourcesNode)) ?? [])].map(([name, list]) => [name, list.texts(name)]),
  );
  const tests = file.get('tests');
  if (!tests) throw root.fail('a test file needs tests');
  return tests.list('tests').map((node) => {
    const fields = node.fields('a test', TEST);
    const need = (name: string): YamlNode => {
      const found = fields.get(name);
      if (!found) throw node.fail(`a test needs ${name}`);
      return found;
    };
    const modelNode = fields.get('model') ?? file.get('model') ?? need('model');
    const transform = find(modelNode.text('model'));
    if (!transform) throw modelNode.fail(`there is no table ${modelNode.text('model')}; see transforms/sql`);
    const inputs = inputsOf(transform);
    const given =
      fields.get('given')?.fields(`given (${transform.id} reads them)`, inputs) ?? new Map<string, YamlNode>();
    const existing = fields.get('existing');
    const time = fields.get('run_ts');
    const at = time ? (cellOf(time, 'run_ts', { kind: 'timestamp' }) ?? DEFAULT_TIME) : DEFAULT_TIME;
    const incremental = transform.kind === 'incremental_by_partition' ? transform.partition?.unit : undefined;
    const partitions = partitionsOf(fields.get('partitions'), incremental);
    if (incremental && !partitions)
      throw node.fail(`${transform.id} is made by partition, so the test needs partitions`);
    return {
      name: need('name').text('name'),
      file: node.place.file,
      line: node.place.line,
      transform,
      given: new Map([...given].map(([name, rows]) => [name, rowsOf(rows, find(name)?.columns, sources.get(name))])),
      existing: existing && rowsOf(existing, transform.columns),
      partitions,
      at: microsOf(at),
      expect: expectOf(need('expect'), transform.columns),
    };
  });
};

const microsOf = (text: string): bigint => {
  const [seconds = '', fraction = ''] = text.replace('+00', '').split('.');
  return BigInt(Date.parse(`${seconds.replace(' ', 'T')}Z`)) * 1000n + BigInt(fraction.padEnd(6, '0') || '0');
};
