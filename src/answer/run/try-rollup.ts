import type { RollupInventory } from '../../build/rollup/index.js';
import type { Candidate, Explanation, HypotheticalVerdict, RollupSpec } from '../../query/index.js';
import { forgetful, hypotheticalRollup, type Plan, wouldServe } from '../plan/index.js';
import type { LoadedModel } from './parts.js';

/** What a rollup that is not in the model would do for a query. Errors: `query-invalid` with the place in the definition. */
export const tryRollup = (spec: RollupSpec, plan: Plan, model: LoadedModel): HypotheticalVerdict => {
  const parts = { catalogue: model.catalogue, legs: forgetful(model.legs) };
  const rollup = hypotheticalRollup(spec, parts);
  const { id } = rollup.definition;
  const candidates = plan.asks.map(({ asked, rules }): Candidate => {
    const verdict = wouldServe({ query: asked.query, where: asked.where, rules, root: asked.root }, rollup, parts);
    const part = asked.name === '' ? {} : { part: asked.name };
    if (!('reason' in verdict)) return { rollup: id, ...part, verdict: 'used', members: [] };
    const { reason, members, detail } = verdict;
    return { rollup: id, ...part, verdict: reason, members, ...(detail === undefined ? {} : { detail }) };
  });
  const fits = (verdict: Candidate['verdict']) => verdict === 'used' || verdict === 'not-needed';
  const served = candidates.map(
    (own) => fits(own.verdict) || plan.candidates.some((c) => c.part === own.part && fits(c.verdict)),
  );
  return { rollup: id, serves: served.every((is) => is), candidates };
};

/** An explanation in which proofs that failed tell the difference, values of rows included: for roles that may see all rows. */
export const withDifferences = (told: Explanation, inventory: RollupInventory): Explanation => ({
  ...told,
  candidates: told.candidates.map((c) => {
    const refused = c.verdict === 'proof-failed' ? inventory.states.get(c.rollup)?.refused : undefined;
    return refused ? { ...c, detail: `${refused.partition}: ${refused.reason}` } : c;
  }),
});
