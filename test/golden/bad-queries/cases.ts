/** Malformed and absurd queries. Each has to be refused by name, before anything is asked of an engine. */
export interface BadQuery {
  readonly what: string;
  readonly body: unknown;
}

const sold = 'retail.sold_at';
const net = 'retail.net_revenue';
const country = 'retail.country';
const base = { measures: [net], dimensions: [country] };
const week = ['2010-12-01', '2010-12-08'] as const;
const day = { dimension: sold, granularity: 'day', range: week };
const bad = (what: string, body: unknown): BadQuery => ({ what, body });
const where = (what: string, filter: unknown): BadQuery => bad(what, { ...base, where: filter });
const leaf = (member: string, op: string, ...values: unknown[]) => ({ member, op, values });
const nested = (depth: number, inside: unknown, wrap: (of: unknown) => unknown): unknown =>
  depth === 0 ? inside : nested(depth - 1, wrap(inside), wrap);
const many = <T>(count: number, of: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => of(i));

const forms: BadQuery[] = [
  ...[null, 1, 'SELECT 1', true, [], [base]].map((body) => bad(`a body of ${JSON.stringify(body)}`, body)),
  bad('nothing at all', {}),
  bad('only a limit', { limit: 1 }),
  bad('only a condition', { where: leaf(country, 'eq', 'France') }),
  ...['measures', 'dimensions', 'time', 'segments', 'order', 'compare'].flatMap((key) => [
    bad(`${key} as a text`, { ...base, [key]: 'retail.x' }),
    bad(`${key} as a number`, { ...base, [key]: 7 }),
    bad(`${key} as an object`, { ...base, [key]: { a: 1 } }),
    bad(`${key} that hold null`, { ...base, [key]: [null] }),
  ]),
  ...['measure', 'filters', 'timeDimensions', 'orderBy', '__proto__x', 'constructor'].map((key) =>
    bad(`the key ${key}`, { ...base, [key]: [] }),
  ),
];

const names: BadQuery[] = [
  ...['retail.nope', 'nope.net_revenue', 'net_revenue', '', '.', 'retail.', '.net_revenue', 'retail..net_revenue'].map(
    (name) => bad(`the measure ${JSON.stringify(name)}`, { measures: [name] }),
  ),
  ...[
    'Retail.net_revenue',
    'retail.NET_REVENUE',
    'retail.net_revenue ',
    'retail."net_revenue"',
    'sales.net_revenue',
  ].map((name) => bad(`the measure ${name}`, { measures: [name] })),
  ...[
    "retail.net_revenue'; DROP TABLE x; --",
    'retail.net_revenue\u0000',
    `retail.${'x'.repeat(5_000)}`,
    '__proto__',
  ].map((name) => bad(`the measure ${JSON.stringify(name).slice(0, 30)}`, { measures: [name] })),
  ...['constructor', 'toString', 'hasOwnProperty', 'retail.__proto__'].map((name) =>
    bad(`the dimension ${name}`, { dimensions: [name] }),
  ),
  bad('a dimension as a measure', { measures: [country] }),
  bad('a measure as a dimension', { dimensions: [net] }),
  bad('a measure as a segment', { ...base, segments: [net] }),
  bad('members of two views without a shared key', { measures: [net, 'quality.checks'] }),
  bad('a measure twice', { measures: [net, net] }),
  bad('a dimension twice', { ...base, dimensions: [country, country] }),
  bad('a member that is not public', { dimensions: ['countries.country_name'] }),
];

