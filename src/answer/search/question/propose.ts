import { AssayError, error } from '../../../errors/index.js';
import type { MetricQuery } from '../../../query/index.js';
import { visibleMembers } from '../model-documents.js';
import type { Search, SearchContext, SearchModel } from '../search.js';
import { type Proposal, parseQuestion } from './parse.js';

/** Metric queries that a question may mean, best first; without any, why in words. */
export interface QuestionAnswer {
  readonly proposals: readonly Proposal[];
  readonly refusal?: string;
  readonly provenance: { readonly modelVersion: string; readonly today: string };
}

export interface QuestionRequest {
  readonly q: string;
  /** `YYYY-MM-DD`: what "last month" is counted from; default the day of the clock, UTC. */
  readonly today?: string;
}

/** Proposals that are tried before an answer is given. */
const MOST = 5;
/** Below this, or without a word in common, a measure is not like the words, only the least unlike. */
const LEAST_LIKE = 1.2;

/**
 * From a question to metric queries: members by name, else by search; values under the caller's row rules. Every proposal was planned
 * for this caller before it is given (`plan` throws what the planner refuses), so none is invalid. Errors: `query-invalid`.
 */
export const propose = async (
  { q, today = new Date().toISOString().slice(0, 10) }: QuestionRequest,
  search: Search,
  plan: (query: MetricQuery) => Promise<unknown>,
  model: SearchModel,
  context: SearchContext,
): Promise<QuestionAnswer> => {
  if (q.trim() === '' || q.length > 1_000)
    throw error('query-invalid', { where: 'q', what: 'is a text of 1 to 1000 characters' });
  if (!/^\d{4}-\d{2}-\d{2}$/.test(today))
    throw error('query-invalid', { where: 'today', what: 'is a day as YYYY-MM-DD' });
  const members = visibleMembers(model.catalogue, model.sees);
  const { proposals, refusal } = await parseQuestion(q, {
    catalogue: model.catalogue,
    members: [...members.values()],
    values: await search.knownValues(model, context),
    like: async (text) =>
      (await search.members(text, model, context)).flatMap(({ id, score, why }) => {
        const member = members.get(id);
        return member && score >= LEAST_LIKE && why.some((w) => w.includes(' in '))
          ? [{ member, surety: Math.min(0.6, score / 8) }]
          : [];
      }),
    today,
  });
  const valid: Proposal[] = [];
  let why = refusal;
  for (const proposal of proposals.slice(0, MOST))
    try {
      await plan(proposal.query);
      valid.push(proposal);
    } catch (thrown) {
      if (!(thrown instanceof AssayError) || thrown.blame !== 'caller') throw thrown;
      why ??= thrown.message;
    }
  return {
    proposals: valid,
    ...(valid.length === 0 && why !== undefined ? { refusal: why } : {}),
    provenance: { modelVersion: model.catalogue.version, today },
  };
};
