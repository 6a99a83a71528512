import { typeText } from '../../../query/index.js';
import { keyTime } from '../step/partition-keys.js';
import type { KnownColumn } from './check-reader.js';
import { type ContractColumn, type Lookup, type Partition, UNITS, type Unit } from './definition.js';
import type { YamlNode } from './yaml-reader.js';

export const PARTITION_FIELDS = ['column', 'unit', 'start', 'lookback', 'max_batch', 'inputs', 'sources'];
export const LOOKUP_FIELDS = ['dimension', 'key', 'as_of', 'into', 'input'];

const SHAPE: Readonly<Record<Unit, string>> = {
  hour: '2010-12-01T08',
  day: '2010-12-01',
  month: '2010-12',
  year: '2010',
};

const needed = (node: YamlNode, f: ReadonlyMap<string, YamlNode>, what: string, field: string): YamlNode => {
  const found = f.get(field);
  if (!found) throw node.fail(`${what} needs ${field}`);
  return found;
};

/** The partition's column must be able to hold the unit's keys, and every row must be in some partition. */
const checkColumn = (at: YamlNode, column: ContractColumn | undefined, unit: Unit): void => {
  if (!column) return;
  const fitting = unit === 'hour' ? ['timestamp', 'integer', 'bigint'] : ['date', 'integer', 'bigint'];
  if (!fitting.includes(column.type.kind))
    throw at.fail(
      `partition.column ${column.name} is ${typeText(column.type)}; a partition by ${unit} needs ${fitting.join(', ')}`,
    );
  if (column.nullable)
    throw at.fail(`partition.column ${column.name} must not be nullable: a row would be in no partition`);
};

/** How the table is cut. The unit is `day` when it is not given. */
export const partitionOf = (node: YamlNode, columns: readonly ContractColumn[], known: KnownColumn): Partition => {
  const f = node.fields('partition', PARTITION_FIELDS);
  const at = needed(node, f, 'partition', 'column');
  const column = known(at.text('partition.column'), at);
  const unit = f.get('unit')?.oneOf('partition.unit', UNITS) ?? 'day';
  checkColumn(
    at,
    columns.find(({ name }) => name === column),
    unit,
  );
  const startNode = f.get('start');
  const start = startNode?.written('partition.start');
  if (startNode && start !== undefined && keyTime(start, unit) === undefined)
    throw startNode.fail(`partition.start must be a ${unit} such as ${SHAPE[unit]}; it is ${start}`);
  const texts = (field: string): ReadonlyMap<string, string> =>
    new Map(
      f
        .get(field)
        ?.entries(`partition.${field}`)
        .map(({ name, value }) => [name, value.text(`partition.${field}.${name}`)] as const),
    );
  return {
    ...{ column, unit, start },
    lookback: f.get('lookback')?.integer('partition.lookback', 0) ?? 0,
    maxBatch: f.get('max_batch')?.integer('partition.max_batch', 1),
    inputs: texts('inputs'),
    sources: texts('sources'),
  };
};

/** The look-ups of a fact. Whether the tables have the columns is checked where all files are known. */
export const lookupsOf = (node: YamlNode, known: KnownColumn, partition: Partition | undefined): Lookup[] =>
  node.list('lookups').map((each) => {
    const f = each.fields('a lookup', LOOKUP_FIELDS);
    const text = (field: string): string => needed(each, f, 'a lookup', field).text(field);
    const into = needed(each, f, 'a lookup', 'into');
    const input = f.get('input');
    const named = input?.text('input');
    const inputs = [...(partition?.inputs.keys() ?? [])];
    if (input && named !== undefined && !inputs.includes(named))
      throw input.fail(
        `lookups.input ${named} is not among partition.inputs (${inputs.join(', ') || 'there are none'})`,
      );
    if (named === undefined && inputs.length > 1)
      throw each.fail(`this lookup needs input: which of ${inputs.join(', ')} holds the rows that are looked up`);
    return {
      dimension: text('dimension'),
      key: text('key'),
      asOf: text('as_of'),
      into: known(into.text('into'), into),
      input: named ?? inputs[0],
    };
  });
