import type { Catalogue, Member, Owner } from '../../../src/model/catalog/index.js';
import type { Access } from '../../../src/model/policy/index.js';
import { type DataType, parseType } from '../../../src/query/index.js';

/** A small model beside the files: one view over one cube, as the catalogue would hold it. */
const place = { file: 'views/retail.yml', line: 1 };
const type = (text: string): DataType => parseType(text) ?? { kind: 'string' };
const GRANULARITIES = ['second', 'minute', 'hour', 'day', 'week', 'month', 'quarter', 'year'];

const member = (name: string, kind: Member['kind'], typed: string, more: Partial<Member> = {}): Member => ({
  name: `retail.${name}`,
  owner: 'retail',
  kind,
  aliasOf: `sales.${name}`,
  title: name,
  description: `the ${name} of sales`,
  type: type(typed),
  cubeType: 'string',
  unit: undefined,
  format: undefined,
  synonyms: [],
  pii: 'none',
  additivity: 'none',
  ratio: undefined,
  granularities: typed === 'timestamp' ? GRANULARITIES : typed === 'date' ? GRANULARITIES.slice(3) : [],
  primaryKey: false,
  searchable: false,
  drillMembers: [],
  public: true,
  pseudonym: undefined,
  place,
  ...more,
});

export const MEMBERS: readonly Member[] = [
  member('country', 'dimension', 'string'),
  member('line_type', 'dimension', 'string'),
  member('is_return', 'dimension', 'boolean', { cubeType: 'boolean' }),
  member('quantity', 'dimension', 'integer', { cubeType: 'number' }),
  member('unit_price', 'dimension', 'decimal(10,3)', { cubeType: 'number' }),
  member('sold_at', 'dimension', 'timestamp', { cubeType: 'time' }),
  member('day', 'dimension', 'date', { cubeType: 'time' }),
  member('invoice', 'dimension', 'string'),
  member('net_revenue', 'measure', 'decimal(18,2)', {
    cubeType: 'sum',
    additivity: 'sum',
    description: 'What was sold, less returns.',
    unit: 'GBP',
  }),
  member('units', 'measure', 'bigint', { cubeType: 'sum', additivity: 'sum' }),
  member('lines', 'measure', 'bigint', { cubeType: 'count', additivity: 'sum' }),
  member('orders', 'measure', 'bigint', { cubeType: 'count_distinct', additivity: 'count_distinct' }),
  member('return_rate', 'measure', 'decimal(18,6)', { cubeType: 'number', additivity: 'ratio' }),
  member('returns', 'segment', 'boolean'),
];

const owner: Owner = {
  name: 'retail',
  kind: 'view',
  title: 'Retail',
  description: 'Sales of the shop',
  public: true,
  members: MEMBERS.map((m) => m.name),
  root: 'sales',
  meta: {},
  place,
};

export const CATALOGUE: Catalogue = {
  version: '0123456789abcdef',
  owners: new Map([['retail', owner]]),
  members: new Map(MEMBERS.map((m) => [m.name, m])),
  joins: [],
  rollups: [],
  policies: new Map(),
  calendars: new Map(),
  tables: new Map(),
};

/** Members that analysts do not see. */
const HIDDEN = new Set(['retail.invoice']);

export const accessFor = (roles: readonly string[]): Access => {
  const hides = !roles.includes('admin');
  const visible = (m: string) => CATALOGUE.members.has(m) && !(hides && HIDDEN.has(m));
  return {
    visibilityKey: hides ? 'analyst' : 'admin',
    attributesKey: 'none',
    owners: () => ['retail'],
    members: () => MEMBERS.map((m) => m.name).filter(visible),
    visible,
    masked: () => false,
    seesOfCube: () => 'full',
    replacement: () => undefined,
    rules: () => ({ denied: false, filters: [], policies: [] }),
    suggest: () => undefined,
  };
};
