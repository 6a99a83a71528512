import { resolve } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { CheckResultRow } from '../../../store/state/index.js';
import type { Transform } from '../files/definition.js';
import { readTransforms } from '../files/read-transforms.js';
import { type DocumentedTable, type TransformDocs, transformDocs } from './docs.js';
import type { LineageGraph } from './edges.js';

const dir = resolve(import.meta.dirname, '../../../../transforms');
const edge = (
  column: string,
  inputTable: string,
  inputColumn: string,
  type: 'DIRECT' | 'INDIRECT',
  subtype: string,
) => ({
  ...{ column, inputTable, inputColumn, type, subtype },
});
let transforms: readonly Transform[];
let docs: TransformDocs;
const result = (check: string, status: string, value: string): CheckResultRow => ({
  ...{ metric_id: `run/gold.fact_sales/${check}`, table_name: 'gold.fact_sales', column_name: null, weight: 8 },
  ...{ metric_type: 'uniqueness', metric_value: value, threshold_value: null, status, check_details: '' },
  ...{ check_timestamp: '2010-12-14T00:00:00Z', severity: 'critical' },
});

beforeAll(async () => {
  transforms = await readTransforms(dir);
  const sales = transforms.find(({ name }) => name === 'gold.fact_sales');
  if (!sales) throw new TypeError('no gold.fact_sales');
  const older: Transform = { ...sales, id: 'gold.fact_sales_v1', version: 1 };
  const newer: Transform = {
    ...{ ...sales, version: 2, deprecates: 1, sunset: '2027-03-01', owner: 'sales | data <b>' },
    minScoreMillionths: 99_000_000n,
  };
  const unique = sales.checks[0]?.name ?? '';
  const bare = (transform: Transform): DocumentedTable => ({
    ...{ transform, fingerprint: undefined, results: [], state: undefined },
  });
  const graph: LineageGraph = new Map([
    [
      'gold.fact_sales',
      {
        columns: newer.columns.map(({ name }) => name),
        edges: [
          edge('total_amount', 'silver.order_lines', 'amount', 'DIRECT', 'IDENTITY'),
          edge('*', 'silver.order_lines', 'customer_id', 'INDIRECT', 'JOIN'),
        ],
      },
    ],
    [
      'silver.order_lines',
      {
        columns: ['amount', 'customer_id'],
        edges: [edge('amount', 'bronze.online_retail', 'Quantity', 'DIRECT', 'TRANSFORMATION')],
      },
    ],
  ]);
  docs = transformDocs({
    graph,
    tables: [
      ...transforms.filter(({ name }) => name !== 'gold.fact_sales').map(bare),
      bare(older),
      {
        ...{ transform: newer, fingerprint: 'a91c02ff' },
        results: [result(unique, 'FAIL', '0.000000'), result(unique, 'PASS', '0.999000')],
        state: {
          ...{ rows: 27_896, revision: 41, publishedAt: 1_291_190_400_123_457n, scoreMillionths: 99_500_000n },
          ...{ coverageMillionths: 987_500n, partitions: ['2010-12-01', '2010-12-02'] },
          quarantined: [{ partition: '2010-12-03', reason: 'check unique failed for 3 of 9 rows' }],
        },
      },
    ],
  });
});

describe('the documentation', () => {
  it('has a page for every table, each table of it whole', () => {
    expect([...docs.markdown.keys()].sort()).toEqual(
      ['index.md', 'gold.fact_sales_v1.md', ...transforms.map(({ id }) => `${id}.md`)].sort(),
    );
    for (const [file, text] of docs.markdown) {
      let width = 0;
      for (const line of text.split('\n')) {
        const cells = line.startsWith('|') ? line.replaceAll('\\|', '').split('|').length : 0;
        if (width > 0 && cells > 0) expect([file, line, cells]).toEqual([file, line, width]);
        width = cells;
      }
    }
  });
  it('leads only to pages that are there', () => {
    for (const text of docs.markdown.values())
      for (const [, target = ''] of text.matchAll(/\]\(([^)]+)\)/g)) expect(docs.markdown.has(target)).toBe(true);
  });
  it('says what a table is, who owns it, how good it is and where it comes from', () => {
    const page = docs.markdown.get('gold.fact_sales.md') ?? '';
    for (const part of [
      '# gold.fact_sales\n',
      '| owner | sales \\| data &lt;b> |',
      '| version | 2 (`a91c02ff`) |',
      '| other versions | [`gold.fact_sales_v1`](gold.fact_sales_v1.md) (until 2027-03-01) |',
      '| rows | 27,896 in 2 partitions, 2010-12-01 to 2010-12-02 |',
      '| published | revision 41, 2010-12-01T08:00:00.123457Z |',
      '| quality | score 99.5 of 100; coverage 98.75 %; at least 99 is asked for |',
      '| `2010-12-03` | check unique failed for 3 of 9 rows |',
      '| `total_amount` | `decimal(12,2)` | no | GBP |  |  |',
      '| `total_amount` | [`silver.order_lines.amount`](silver.order_lines.md) (identity) |  |',
      'Which rows there are is decided by: [`silver.order_lines.customer_id`](silver.order_lines.md) (join)',
      '| critical | uniqueness | none | PASS, 99.9 % passed |',
    ])
      expect(page).toContain(part);
    expect(docs.markdown.get('gold.fact_sales_v1.md')).toContain('| served until | 2027-03-01 |');
    const lines = docs.markdown.get('silver.order_lines.md') ?? '';
    expect(lines).toContain('[`gold.fact_sales.total_amount`](gold.fact_sales.md) (identity)');
    expect(lines).toContain('| read by | [`gold.fact_sales`](gold.fact_sales.md) |');
    expect(lines).toContain('`bronze.online_retail.Quantity` (transformation)');
    expect(docs.markdown.get('silver.stock_levels.md')).toContain('**Synthetic');
  });
  it('draws the graph of tables', () => {
    const index = docs.markdown.get('index.md') ?? '';
    const id = (name: string) => new RegExp(`(t\\d+)\\[\\(?"${name}"`).exec(index)?.[1];
    expect(index).toContain(`  ${id('silver.order_lines')} --> ${id('gold.fact_sales')}\n`);
    expect(index).toContain(`  ${id('bronze.online_retail')} --> ${id('silver.order_lines')}\n`);
    expect(index).toContain('| [`gold.fact_sales`](gold.fact_sales.md) | incremental by partition |');
  });
  it('is JSON as well', () => {
    const read = JSON.parse(JSON.stringify(docs.json)) as TransformDocs['json'];
    expect(read.tables).toHaveLength(transforms.length + 1);
    const sales = read.tables.find(({ id }) => id === 'gold.fact_sales');
    expect(sales?.published).toMatchObject({ score: '99.500000', coverage: '0.987500', partitions: 2 });
    expect(sales?.versions).toEqual([
      { id: 'gold.fact_sales', version: 2 },
      { id: 'gold.fact_sales_v1', version: 1, servedUntil: '2027-03-01' },
    ]);
  });
});