const times: BadQuery[] = [
  bad('a time with nothing to do', { ...base, time: [{ dimension: sold }] }),
  bad('a time of a text', { ...base, time: [{ dimension: country, granularity: 'day' }] }),
  ...['fortnight', 'DAY', '', 'day; --', 'days', 'microsecond'].map((granularity) =>
    bad(`the granularity ${JSON.stringify(granularity)}`, { ...base, time: [{ dimension: sold, granularity }] }),
  ),
  ...[
    ['2010-12-08', '2010-12-01'],
    ['2010-12-01', '2010-12-01'],
    ['2010-13-01', '2011-01-01'],
    ['2010-02-30', '2010-03-01'],
    ['yesterday', 'today'],
    ['', ''],
    ['2010-12-01'],
    ['2010-12-01', '2010-12-02', '2010-12-03'],
    ['12/1/2010', '12/2/2010'],
    ['2010-12-01T25:00', '2010-12-03'],
    ['0000-00-00', '9999-99-99'],
    ['2010-12-01+99:00', '2010-12-03'],
    [1291161600, 1291248000],
    '2010-12-01',
  ].map((range) => bad(`the range ${JSON.stringify(range)}`, { ...base, time: [{ dimension: sold, range }] })),
  ...['Mars/Phobos', 'UTC+99', '', "'; --", 'Europe/Berlin\u0000', '../../etc/passwd'].map((timezone) =>
    bad(`the zone ${JSON.stringify(timezone)}`, { ...base, time: [day], timezone }),
  ),
  bad('the same bucket twice', { ...base, time: [day, day] }),
  bad('filling without a granularity', { ...base, time: [{ dimension: sold, range: week, fill: true }] }),
  bad('filling without a range', { ...base, time: [{ dimension: sold, granularity: 'day', fill: true }] }),
  bad('filling seconds of a hundred years', {
    ...base,
    time: [{ dimension: sold, granularity: 'second', range: ['1950-01-01', '2050-01-01'], fill: true }],
  }),
];

const conditions: BadQuery[] = [
  where('a condition of nothing', {}),
  where('a condition that is a list', [leaf(country, 'eq', 'France')]),
  where('a condition that is a text', "country = 'France'"),
  where('an empty and', { and: [] }),
  where('an empty or', { or: [] }),
  where('not of nothing', { not: {} }),
  where('not of a list', { not: [leaf(country, 'eq', 'x')] }),
  where('and beside or', { and: [leaf(country, 'eq', 'x')], or: [leaf(country, 'eq', 'y')] }),
  where('a measure in where', leaf(net, 'gt', '1')),
  where('an unknown member', leaf('retail.nope', 'eq', 'x')),
  bad('a dimension in having', { ...base, having: leaf('retail.product', 'eq', 'x') }),
  ...['=', 'equals', 'EQ', '', 'in ', 'regexp', '__proto__', 'constructor', 'never', 'always'].map((op) =>
    where(`the operator ${JSON.stringify(op)}`, leaf(country, op, 'x')),
  ),
  ...['eq', 'ne', 'gt', 'gte', 'lt', 'lte', 'contains', 'startsWith', 'endsWith', 'like', 'ilike', 'in', 'notIn'].map(
    (op) => where(`${op} without values`, leaf(country, op)),
  ),
  ...['eq', 'gt', 'contains', 'like'].map((op) => where(`${op} with two values`, leaf(country, op, 'a', 'b'))),
  ...['isNull', 'isNotNull'].map((op) => where(`${op} with a value`, leaf(country, op, 'x'))),
  where('between of one', leaf(sold, 'between', '2010-12-01')),
  where('between of three', leaf(sold, 'between', '2010-12-01', '2010-12-02', '2010-12-03')),
  where('a null value', { member: country, op: 'eq', values: [null] }),
  where('an object as a value', { member: country, op: 'eq', values: [{ a: 1 }] }),
  where('a list as a value', { member: country, op: 'in', values: [['France']] }),
  where('values as a text', { member: country, op: 'eq', values: 'France' }),
  where('a number for a text', leaf(country, 'eq', 7)),
  where('a text for a flag', leaf('retail.is_return', 'eq', 'perhaps')),
  where('an order of flags', leaf('retail.is_return', 'gt', true)),
  where('a text operator on a time', leaf(sold, 'contains', '2010')),
  where('a time that is none', leaf(sold, 'gt', 'noon')),
  where('a zero byte', leaf(country, 'eq', 'Fra\u0000nce')),
  where('a pattern that ends with its escape', leaf(country, 'like', 'x\\')),
  bad('a text against a sum', { ...base, having: leaf(net, 'gt', 'much') }),
  bad('infinity against a sum', { ...base, having: leaf(net, 'gt', 'Infinity') }),
  bad('forty digits against a sum', { ...base, having: leaf(net, 'gt', '9'.repeat(40)) }),
  bad('a fraction against a count', { ...base, having: leaf('retail.orders', 'gt', '1.5') }),
  bad('a number that JSON rounded', { ...base, having: leaf('retail.orders', 'gt', 2 ** 53) }),
];

