import { describe, expect, it } from 'vitest';
import type { LineageEdge } from '../../../store/state/index.js';
import type { ColumnEdge } from '../meaning/meaning.js';
import { type LineageNode, lineageAnswer, lineageText } from './answer.js';
import { edgesOf, type LineageGraph } from './edges.js';
import {
  auditEvents,
  completeEvent,
  type EventStep,
  failEvent,
  type LineageContext,
  type RunEvent,
  runUuid,
  startEvent,
} from './events.js';

const edge = (
  column: string,
  from: string,
  type: LineageEdge['type'] = 'DIRECT',
  subtype: string = 'IDENTITY',
): LineageEdge => {
  const cut = from.lastIndexOf('.');
  return { column, inputTable: from.slice(0, cut), inputColumn: from.slice(cut + 1), type, subtype };
};

/** bronze -> silver.lines -> gold.sales -> gold.mart; gold.report reads gold.sales in a way that was not understood. */
const graph: LineageGraph = new Map([
  [
    'silver.lines',
    {
      columns: ['invoice', 'amount'],
      edges: [
        edge('invoice', 'bronze.retail.InvoiceNo'),
        edge('amount', 'bronze.retail.Quantity', 'DIRECT', 'TRANSFORMATION'),
        edge('amount', 'bronze.retail.UnitPrice', 'DIRECT', 'TRANSFORMATION'),
        edge('amount', 'bronze.retail.Country', 'INDIRECT', 'CONDITIONAL'),
        edge('*', 'bronze.retail.UnitPrice', 'INDIRECT', 'FILTER'),
      ],
    },
  ],
  [
    'gold.sales',
    {
      columns: ['total', 'twice'],
      edges: [
        edge('total', 'silver.lines.amount'),
        edge('twice', 'silver.lines.amount', 'DIRECT', 'TRANSFORMATION'),
        edge('*', 'silver.lines.invoice', 'INDIRECT', 'JOIN'),
      ],
    },
  ],
  [
    'gold.mart',
    {
      columns: ['revenue'],
      edges: [
        edge('revenue', 'gold.sales.total', 'DIRECT', 'AGGREGATION'),
        edge('revenue', 'gold.sales.twice', 'DIRECT', 'AGGREGATION'),
      ],
    },
  ],
  ['gold.report', { columns: ['x'], edges: [edge('*', 'gold.sales.*', 'DIRECT', 'TRANSFORMATION')] }],
]);

const names = (nodes: readonly LineageNode[]): unknown[] =>
  nodes.map((node) => [
    `${node.table}.${node.column}${node.repeated ? ' again' : ''}`,
    ...(node.children.length > 0 ? [names(node.children)] : []),
  ]);

