import { error } from '../../errors/index.js';
import { type Candidate, compareText, type MetricQuery } from '../../query/index.js';
import type { GuardedLeg } from './guard.js';
import type { LegAsk } from './leg-asks.js';
import { matchRollup, type RollupAsk, type RollupMatch } from './rollup-match.js';
import type { PlanModel, PlanOptions, PlanState } from './types.js';

/** The rollup that serves, if any, and a verdict on every rollup of the leg's root. */
export interface Choice {
  readonly match: RollupMatch | undefined;
  readonly candidates: readonly Candidate[];
}

/** Current before stale, whole before in part from the source, then fewest rows, then by name, so that the same question takes the same way. */
const better = (a: RollupMatch, b: RollupMatch): number =>
  Math.sign(a.stale.length) - Math.sign(b.stale.length) ||
  (a.live ? 1 : 0) - (b.live ? 1 : 0) ||
  a.rows - b.rows ||
  compareText(a.definition.id, b.definition.id);

/** Chooses a rollup for a leg. Candidates are the rollups of the leg's root cube: those of another root hold other rows. */
const chooseFor = (
  asked: LegAsk,
  guarded: GuardedLeg,
  query: Pick<MetricQuery, 'source' | 'fresh'>,
  model: PlanModel,
  state: PlanState,
  options: PlanOptions,
): Choice => {
  const ask: RollupAsk = {
    leg: asked.query,
    where: asked.where,
    rules: guarded.rules,
    fresh: query.fresh ?? 'published',
  };
  const found = model.catalogue.rollups
    .filter((definition) => definition.cube === asked.root)
    .map((definition) => ({
      definition,
      verdict: matchRollup(ask, definition, {
        catalogue: model.catalogue,
        legs: model.legs,
        publication: state.publication,
        state: state.inventory.states.get(definition.id),
        layout: state.layout(definition.id),
        unavailable: options.unavailable?.has(definition.id) ?? false,
        edge: state.edges?.get(definition.id),
      }),
    }));
  const matches = found.flatMap(({ verdict }) => ('reason' in verdict ? [] : [verdict])).sort(better);
  const match = matches[0];
  const candidates = found.map(({ definition, verdict }): Candidate => {
    const part = asked.name === '' ? {} : { part: asked.name };
    if ('reason' in verdict)
      return {
        rollup: definition.id,
        ...part,
        verdict: verdict.reason,
        members: verdict.members,
        ...(verdict.detail === undefined ? {} : { detail: verdict.detail }),
      };
    const { live } = verdict;
    const keys = live && [...live.spans.map((s) => s.key), ...(live.nulls ? ['rows without a time'] : [])];
    return {
      ...{ rollup: definition.id, ...part, verdict: verdict === match ? 'used' : 'not-needed', members: [] },
      ...(keys
        ? { detail: `${keys.join(', ')} moved and ${keys.length === 1 ? 'is' : 'are'} read from the source` }
        : {}),
    };
  });
  return { match, candidates };
};

/** Rollups for all legs of a query, or for none of them, and every verdict. */
export interface Choices {
  readonly matches: readonly RollupMatch[] | undefined;
  readonly candidates: readonly Candidate[];
}

/** Parts of one answer agree with each other only if they are made from the same data: one rollup is, several are when all are current. */
const agree = (matches: readonly RollupMatch[]): boolean =>
  new Set(matches.map((m) => m.definition.id)).size < 2 || matches.every((m) => m.stale.length === 0);

const unused = (candidates: readonly Candidate[], detail: string): readonly Candidate[] =>
  candidates.map((c) => (c.verdict === 'used' ? { ...c, verdict: 'not-needed', detail } : c));

/**
 * Chooses rollups for the legs of a query: each its own, or none for any, so that an answer is never part rollup, part source.
 * Errors: `no-rollup` when the query insists on rollups and one of its legs finds none.
 */
export const chooseRollups = (
  legs: readonly { readonly asked: LegAsk; readonly guarded: GuardedLeg }[],
  query: Pick<MetricQuery, 'source' | 'fresh'>,
  model: PlanModel,
  state: PlanState,
  options: PlanOptions,
): Choices => {
  if (query.source === 'raw') return { matches: undefined, candidates: [] };
  const choices = legs.map(({ asked, guarded }) => chooseFor(asked, guarded, query, model, state, options));
  const candidates = choices.flatMap((c) => c.candidates);
  const matches = choices.flatMap((c) => (c.match ? [c.match] : []));
  const whole = matches.length === legs.length;
  if (whole && agree(matches)) return { matches, candidates };
  if (query.source === 'rollup')
    throw error('no-rollup', {
      reasons: whole
        ? 'its parts would be read from rollups of different data'
        : reasonsText(legs[0]?.asked.root ?? '', missed(choices)),
    });
  return {
    matches: undefined,
    candidates: unused(candidates, whole ? 'other parts are of different data' : 'another part is not served'),
  };
};

const missed = (choices: readonly Choice[]): readonly Candidate[] =>
  choices.find((choice) => choice.match === undefined)?.candidates ?? [];

const reasonsText = (root: string, candidates: readonly Candidate[]): string =>
  candidates.length === 0
    ? `${root} has no rollup`
    : candidates
        .map(({ rollup, verdict, members, detail, part }) => {
          const about = [part ?? '', members.join(', '), detail ?? ''].filter((t) => t !== '').join('; ');
          return `${rollup} ${verdict}${about === '' ? '' : ` (${about})`}`;
        })
        .join('; ');
