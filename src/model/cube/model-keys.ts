import { PERIODS, STAGE_OPERATORS, WEEKDAYS, YEAR_BEGINS } from '../catalog/index.js';

/**
 * Every key that a model's file may hold, as data: the check of files and `schema/model.schema.json` are made of it. The list is
 * Cube's, without what legs cannot hold; `meta` has keys of ours.
 */
export type Wanted =
  | 'text'
  | 'flag'
  | 'number'
  | 'any'
  | { readonly oneOf: readonly string[] }
  | { readonly each: Wanted }
  | { readonly object: string }
  | { readonly either: readonly Wanted[] };

export interface KeyGroup {
  readonly keys: Readonly<Record<string, Wanted>>;
  readonly required?: readonly string[];
  /** Keys that Cube knows and this service refuses, and why. */
  readonly refused?: Readonly<Record<string, string>>;
  /** `meta`: keys that we do not know belong to others. */
  readonly open?: boolean;
}

const each = (group: string): Wanted => ({ each: { object: group } });
const object = (group: string): Wanted => ({ object: group });
const textOrList: Wanted = { either: ['text', { each: 'text' }] };

const MEASURE_TYPES = ['count', 'count_distinct', 'sum', 'min', 'max', 'number'];
export const GRANULARITIES = ['second', 'minute', 'hour', 'day', 'week', 'month', 'quarter', 'year'];
const described: Readonly<Record<string, Wanted>> = {
  title: 'text',
  description: 'text',
  public: 'flag',
  shown: 'flag',
  meta: object('meta'),
};
const composed = 'is composed above legs and not part of the model; ask for it in the query';

