import { createHash } from 'node:crypto';
import { timestampText } from '../../../query/index.js';
import type { LineageEdge } from '../../../store/state/index.js';
import { ALL } from './edges.js';

/** Who tells, and under which names; the same for all events of a process. */
export interface LineageContext {
  /** URI of the program and its version. */
  readonly producer: string;
  /** Namespace of jobs: the installation, and the environment if there are several. */
  readonly jobs: string;
  /** Namespace of datasets, such as `postgres://warehouse:5432`. */
  readonly datasets: string;
}

/** A table as events describe it. */
export interface EventDataset {
  readonly name: string;
  /** Empty: not known. */
  readonly columns: readonly {
    readonly name: string;
    readonly type: string;
    readonly description?: string | undefined;
  }[];
  /** The data version that was read or made; undefined when it is not known yet. */
  readonly version: string | undefined;
}

/** One computation of one table. Ids that are no UUIDs get one that is always the same. */
export interface EventStep {
  readonly runId: string;
  /** The run (`assay run`, `assay apply`) that the step is part of. */
  readonly parent: { readonly runId: string; readonly job: string } | undefined;
  /** The table, which names the job. */
  readonly table: string;
  readonly sql: string;
  readonly dialect: string;
  readonly inputs: readonly EventDataset[];
  readonly output: EventDataset;
  readonly lineage: readonly LineageEdge[];
}

export interface EventCheck {
  readonly check: string;
  readonly column: string | undefined;
  readonly success: boolean;
  readonly severity: string;
  readonly description: string;
}

/** A RunEvent of OpenLineage 2-0-2, ready for JSON. */
export interface RunEvent {
  readonly eventType: 'START' | 'COMPLETE' | 'FAIL';
  readonly eventTime: string;
  readonly producer: string;
  readonly schemaURL: string;
  readonly run: { readonly runId: string; readonly facets: Facets };
  readonly job: { readonly namespace: string; readonly name: string; readonly facets: Facets };
  readonly inputs: readonly Dataset[];
  readonly outputs: readonly Dataset[];
}
export type Facets = Readonly<Record<string, Readonly<Record<string, unknown>>>>;
export interface Dataset {
  readonly namespace: string;
  readonly name: string;
  readonly facets: Facets;
  readonly inputFacets?: Facets;
  readonly outputFacets?: Facets;
}

const SPEC = 'https://openlineage.io/spec';
const FACETS = {
  columnLineage: '1-2-0/ColumnLineageDatasetFacet',
  dataQualityAssertions: '1-1-0/DataQualityAssertionsDatasetFacet',
  version: '1-0-1/DatasetVersionDatasetFacet',
  errorMessage: '1-0-1/ErrorMessageRunFacet',
  parent: '1-2-0/ParentRunFacet',
  sql: '1-1-0/SQLJobFacet',
  schema: '1-2-0/SchemaDatasetFacet',
  jobType: '2-0-4/JobTypeJobFacet',
  outputStatistics: '1-0-2/OutputStatisticsOutputDatasetFacet',
} as const;