const sizes: BadQuery[] = [
  ...[65, 100, 1_000].map((depth) =>
    where(
      `not, ${depth} deep`,
      nested(depth, leaf(country, 'eq', 'x'), (of) => ({ not: of })),
    ),
  ),
  ...[65, 400].map((depth) =>
    where(
      `and, ${depth} deep`,
      nested(depth, leaf(country, 'eq', 'x'), (of) => ({ and: [of] })),
    ),
  ),
  where('fifty thousand values', { member: country, op: 'in', values: many(50_000, (i) => `c${i}`) }),
  where('ten thousand values of another type', leaf(sold, 'in', ...many(10_000, (i) => `c${i}`))),
  where('two hundred thousand values', { member: country, op: 'in', values: many(200_000, () => 'x') }),
  where('five thousand conditions', { or: many(5_000, (i) => leaf(country, 'eq', `c${i}`)) }),
  where('thirty lists of a thousand values', {
    or: many(30, () => leaf(country, 'in', ...many(1_000, (i) => `c${i}`))),
  }),
  bad('five hundred measures', { measures: many(500, () => net) }),
  bad('five hundred unknown dimensions', { ...base, dimensions: many(500, (i) => `retail.d${i}`) }),
  bad('two hundred unknown dimensions', { ...base, dimensions: many(200, (i) => `retail.d${i}`) }),
  bad('a hundred times', { ...base, time: many(100, () => day) }),
  bad('five hundred orders', { ...base, order: many(500, () => ({ by: net })) }),
  bad('a hundred comparisons', { ...base, time: [day], compare: many(100, (i) => ({ as: `c${i}`, shift: '1 day' })) }),
  bad('a cube of seven groups', {
    measures: [net],
    dimensions: ['country', 'region', 'product', 'category', 'line_type', 'is_return', 'value_tier'].map(
      (n) => `retail.${n}`,
    ),
    totals: 'cube',
  }),
  bad('a hundred sets of totals', { ...base, totals: many(100, () => [country]) }),
  ...[-1, 1.5, Number.MAX_VALUE, '10', null, true, Number.NaN].map((limit) =>
    bad(`the limit ${limit}`, { ...base, limit }),
  ),
  ...[-1, 0.5, 'x'].map((offset) => bad(`the offset ${offset}`, { ...base, offset })),
];