describe('lineage of a column', () => {
  it('goes down to the sources and up to the last tables', () => {
    const [answer] = lineageAnswer('gold.sales.total', graph).columns;
    expect(names(answer?.upstream ?? [])).toEqual([
      ['silver.lines.amount', [['bronze.retail.Quantity'], ['bronze.retail.UnitPrice']]],
    ]);
    expect(names(answer?.decidedBy ?? [])).toEqual([['silver.lines.invoice']]);
    expect(names(answer?.downstream ?? [])).toEqual([['gold.mart.revenue'], ['gold.report.x']]);
    expect(answer?.decides).toEqual([]);
  });
  it('opens a column once, however many ways lead to it', () => {
    const [answer] = lineageAnswer('gold.mart.revenue', graph).columns;
    expect(names(answer?.upstream ?? [])).toEqual([
      ['gold.sales.total', [['silver.lines.amount', [['bronze.retail.Quantity'], ['bronze.retail.UnitPrice']]]]],
      ['gold.sales.twice', [['silver.lines.amount again']]],
    ]);
  });
  it('is asked of sources and whole tables in the same way', () => {
    const [price] = lineageAnswer('bronze.retail.UnitPrice', graph).columns;
    expect(names(price?.decides ?? [])).toEqual([['silver.lines.*']]);
    expect(names(price?.downstream ?? [])).toMatchObject([['silver.lines.amount', expect.anything()]]);
    expect(lineageAnswer('bronze.retail', graph).columns.map((one) => one.column)).toEqual([
      'Country',
      'InvoiceNo',
      'Quantity',
      'UnitPrice',
    ]);
    const [opaque] = lineageAnswer('gold.report.x', graph).columns;
    expect(opaque?.upstream.map((node) => node.column)).toEqual(['total', 'twice']);
  });
  it.each([['gold.sales.none'], ['nothing'], ['gold.none.x']])('says what it knows instead of %s', (question) => {
    expect(() => lineageAnswer(question, graph)).toThrowError(`there is no table or column ${question}`);
  });
  it('reads as text', () => {
    expect(lineageText(lineageAnswer('gold.mart.revenue', graph))).toBe(`gold.mart.revenue
  made from
    ├─ gold.sales.total  aggregation
    │  └─ silver.lines.amount  identity
    │     ├─ bronze.retail.Quantity  transformation
    │     └─ bronze.retail.UnitPrice  transformation
    └─ gold.sales.twice  aggregation
       └─ silver.lines.amount  transformation  (see above)
`);
  });
  it('ends where tables read each other', () => {
    const loop: LineageGraph = new Map([
      ['a.a', { columns: ['x'], edges: [edge('x', 'a.b.x'), edge('x', 'a.a.x')] }],
      ['a.b', { columns: ['x'], edges: [edge('x', 'a.a.x')] }],
    ]);
    expect(names(lineageAnswer('a.a.x', loop).columns[0]?.upstream ?? [])).toEqual([
      ['a.a.x again'],
      ['a.b.x', [['a.a.x again']]],
    ]);
  });
  it('is kept as edges, each once', () => {
    const use = (column: string, type: ColumnEdge['type'], subtype: ColumnEdge['subtype']): ColumnEdge => ({
      ...{ table: 's.t', column, type, subtype },
    });
    expect(
      edgesOf({
        columns: new Map([['a', [use('x', 'DIRECT', 'IDENTITY'), use('x', 'DIRECT', 'IDENTITY')]]]),
        rows: [use('y', 'INDIRECT', 'FILTER')],
        opaque: new Set(['s.u']),
      }),
    ).toEqual([
      edge('a', 's.t.x'),
      edge('*', 's.t.y', 'INDIRECT', 'FILTER'),
      edge('*', 's.u.*', 'DIRECT', 'TRANSFORMATION'),
    ]);
  });
});

const context: LineageContext = { producer: 'urn:assay:0.1.0', jobs: 'assay/prod', datasets: 'postgres://host:5432' };
const step: EventStep = {
  runId: 'step-1',
  parent: { runId: '3b452093-782c-4ef2-9c0c-aafe2aa6f34d', job: 'run' },
  ...{ table: 'gold.sales', sql: 'SELECT amount AS total FROM silver.lines', dialect: 'duckdb' },
  inputs: [
    {
      name: 'silver.lines',
      columns: [
        { name: 'invoice', type: 'string' },
        { name: 'amount', type: 'decimal(12,2)', description: 'GBP' },
      ],
      version: 'v7',
    },
  ],
  output: { name: 'gold.sales', columns: [{ name: 'total', type: 'decimal(12,2)' }], version: undefined },
  lineage: [edge('total', 'silver.lines.amount'), edge('*', 'silver.lines.invoice', 'INDIRECT', 'FILTER')],
};
const AT = 1_291_190_400_123_457n;
/** Every kind of event; checked against the published JSON Schemas (2-0-2 and those of the facets) when they were written. */
const events: readonly RunEvent[] = [
  startEvent(context, step, AT),
  completeEvent(context, step, AT, { rows: 3, bytes: 1000, files: 1 }),
  failEvent(context, step, AT, { code: 'check-failed', message: '3 of 9 rows' }),
  ...[undefined, { code: 'check-failed', message: 'm' }].flatMap((refused) =>
    auditEvents(context, step, {
      ...{ startedAt: AT, endedAt: AT, refused },
      checks: [
        { check: 'not_null total', column: 'total', success: true, severity: 'critical', description: '0 of 9' },
        { check: 'balance', column: undefined, success: false, severity: 'warn', description: '1 of 1' },
      ],
    }),
  ),
];

