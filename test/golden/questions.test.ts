import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { knownValues } from '../../src/answer/search/known-values.js';
import { parseQuestion } from '../../src/answer/search/question/parse.js';
import { loadModel } from '../../src/model/cube/index.js';
import type { Filter, MetricQuery } from '../../src/query/index.js';

interface Row {
  readonly q: string;
  readonly v?: string;
  readonly m?: string[];
  readonly also?: string[];
  readonly d?: string[];
  readonly g?: string;
  readonly r?: [string, string];
  readonly w?: Record<string, unknown[]>;
  readonly h?: Record<string, [string, string]>;
  readonly o?: 'asc' | 'desc';
  readonly l?: number;
  readonly c?: string;
  readonly no?: true;
}
const root = resolve(import.meta.dirname, '../..');
const rows = parse(readFileSync(join(root, 'data', 'search', 'questions.yml'), 'utf8')) as Row[];

const leaves = (f: Filter | undefined): Filter[] => (f === undefined ? [] : 'and' in f ? [...f.and] : [f]);
/** A query in the short form of the file, so that two ways to write one thing are one. */
const short = (query: MetricQuery, view: string) => {
  const name = (path: string) => path.replace(`${view}.`, '');
  const [time] = query.time ?? [];
  return {
    m: query.measures?.map((m) => name(typeof m === 'string' ? m : m.measure)),
    d: (query.dimensions ?? []).map(name).sort(),
    g: time?.granularity,
    r: time?.range,
    w: Object.fromEntries(
      leaves(query.where).flatMap((f) => {
        if (!('member' in f)) return [];
        const sign = { ne: '-', notIn: '-' }[f.op as string] ?? '';
        const end = { gte: '>=', lt: '<' }[f.op as string] ?? '';
        return [[`${sign}${name(f.member)}${end}`, [...(f.values ?? [])].sort()]];
      }),
    ),
    h: Object.fromEntries(
      leaves(query.having).flatMap((f) => ('member' in f ? [[name(f.member), [f.op, f.values?.[0]]]] : [])),
    ),
    o: query.order?.[0]?.dir,
    l: query.limit,
    c: query.compare?.[0]?.shift,
  };
};

it('a question gives the right metric query first in nine of ten cases; what cannot be answered is refused in words', async () => {
  const { catalogue } = await loadModel(join(root, 'model'));
  const members = [...catalogue.members.values()].filter((m) => m.public && catalogue.owners.get(m.owner)?.public);
  const country = ['United Kingdom', 'Germany', 'France', 'EIRE', 'Norway', 'Japan', 'Netherlands', 'Channel Islands'];
  const both = (dimension: string, values: readonly string[], views: readonly string[]) =>
    views.flatMap((v) => values.map((value) => ({ dimension: `${v}.${dimension}`, value })));
  const values = knownValues([
    ...both('country', country, ['retail', 'customer_health']),
    ...both('region', ['Europe', 'Asia'], ['retail']),
    ...both(
      'customer_segment',
      ['new', 'champions', 'loyal', 'at risk', 'lost', 'returns only', 'regular'],
      ['retail', 'customer_health'],
    ),
    ...both('value_tier', ['bronze', 'silver', 'gold', 'platinum'], ['retail', 'customer_health']),
    ...both('product', ['WHITE METAL LANTERN', 'SET OF 3 CAKE TINS', 'POSTAGE', 'Manual'], ['retail', 'inventory']),
    ...both('product_code', ['22423', '85123A', 'POST', 'M'], ['retail', 'inventory']),
    ...both('line_type', ['product', 'service'], ['retail', 'inventory']),
    ...both('category', ['Kitchen', 'Lighting', 'Bags', 'Other'], ['retail', 'inventory']),
  ]);
  const wrong: string[] = [];
  for (const { q, v = 'retail', no, also, ...wanted } of rows) {
    const told = await parseQuestion(q, { catalogue, members, values, like: async () => [], today: '2010-12-14' });
    if (no) {
      if (told.proposals.length > 0 || !told.refusal)
        wrong.push(`${q}: not refused: ${JSON.stringify(told.proposals[0]?.query)}`);
      continue;
    }
    const [first] = told.proposals;
    const got = first && short(first.query, v);
    const right = {
      ...{ d: [], g: undefined, r: undefined, w: {}, h: {}, o: undefined, l: undefined, c: undefined },
      ...wanted,
      ...(wanted.d ? { d: [...wanted.d].sort() } : {}),
    };
    const same = (m: string[] | undefined) =>
      JSON.stringify(Object.entries({ ...right, m }).sort()) === JSON.stringify(Object.entries(got ?? {}).sort());
    if (!same(right.m) && !(also && same(also))) wrong.push(`${q}: ${got ? JSON.stringify(got) : told.refusal}`);
  }
  expect(rows.length).toBe(100);
  expect(wrong.length, wrong.join('\n')).toBeLessThanOrEqual(10);
});