export const KEYS: Readonly<Record<string, KeyGroup>> = {
  file: { keys: { cubes: each('cube'), views: each('view') }, refused: { view_groups: 'view groups are not read' } },
  cube: {
    required: ['name'],
    keys: {
      name: 'text',
      extends: 'text',
      sql: 'text',
      sql_table: 'text',
      sql_alias: 'text',
      data_source: 'text',
      refresh_key: 'any',
      rewrite_queries: 'flag',
      ...described,
      joins: each('join'),
      dimensions: each('dimension'),
      measures: each('measure'),
      segments: each('segment'),
      hierarchies: 'any',
      pre_aggregations: each('rollup'),
      access_policy: each('policy'),
    },
    refused: { calendar: 'calendars are not read from Cube' },
  },
  join: {
    required: ['name', 'relationship', 'sql'],
    keys: {
      name: 'text',
      sql: 'text',
      relationship: {
        oneOf: [
          'many_to_one',
          'one_to_many',
          'one_to_one',
          'belongs_to',
          'has_many',
          'has_one',
          'belongsTo',
          'hasMany',
          'hasOne',
        ],
      },
    },
  },
  dimension: {
    required: ['name'],
    keys: {
      name: 'text',
      sql: 'text',
      type: { oneOf: ['string', 'number', 'boolean', 'time'] },
      primary_key: 'flag',
      case: 'any',
      format: 'any',
      currency: 'text',
      granularities: each('granularity'),
      suggest_filter_values: 'flag',
      order: { oneOf: ['asc', 'desc'] },
      ...described,
    },
    refused: {
      sub_query: 'a subquery dimension holds two grains in one statement',
      propagate_filters_to_sub_query: 'a subquery dimension holds two grains in one statement',
      mask: 'masks are pseudonyms; give meta.pseudonym',
      latitude: 'geographic dimensions are not read',
      longitude: 'geographic dimensions are not read',
      multi_stage: composed,
      time_shift: composed,
    },
  },
  granularity: {
    required: ['name', 'interval'],
    keys: { name: 'text', title: 'text', interval: 'text', offset: 'text', origin: 'text' },
  },
  measure: {
    required: ['name', 'type'],
    keys: {
      name: 'text',
      sql: 'text',
      type: { oneOf: MEASURE_TYPES },
      filters: each('measureFilter'),
      format: 'any',
      currency: 'text',
      drill_members: { each: 'text' },
      ...described,
    },
    refused: {
      rolling_window: composed,
      multi_stage: composed,
      time_shift: composed,
      cumulative: composed,
      mask: 'masks are pseudonyms of dimensions',
      case: 'write the case into sql',
    },
  },
  measureFilter: { required: ['sql'], keys: { sql: 'text' } },
  segment: { required: ['name', 'sql'], keys: { name: 'text', sql: 'text', ...described } },
  rollup: {
    required: ['name'],
    keys: {
      name: 'text',
      type: { oneOf: ['rollup'] },
      measures: { each: 'text' },
      dimensions: { each: 'text' },
      time_dimension: 'text',
      granularity: { oneOf: GRANULARITIES },
      partition_granularity: { oneOf: ['day', 'week', 'month', 'quarter', 'year'] },
      refresh_key: 'any',
      external: 'flag',
      scheduled_refresh: 'flag',
      allow_non_strict_date_range_match: 'flag',
      indexes: 'any',
    },
    refused: {
      segments: 'keep the dimensions of the segment instead',
      time_dimensions: 'a rollup has one time dimension: time_dimension and granularity',
      build_range_start: 'a rollup holds every row of its source',
      build_range_end: 'a rollup holds every row of its source',
      rollups: 'rollups of rollups are not built',
      union_with_source_data: 'rollups of rollups are not built',
      sql_alias: 'tables of rollups are named by us',
      unique_key_columns: 'rollups are grouped rows',
    },
  },
  policy: {
    keys: {
      group: 'text',
      groups: { each: 'text' },
      conditions: each('condition'),
      member_level: object('memberLevel'),
      member_masking: object('memberLevel'),
      row_level: object('rowLevel'),
    },
    refused: { role: 'write group' },
  },
  condition: { required: ['if'], keys: { if: 'text' } },
  memberLevel: { keys: { includes: textOrList, excludes: textOrList } },
  rowLevel: { keys: { allow_all: 'flag', filters: each('rowFilter') } },
  rowFilter: {
    keys: {
      member: 'text',
      operator: {
        oneOf: [
          'equals',
          'notEquals',
          'in',
          'notIn',
          'gt',
          'gte',
          'lt',
          'lte',
          'set',
          'notSet',
          'contains',
          'startsWith',
          'endsWith',
        ],
      },
      values: { either: ['text', { each: 'any' }] },
      and: each('rowFilter'),
      or: each('rowFilter'),
    },
  },
  view: {
    required: ['name'],
    keys: {
      name: 'text',
      extends: 'text',
      ...described,
      cubes: each('viewCube'),
      folders: 'any',
      access_policy: each('policy'),
    },
    refused: { default_filters: 'write the condition as a row rule or a segment' },
  },
  viewCube: {
    required: ['join_path'],
    keys: {
      join_path: 'text',
      alias: 'text',
      prefix: 'flag',
      includes: { either: ['text', { each: { either: ['text', { object: 'include' }] } }] },
      excludes: { each: 'text' },
    },
    refused: { split: 'write two views' },
  },
  include: {
    required: ['name'],
    keys: { name: 'text', alias: 'text', title: 'text', description: 'text', format: 'any', meta: object('meta') },
  },
  meta: {
    open: true,
    keys: {
      type: 'text',
      unit: 'text',
      synonyms: { each: 'text' },
      searchable: 'flag',
      certified: 'flag',
      synthetic: 'flag',
      pii: { oneOf: ['none', 'pseudonymous', 'direct'] },
      pseudonym: 'text',
      ratio: object('ratio'),
      non_additive: object('nonAdditive'),
      stage: object('stage'),
      level: object('level'),
      period: object('period'),
      difference: object('difference'),
      conforms: { each: 'text' },
      calendars: { each: { either: ['text', object('calendar')] } },
    },
    refused: {
      min_group_size: 'small groups are not merged yet; leave the member out',
    },
  },
  ratio: { required: ['numerator', 'denominator'], keys: { numerator: 'text', denominator: 'text' } },
  nonAdditive: {
    required: ['over', 'take'],
    keys: {
      over: 'text',
      take: { oneOf: ['last', 'first', 'avg', 'min', 'max'] },
      carry: { oneOf: ['none', 'forward'] },
    },
  },
  stage: {
    required: ['measure', 'by', 'take'],
    keys: {
      measure: 'text',
      by: { each: 'text' },
      take: { oneOf: ['sum', 'avg', 'min', 'max', 'count'] },
      conditions: each('stageCondition'),
      known: 'flag',
    },
  },
  stageCondition: {
    required: ['op', 'value'],
    keys: { op: { oneOf: Object.keys(STAGE_OPERATORS) }, value: { either: ['number', 'text'] } },
  },
  period: { required: ['measure', 'take'], keys: { measure: 'text', take: { oneOf: PERIODS } } },
  difference: { required: ['of', 'less'], keys: { of: 'text', less: 'text' } },
  calendar: {
    required: ['name'],
    keys: {
      name: 'text',
      pattern: { oneOf: ['months', '4-4-5', '4-5-4', '5-4-4'] },
      starts: 'text',
      begins: { oneOf: Object.keys(YEAR_BEGINS) },
      week_start: { oneOf: WEEKDAYS },
    },
  },
  level: { required: ['measure', 'by'], keys: { measure: 'text', by: { each: 'text' } } },
};