describe('events', () => {
  const of = (name: string) => `https://openlineage.io/spec/facets/${name}`;
  it('name their job, run, parent and time', () => {
    expect(events.map((event) => [event.eventType, event.job.name])).toEqual([
      ['START', 'gold.sales'],
      ['COMPLETE', 'gold.sales'],
      ['FAIL', 'gold.sales'],
      ['START', 'gold.sales.audit'],
      ['COMPLETE', 'gold.sales.audit'],
      ['START', 'gold.sales.audit'],
      ['FAIL', 'gold.sales.audit'],
    ]);
    for (const event of events) {
      expect(event).toMatchObject({
        eventTime: '2010-12-01T08:00:00.123457Z',
        producer: 'urn:assay:0.1.0',
        schemaURL: 'https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent',
        job: { namespace: 'assay/prod' },
      });
      expect(event.run.runId).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      expect(event.run.facets['parent']).toMatchObject({
        _schemaURL: of('1-2-0/ParentRunFacet.json#/$defs/ParentRunFacet'),
        run: { runId: '3b452093-782c-4ef2-9c0c-aafe2aa6f34d' },
        job: { namespace: 'assay/prod', name: 'run' },
      });
    }
    expect(new Set(events.slice(0, 3).map((event) => event.run.runId)).size).toBe(1);
    expect(runUuid('step-2')).not.toBe(runUuid('step-1'));
  });
  it('carry schema, SQL, version, column lineage, statistics and the reason of a failure', () => {
    const [start, complete, fail] = events;
    const input = { namespace: 'postgres://host:5432', name: 'silver.lines' };
    expect(start?.inputs).toMatchObject([
      {
        ...input,
        facets: {
          schema: {
            fields: [
              { name: 'invoice', type: 'string', ordinal_position: 1 },
              { name: 'amount', type: 'decimal(12,2)', ordinal_position: 2, description: 'GBP' },
            ],
          },
          version: { datasetVersion: 'v7' },
        },
      },
    ]);
    expect(start?.job.facets['sql']).toMatchObject({ query: step.sql, dialect: 'duckdb' });
    expect(complete?.outputs[0]?.facets['columnLineage']).toEqual({
      _producer: 'urn:assay:0.1.0',
      _schemaURL: of('1-2-0/ColumnLineageDatasetFacet.json#/$defs/ColumnLineageDatasetFacet'),
      fields: {
        total: {
          inputFields: [
            {
              ...{ ...input, field: 'amount' },
              transformations: [{ type: 'DIRECT', subtype: 'IDENTITY', description: '', masking: false }],
            },
          ],
        },
      },
      dataset: [
        {
          ...{ ...input, field: 'invoice' },
          transformations: [{ type: 'INDIRECT', subtype: 'FILTER', description: '', masking: false }],
        },
      ],
    });
    expect(complete?.outputs[0]?.outputFacets).toMatchObject({
      outputStatistics: { rowCount: 3, size: 1000, fileCount: 1 },
    });
    expect(fail?.run.facets['errorMessage']).toMatchObject({ message: 'check-failed: 3 of 9 rows' });
  });
  it('tell what an audit found', () => {
    expect(events.at(-1)?.inputs).toMatchObject([
      {
        name: 'gold.sales',
        inputFacets: {
          dataQualityAssertions: {
            assertions: [
              { assertion: 'not_null total', column: 'total', success: true, severity: 'critical' },
              { assertion: 'balance', success: false },
            ],
          },
        },
      },
    ]);
  });
});
