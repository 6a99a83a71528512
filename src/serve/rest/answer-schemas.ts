import { Type } from '@sinclair/typebox';
import { MISS_REASONS } from '../../query/index.js';

/** What the routes answer, for OpenAPI. Not used to write answers: these go from columns to bytes. */

const texts = () => Type.Array(Type.String());
const literals = <const T extends readonly string[]>(names: T) =>
  Type.Union(names.map((n) => Type.Literal(n as T[number])));

export const ColumnSchema = Type.Object(
  {
    name: Type.String({ description: 'path of the member; retail.sold_at.day for a time bucket' }),
    type: Type.String({ description: 'string, boolean, integer, bigint, decimal(p,s), double, date or timestamp' }),
    unit: Type.Optional(Type.String()),
    role: literals(['dimension', 'time', 'measure', 'flag']),
  },
  { $id: 'Column' },
);

const TableVersionSchema = Type.Object({ table: Type.String(), version: Type.String() }, { $id: 'TableVersion' });
const RollupPart = Type.Object({ rollup: Type.String(), partition: Type.String(), version: Type.String() });

export const ProvenanceSchema = Type.Object(
  {
    requestId: Type.String(),
    plan: literals(['rollup', 'source', 'composed']),
    source: literals(['postgres', 'lake', 'rollup']),
    rollups: Type.Array(RollupPart),
    tables: Type.Array(TableVersionSchema),
    modelVersion: Type.String(),
    policies: texts(),
    stale: Type.Array(Type.Object({ rollup: Type.String(), builtFrom: Type.String(), now: Type.String() })),
    rows: Type.Integer(),
    total: Type.Optional(Type.Integer({ description: 'rows without limit and offset, where the query asks for it' })),
    cached: Type.Boolean(),
    timings: Type.Record(Type.String(), Type.Number(), { description: 'milliseconds by station' }),
  },
  { $id: 'Provenance', description: 'what an answer was made from' },
);

const Cell = Type.Union([Type.String(), Type.Number(), Type.Boolean(), Type.Null()]);
export const QueryAnswerSchema = Type.Object(
  {
    columns: Type.Array(ColumnSchema),
    rows: Type.Array(Type.Array(Cell), {
      description:
        'values in the order of the columns; bigint and decimal are texts in plain notation with the full scale, timestamps RFC 3339 in the zone of the query',
    }),
    total: Type.Optional(Type.Integer({ description: 'rows without limit and offset, where the query asks for it' })),
    provenance: ProvenanceSchema,
  },
  { $id: 'QueryAnswer' },
);

const CandidateSchema = Type.Object({
  rollup: Type.String(),
  verdict: literals(['used', 'not-needed', ...MISS_REASONS]),
  members: texts(),
  detail: Type.Optional(Type.String()),
  part: Type.Optional(
    Type.String({
      description: 'of a query with totals, comparisons or filtered measures: the part it was considered for',
    }),
  ),
});
export const ExplanationSchema = Type.Object(
  {
    plan: literals(['rollup', 'source', 'composed']),
    source: literals(['postgres', 'lake', 'rollup']),
    columns: Type.Array(ColumnSchema),
    candidates: Type.Array(CandidateSchema),
    tables: Type.Array(TableVersionSchema),
    policies: texts(),
    modelVersion: Type.String(),
    statements: Type.Optional(
      Type.Array(Type.Object({ engine: Type.String(), sql: Type.String(), parameters: Type.Array(Cell) }), {
        description: 'for roles that may see them',
      }),
    ),
    estimate: Type.Optional(
      Type.Object(
        {
          rows: Type.Number(),
          bytes: Type.Optional(Type.Number()),
          reads: Type.Array(
            Type.Object({ name: Type.String(), rows: Type.Number(), bytes: Type.Optional(Type.Number()) }),
          ),
        },
        { description: 'what it would read, by statistics; for roles that may see statements' },
      ),
    ),
    hypothetical: Type.Optional(
      Type.Object(
        { rollup: Type.String(), serves: Type.Boolean(), candidates: Type.Array(CandidateSchema) },
        { description: 'what the rollup that was given to be tried would do, for each part of the query' },
      ),
    ),
  },
  { $id: 'Explanation' },
);

const MemberSchema = Type.Object(
  {
    name: Type.String(),
    kind: literals(['measure', 'dimension', 'segment']),
    title: Type.String(),
    description: Type.String(),
    type: Type.String(),
    unit: Type.Optional(Type.String()),
    format: Type.Optional(Type.String()),
    synonyms: texts(),
    granularities: Type.Optional(Type.Array(Type.String(), { description: 'time dimensions: what may be asked for' })),
    searchable: Type.Optional(Type.Boolean()),
    pii: Type.Optional(literals(['none', 'pseudonymous', 'direct'])),
    masked: Type.Boolean({ description: 'the caller gets a stand-in instead of the value' }),
  },
  { $id: 'Member' },
);
export const CatalogSchema = Type.Object(
  {
    model: Type.String({ description: 'version of the model' }),
    views: Type.Array(
      Type.Object({
        name: Type.String(),
        title: Type.String(),
        description: Type.String(),
        members: Type.Array(MemberSchema),
      }),
    ),
    tables: Type.Array(TableVersionSchema),
  },
  { $id: 'Catalog' },
);

export const SearchAnswerSchema = Type.Object(
  {
    hits: Type.Array(
      Type.Object({
        name: Type.String(),
        kind: literals(['measure', 'dimension', 'segment', 'value']),
        value: Type.Optional(Type.String({ description: 'of a value; its dimension is in name' })),
        title: Type.String(),
        description: Type.String(),
        score: Type.Number(),
        why: texts(),
        query: Type.Optional(Type.Ref('MetricQuery')),
        filter: Type.Optional(Type.Ref('Filter')),
      }),
    ),
    total: Type.Integer({ description: 'all hits, also those beyond limit' }),
    provenance: Type.Object({
      modelVersion: Type.String(),
      members: Type.Integer({ description: 'members that exist for the caller' }),
      backend: literals(['embedded', 'typesense', 'elasticsearch', 'duckdb']),
      embedder: Type.Union([Type.String(), Type.Null()], { description: 'whose vectors were compared; null: none' }),
      why: Type.Optional(Type.String({ description: 'why no vectors were compared' })),
      notIndexed: Type.Optional(Type.Array(Type.String(), { description: 'dimensions of too many values' })),
    }),
  },
  { $id: 'SearchAnswer' },
);

export const QuestionAnswerSchema = Type.Object(
  {
    proposals: Type.Array(Type.Object({ query: Type.Ref('MetricQuery'), score: Type.Number(), reasons: texts() })),
    refusal: Type.Optional(Type.String({ description: 'why there is no proposal' })),
    provenance: Type.Object({ modelVersion: Type.String(), today: Type.String() }),
  },
  { $id: 'QuestionAnswer' },
);

/** RFC 9457. */
export const ProblemSchema = Type.Object(
  {
    type: Type.String({ description: 'urn:assay:error: and the code' }),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String({ description: 'what is wrong, naming the object and the place' }),
    code: Type.String({ description: 'stable, from a closed list' }),
    hint: Type.Optional(Type.String({ description: 'what to do about it' })),
    requestId: Type.String(),
  },
  { $id: 'Problem' },
);
