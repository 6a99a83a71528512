import type { Publication } from '../../build/transform/index.js';
import { error } from '../../errors/index.js';
import type { Access } from '../../model/policy/index.js';
import type { Caller, ColumnBatch, Limits, MetricQuery } from '../../query/index.js';
import type { Admission, Answer, Ask, AskOptions, LoadedModel } from '../run/index.js';
import { type Chosen, chooseFeatures } from './choose.js';
import type { FeatureParts } from './parts.js';
import { callerReader, pitStatement } from './pit/statement.js';
import { answerPull, type FeatureSource, type Pull } from './pull.js';
import type { HistoricalRequest } from './request.js';
import { type Spine, spineOfAnswer, spineOfRows } from './spine.js';

const isRows = (spine: HistoricalRequest['spine']): spine is readonly Record<string, unknown>[] => Array.isArray(spine);

/** The rows of a metric query, under the caller's own rights and budgets. */
const asked = async (
  query: MetricQuery,
  chosen: Chosen,
  model: LoadedModel,
  ask: Ask,
  caller: Caller,
  options: AskOptions,
): Promise<Spine> => {
  const answer = await ask.query(query, caller, options);
  const batches: ColumnBatch[] = [];
  for await (const batch of answer.rows) batches.push(batch);
  return spineOfAnswer(answer.columns, batches, chosen.entities, model.catalogue);
};

/** The engine for a request: the lake where all tables are there (its history does not move), else PostgreSQL. Errors: `not-supported`. */
export const sourceFor = (
  wanted: HistoricalRequest['source'],
  tables: readonly string[],
  publication: Publication,
): FeatureSource => {
  if (wanted === 'spark')
    throw error('not-supported', {
      what: 'features are not computed on Spark: one statement over DuckDB spills to disk and takes millions of rows',
      instead: 'leave source out; cut a spine that is too large into parts',
    });
  const inLake = tables.every((table) => {
    const found = publication.tables.get(table);
    return found?.lake !== undefined || found?.lakeView !== undefined;
  });
  if (wanted === 'lake' || wanted === 'postgres') return wanted;
  return inLake ? 'lake' : 'postgres';
};

/** Decides a pull for one publication. The text is written for the engine that has all of its tables. */
export const pullFor =
  (chosen: Chosen, spine: Spine, model: LoadedModel, access: Access, source: HistoricalRequest['source']) =>
  (publication: Publication): Pull => {
    const reader = callerReader({ catalogue: model.catalogue, legs: model.legs, access });
    const lake = pitStatement(chosen, spine, reader, 'duckdb');
    const from = sourceFor(source, lake.tables, publication);
    const statement = from === 'lake' ? lake : pitStatement(chosen, spine, reader, 'postgres');
    return { chosen, spine, statement, source: from, publication, modelVersion: model.catalogue.version };
  };

/** Answers a request for a training set. Errors: those of `chooseFeatures`, of the spine and of the engine. */
export const historical = async (
  request: HistoricalRequest,
  context: {
    readonly caller: Caller;
    readonly options: AskOptions;
    readonly access: Access;
    readonly model: LoadedModel;
    readonly limits: Limits;
    readonly parts: FeatureParts;
    readonly ask: Ask;
    readonly admission: Admission;
    readonly began: number;
  },
): Promise<Answer> => {
  const { caller, options, access, model, parts } = context;
  const chosen = chooseFeatures(request, model.catalogue, access);
  const silent = chosen.views.find(({ view }) => view.availableAt === undefined);
  if (request.as_of === 'available' && silent)
    throw error('not-supported', {
      what: `${silent.view.name} does not record when an event became known, so as_of: available cannot be kept`,
      instead: 'give the view available_at, or ask with as_of: event',
    });
  const spine = isRows(request.spine)
    ? spineOfRows(request.spine, chosen.entities, model.catalogue)
    : await asked(request.spine, chosen, model, context.ask, caller, options);
  if (spine.length > context.limits.rows)
    throw error('budget-exceeded', { budget: 'rows', limit: String(context.limits.rows) });
  const plan = pullFor(chosen, spine, model, access, request.source);
  return answerPull(plan, context.admission, { caller, options, limits: context.limits, parts, asked: context.began });
};