const facet = (
  context: LineageContext,
  name: keyof typeof FACETS,
  fields: Readonly<Record<string, unknown>>,
): Facets => {
  const [version = '', type = ''] = FACETS[name].split('/');
  return {
    [name]: {
      _producer: context.producer,
      _schemaURL: `${SPEC}/facets/${version}/${type}.json#/$defs/${type}`,
      ...fields,
    },
  };
};

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** The UUID of a run: its id if that is one, else one made from it (version 8, as RFC 9562 has it for ids of one's own making). */
export const runUuid = (id: string): string => {
  if (UUID.test(id)) return id;
  const hex = createHash('sha256').update(id).digest('hex');
  const variant = ((Number.parseInt(hex.slice(16, 17), 16) & 3) | 8).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
};

const describe = (context: LineageContext, dataset: EventDataset): Facets => ({
  ...(dataset.columns.length === 0
    ? {}
    : facet(context, 'schema', {
        fields: dataset.columns.map(({ name, type, description }, at) => ({
          ...{ name, type, ordinal_position: at + 1 },
          ...(description === undefined || description === '' ? {} : { description }),
        })),
      })),
  ...(dataset.version === undefined ? {} : facet(context, 'version', { datasetVersion: dataset.version })),
});

const columnLineage = (context: LineageContext, step: EventStep): Facets => {
  const columnsOf = new Map(step.inputs.map((input) => [input.name, input.columns.map(({ name }) => name)]));
  const fieldsOf = (edges: readonly LineageEdge[]) => {
    const fields = new Map<string, { table: string; column: string; transformations: object[] }>();
    for (const edge of edges) {
      const known = columnsOf.get(edge.inputTable) ?? [];
      for (const column of edge.inputColumn === ALL && known.length > 0 ? known : [edge.inputColumn]) {
        const key = `${edge.inputTable}\n${column}`;
        const field = fields.get(key) ?? { table: edge.inputTable, column, transformations: [] };
        fields.set(key, field);
        field.transformations.push({ type: edge.type, subtype: edge.subtype, description: '', masking: false });
      }
    }
    return [...fields.values()].map(({ table, column, transformations }) => ({
      ...{ namespace: context.datasets, name: table, field: column, transformations },
    }));
  };
  const named = step.output.columns.map(({ name }) => name);
  const fields = named.flatMap((name) => {
    const inputFields = fieldsOf(step.lineage.filter((edge) => edge.column === name));
    return inputFields.length === 0 ? [] : [[name, { inputFields }] as const];
  });
  const dataset = fieldsOf(step.lineage.filter((edge) => edge.column === ALL));
  if (fields.length === 0 && dataset.length === 0) return {};
  return facet(context, 'columnLineage', {
    fields: Object.fromEntries(fields),
    ...(dataset.length === 0 ? {} : { dataset }),
  });
};

const envelope = (
  context: LineageContext,
  of: Pick<EventStep, 'runId' | 'parent'> & { readonly job: string },
  eventType: RunEvent['eventType'],
  at: bigint,
  facets: { readonly run?: Facets; readonly job: Facets },
) => ({
  ...{ eventType, eventTime: timestampText(at), producer: context.producer },
  schemaURL: `${SPEC}/2-0-2/OpenLineage.json#/$defs/RunEvent`,
  run: {
    runId: runUuid(of.runId),
    facets: {
      ...facets.run,
      ...(of.parent === undefined
        ? {}
        : facet(context, 'parent', {
            run: { runId: runUuid(of.parent.runId) },
            job: { namespace: context.jobs, name: of.parent.job },
          })),
    },
  },
  job: { namespace: context.jobs, name: of.job, facets: facets.job },
});

const stepEvent = (
  context: LineageContext,
  step: EventStep,
  eventType: RunEvent['eventType'],
  at: bigint,
  more: { readonly run?: Facets; readonly output?: Facets } = {},
): RunEvent => ({
  ...envelope(context, { ...step, job: step.table }, eventType, at, {
    ...(more.run === undefined ? {} : { run: more.run }),
    job: {
      ...facet(context, 'sql', { query: step.sql, dialect: step.dialect }),
      ...facet(context, 'jobType', { processingType: 'BATCH', integration: 'ASSAY', jobType: 'MODEL' }),
    },
  }),
  inputs: step.inputs.map((input) => ({
    ...{ namespace: context.datasets, name: input.name, facets: describe(context, input) },
  })),
  outputs: [
    {
      ...{ namespace: context.datasets, name: step.output.name },
      facets: { ...describe(context, step.output), ...columnLineage(context, step) },
      ...(more.output === undefined ? {} : { outputFacets: more.output }),
    },
  ],
});

/** A step begins. Times are microseconds since 1970 UTC. */
export const startEvent = (context: LineageContext, step: EventStep, at: bigint): RunEvent =>
  stepEvent(context, step, 'START', at);

/** A step has made its rows, and they are published. */
export const completeEvent = (
  context: LineageContext,
  step: EventStep,
  at: bigint,
  made: { readonly rows: number; readonly bytes: number; readonly files: number },
): RunEvent =>
  stepEvent(context, step, 'COMPLETE', at, {
    output: facet(context, 'outputStatistics', { rowCount: made.rows, size: made.bytes, fileCount: made.files }),
  });

/** A step was refused or failed. `message` is one of the catalogue: it carries no data. */
export const failEvent = (
  context: LineageContext,
  step: EventStep,
  at: bigint,
  reason: { readonly code: string; readonly message: string },
): RunEvent =>
  stepEvent(context, step, 'FAIL', at, {
    run: facet(context, 'errorMessage', { message: `${reason.code}: ${reason.message}`, programmingLanguage: 'SQL' }),
  });

/**
 * The audit of a table as a job of its own, `<table>.audit`, that reads what the step made: assertions belong to inputs. Two events,
 * START and COMPLETE (or FAIL when the audit refused the rows).
 */
export const auditEvents = (
  context: LineageContext,
  step: EventStep,
  audit: {
    readonly startedAt: bigint;
    readonly endedAt: bigint;
    readonly checks: readonly EventCheck[];
    readonly refused: { readonly code: string; readonly message: string } | undefined;
  },
): RunEvent[] => {
  const of = { runId: `audit of ${step.runId}`, parent: step.parent, job: `${step.table}.audit` };
  const job = facet(context, 'jobType', { processingType: 'BATCH', integration: 'ASSAY', jobType: 'TEST' });
  const input = { namespace: context.datasets, name: step.output.name, facets: describe(context, step.output) };
  const assertions = audit.checks.map(({ check, column, success, severity, description }) => ({
    ...{ assertion: check, success, severity, description, name: check },
    ...(column === undefined ? {} : { column }),
  }));
  const { refused } = audit;
  const error =
    refused &&
    facet(context, 'errorMessage', { message: `${refused.code}: ${refused.message}`, programmingLanguage: 'SQL' });
  return [
    { ...envelope(context, of, 'START', audit.startedAt, { job }), inputs: [input], outputs: [] },
    {
      ...envelope(context, of, refused ? 'FAIL' : 'COMPLETE', audit.endedAt, { job, ...(error ? { run: error } : {}) }),
      inputs: [{ ...input, inputFacets: facet(context, 'dataQualityAssertions', { assertions }) }],
      outputs: [],
    },
  ];
};

/** A whole run (`assay run`, `assay apply`), which the steps name as their parent. */
export const runEvent = (
  context: LineageContext,
  run: { readonly runId: string; readonly job: string },
  eventType: RunEvent['eventType'],
  at: bigint,
  reason?: { readonly code: string; readonly message: string },
): RunEvent => ({
  ...envelope(context, { runId: run.runId, parent: undefined, job: run.job }, eventType, at, {
    job: facet(context, 'jobType', { processingType: 'BATCH', integration: 'ASSAY', jobType: 'RUN' }),
    ...(reason
      ? {
          run: facet(context, 'errorMessage', {
            message: `${reason.code}: ${reason.message}`,
            programmingLanguage: 'SQL',
          }),
        }
      : {}),
  }),
  ...{ inputs: [], outputs: [] },
});
