import { error } from '../../errors/index.js';
import { type Candidate, compareText, type MetricQuery } from '../../query/index.js';
import type { GuardedLeg } from './guard.js';
import { matchRollup, type RollupAsk, type RollupMatch } from './rollup-match.js';
import type { Split } from './split.js';
import type { PlanModel, PlanOptions, PlanState } from './types.js';

/** The rollup that serves, if any, and a verdict on every rollup of the leg's root. */
export interface Choice {
  readonly match: RollupMatch | undefined;
  readonly candidates: readonly Candidate[];
}

/** Current before stale, then fewest rows, then by name, so that the same question takes the same way. */
const better = (a: RollupMatch, b: RollupMatch): number =>
  Math.sign(a.stale.length) - Math.sign(b.stale.length) ||
  a.rows - b.rows ||
  compareText(a.definition.id, b.definition.id);

/**
 * Chooses a rollup for a leg. Candidates are the rollups of the leg's root cube: those of another root hold other rows.
 * Errors: `no-rollup` when the query insists on one and none serves.
 */
export const chooseRollup = (
  root: string,
  split: Split,
  guarded: GuardedLeg,
  query: Pick<MetricQuery, 'source' | 'fresh'>,
  model: PlanModel,
  state: PlanState,
  options: PlanOptions,
): Choice => {
  if (query.source === 'raw') return { match: undefined, candidates: [] };
  const ask: RollupAsk = {
    leg: split.leg,
    where: split.where,
    rules: guarded.rules,
    fresh: query.fresh ?? 'published',
  };
  const found = model.catalogue.rollups
    .filter((definition) => definition.cube === root)
    .map((definition) => ({
      definition,
      verdict: matchRollup(ask, definition, {
        catalogue: model.catalogue,
        legs: model.legs,
        publication: state.publication,
        state: state.inventory.states.get(definition.id),
        layout: state.layout(definition.id),
        unavailable: options.unavailable?.has(definition.id) ?? false,
      }),
    }));
  const matches = found.flatMap(({ verdict }) => ('reason' in verdict ? [] : [verdict])).sort(better);
  const match = matches[0];
  const candidates = found.map(({ definition, verdict }): Candidate => {
    if ('reason' in verdict)
      return {
        rollup: definition.id,
        verdict: verdict.reason,
        members: verdict.members,
        ...(verdict.detail === undefined ? {} : { detail: verdict.detail }),
      };
    return { rollup: definition.id, verdict: verdict === match ? 'used' : 'not-needed', members: [] };
  });
  if (!match && query.source === 'rollup') throw error('no-rollup', { reasons: reasonsText(root, candidates) });
  return { match, candidates };
};

const reasonsText = (root: string, candidates: readonly Candidate[]): string =>
  candidates.length === 0
    ? `${root} has no rollup`
    : candidates
        .map(({ rollup, verdict, members, detail }) => {
          const about = [members.join(', '), detail ?? ''].filter((t) => t !== '').join('; ');
          return `${rollup} ${verdict}${about === '' ? '' : ` (${about})`}`;
        })
        .join('; ');