const more: BadQuery[] = [
  ...['nope', 'retail.nope', net.toUpperCase(), '', 'retail.product'].map((by) =>
    bad(`an order by ${JSON.stringify(by)}`, { ...base, order: [{ by }] }),
  ),
  ...['up', 'ASC', 1, null].map((dir) => bad(`the direction ${dir}`, { ...base, order: [{ by: net, dir }] })),
  bad('nulls in the middle', { ...base, order: [{ by: net, nulls: 'middle' }] }),
  ...['all', 'ROLLUP', 1, {}, [['retail.nope']], [[]]].map((totals) =>
    bad(`totals ${JSON.stringify(totals)}`, { ...base, totals }),
  ),
  bad('totals of nothing', { measures: [net], totals: 'grand' }),
  ...['last year', '', '1', '-1 day', '1.5 days', '0 days', '1 parsec', '99999999999 days'].map((shift) =>
    bad(`the shift ${JSON.stringify(shift)}`, { ...base, time: [day], compare: [{ as: 'before', shift }] }),
  ),
  bad('a comparison without a range', { ...base, compare: [{ as: 'before', shift: '1 day' }] }),
  bad('a comparison without a measure', {
    dimensions: [country],
    time: [day],
    compare: [{ as: 'before', shift: '1 day' }],
  }),
  bad('two comparisons of one name', {
    ...base,
    time: [day],
    compare: [
      { as: 'before', shift: '1 day' },
      { as: 'before', shift: '2 days' },
    ],
  }),
  bad('a shown thing that is none', {
    ...base,
    time: [day],
    compare: [{ as: 'before', shift: '1 day', show: ['percent'] }],
  }),
  ...['1', 'a b', 'x'.repeat(64), '', 'retail.x', 'ü'].map((as) =>
    bad(`a measure named ${JSON.stringify(as).slice(0, 20)}`, { measures: [{ measure: net, as }] }),
  ),
  bad('a filtered measure without a name', { measures: [{ measure: net, where: leaf(country, 'eq', 'x') }] }),
  ...['7', '7 parsecs', '-7 days', '0 days', ''].map((trailing) =>
    bad(`a window of ${JSON.stringify(trailing)}`, {
      ...base,
      time: [day],
      measures: [{ measure: net, as: 'w', window: { trailing } }],
    }),
  ),
  bad('a window to the date of nothing', {
    ...base,
    time: [day],
    measures: [{ measure: net, as: 'w', window: { toDate: 'era' } }],
  }),
  bad('two windows in one', {
    ...base,
    time: [day],
    measures: [{ measure: net, as: 'w', window: { trailing: '7 days', toDate: 'month' } }],
  }),
  bad('a window without a range', { measures: [{ measure: net, as: 'w', window: { trailing: '7 days' } }] }),
  ...['cache', 'RAW', 1].map((source) => bad(`the source ${source}`, { ...base, source })),
  bad('a freshness that is none', { ...base, fresh: 'yesterday' }),
];

export const BAD_QUERIES: readonly BadQuery[] = [...forms, ...names, ...times, ...conditions, ...sizes, ...more];

/** Documents of GraphQL that have to be refused, each for another reason. */
export const BAD_DOCUMENTS: readonly string[] = [
  '',
  '{',
  '{ }',
  '{ nope { nodes { country } } }',
  '{ retail { nodes { nope } } }',
  '{ retail }',
  '{ retail { nodes } }',
  '{ retail(first: -1) { nodes { country } } }',
  '{ retail(first: "x") { nodes { country } } }',
  '{ retail(orderBy: [{by: nope, dir: desc}]) { nodes { country } } }',
  '{ retail(where: {nope: {eq: "x"}}) { nodes { country } } }',
  '{ retail(where: {country: {regexp: "x"}}) { nodes { country } } }',
  '{ retail(where: {country: {eq: 7}}) { nodes { country } } }',
  'mutation { retail { nodes { country } } }',
  'subscription { retail { nodes { country } } }',
  `{ ${'a: retail { nodes { country } } '.repeat(2_000)} }`,
  `{ retail { nodes { ${'country '.repeat(20_000)} } } }`,
  `query q { ${'...f '.repeat(10)} } fragment f on Query { ...f }`,
];

/** Arguments of `assay query` that have to be refused. */
export const BAD_FLAGS: readonly (readonly string[])[] = [
  ['--measures', ''],
  ['--measures', 'retail.nope'],
  ['--measures', net, '--limit', '-1'],
  ['--measures', net, '--limit', 'ten'],
  ['--measures', net, '--limit', '1e99'],
  ['--measures', net, '--offset', '1.5'],
  ['--measures', net, '--range', '2010-12-01,2010-12-02'],
  ['--measures', net, '--time', 'retail.sold_at', '--range', '2010-12-01'],
  ['--measures', net, '--time', 'retail.sold_at:eon'],
  ['--measures', net, '--where', '{'],
  ['--measures', net, '--where', '[]'],
  ['--measures', net, '--where', 'null'],
  ['--measures', net, '--order', 'retail.net_revenue:up'],
  ['--measures', net, '--order', 'nope'],
  ['--measures', net, '--timezone', 'Mars'],
  ['--measures', net, '--source', 'cache'],
];
