import { parseDecimal } from '../../../query/index.js';
import { type Check, METRIC_TYPES, type MetricType, type Question, SEVERITIES } from './definition.js';
import { hoursOf } from './freshness.js';
import type { YamlNode } from './yaml-reader.js';

export const CHECK_FIELDS =
  'type name columns severity tolerance metric description values to field expression sql within'.split(' ');
export const METRIC_OF: Readonly<Record<Question['type'], MetricType>> = {
  not_null: 'completeness',
  unique: 'uniqueness',
  accepted_values: 'validity',
  relationship: 'consistency',
  expression: 'validity',
  sql: 'consistency',
  freshness: 'timeliness',
};
/** The fields that each type of check has beside those of all. */
const OWN_FIELDS: Readonly<Record<Question['type'], readonly string[]>> = {
  not_null: [],
  unique: [],
  accepted_values: ['values'],
  relationship: ['to', 'field'],
  expression: ['expression'],
  sql: ['sql'],
  freshness: ['within'],
};
const ALL_OWN = Object.values(OWN_FIELDS).flat();

/** A number with up to six decimals, in millionths. */
export const millionths = (node: YamlNode, what: string): bigint => {
  const value = parseDecimal(node.numberText(what), 6);
  if (value === undefined || value < 0n) throw node.fail(`${what} must be a number from 0 with up to six decimals`);
  return value;
};

/** Gives a column's name when the contract has it, and fails at its place when not. */
export type KnownColumn = (column: string, at: YamlNode) => string;

const questionOf = (type: Question['type'], need: (field: string) => YamlNode): Question => {
  switch (type) {
    case 'accepted_values':
      return { type, values: need('values').texts('values') };
    case 'relationship':
      return { type, to: need('to').text('to'), field: need('field').text('field') };
    case 'expression':
      return { type, expression: need('expression').text('expression') };
    case 'sql':
      return { type, sql: need('sql').text('sql') };
    case 'freshness':
      return { type, hours: hoursOf(need('within'), 'within') };
    default:
      return { type };
  }
};

const checkOf = (node: YamlNode, known: KnownColumn): Check => {
  const f = node.fields('a check', CHECK_FIELDS);
  const need = (field: string): YamlNode => {
    const found = f.get(field);
    if (!found) throw node.fail(`this check needs ${field}`);
    return found;
  };
  const type = need('type').oneOf('type', Object.keys(METRIC_OF) as Question['type'][]);
  for (const field of ALL_OWN) {
    const stray = OWN_FIELDS[type].includes(field) ? undefined : f.get(field);
    if (stray) throw stray.fail(`a check of type ${type} has no field ${field}`);
  }
  const list = f.get('columns')?.list('columns') ?? [];
  const columns = list.map((item) => known(item.text('a column'), item));
  if (columns.length === 0 && type !== 'sql' && type !== 'expression') throw node.fail(`${type} needs columns`);
  if (columns.length !== 1 && ['not_null', 'accepted_values', 'relationship', 'freshness'].includes(type))
    throw node.fail(`${type} takes one column; write one check for each`);
  const name =
    f.get('name')?.text('name') ??
    (type === 'sql' || type === 'expression' ? undefined : `${type}_${columns.join('_')}`);
  if (name === undefined) throw node.fail(`${type} needs a name`);
  const tolerance = f.get('tolerance');
  return {
    name,
    columns,
    question: questionOf(type, need),
    severity: need('severity').oneOf('severity', SEVERITIES),
    metric: f.get('metric')?.oneOf('metric', METRIC_TYPES) ?? METRIC_OF[type],
    toleranceMillionths: tolerance ? millionths(tolerance, 'tolerance') : 0n,
    place: node.place,
  };
};

/** The list of checks; names are told apart. */
export const checksOf = (node: YamlNode | undefined, known: KnownColumn): Check[] => {
  const checks = node?.list('checks').map((each) => checkOf(each, known)) ?? [];
  const twice = checks.find((check, i) => checks.findIndex((c) => c.name === check.name) !== i);
  if (node && twice) throw node.fail(`check ${twice.name} stands twice`);
  return checks;
};
