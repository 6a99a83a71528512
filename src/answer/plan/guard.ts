import { error } from '../../errors/index.js';
import type { Catalogue } from '../../model/catalog/index.js';
import type { CompiledLeg, Dialect, LegFilter, LegQuery } from '../../query/index.js';
import type { LegAsk } from './leg-asks.js';
import { cubeMember } from './names.js';
import type { PlanModel } from './types.js';

/** More cubes than any join tree of rules adds, so that a faulty model ends in an error. */
const MOST_ROUNDS = 16;

/** A leg that carries the row rules of every cube that it joins. */
export interface GuardedLeg {
  readonly compiled: CompiledLeg;
  /** The rules as filters over cube members; they are already in the compiled text. */
  readonly rules: readonly LegFilter[];
  readonly policies: readonly string[];
}

/** No row passes; a `never` names a dimension only because a condition must name one. */
const never = (catalogue: Catalogue, cubes: readonly string[]): LegFilter => {
  for (const member of catalogue.members.values())
    if (member.kind === 'dimension' && member.aliasOf === undefined && cubes.includes(member.owner))
      return { member: member.name, op: 'never', raw: true };
  throw error('no-access', {});
};

/**
 * Compiles a leg under the rules of every cube in its join tree. A rule may join a cube whose own rules then apply, so this goes
 * on until the tree stays the same. `named` are the members that the caller asked for. Errors: those of `LegCompiler.compile`.
 */
export const guardLeg = (leg: LegQuery, named: readonly string[], model: PlanModel, dialect: Dialect): GuardedLeg => {
  let compiled = model.legs.compile(leg, dialect);
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const found = model.access.rules(compiled.cubes, named);
    const rules =
      found.denied && found.filters.length === 0
        ? [...found.filters, never(model.catalogue, compiled.cubes)]
        : found.filters;
    if (rules.length === 0) return { compiled, rules, policies: found.policies };
    const guarded = model.legs.compile({ ...leg, where: [...leg.where, ...rules] }, dialect);
    const same =
      guarded.cubes.length === compiled.cubes.length && guarded.cubes.every((c) => compiled.cubes.includes(c));
    if (same) return { compiled: guarded, rules, policies: found.policies };
    compiled = guarded;
  }
  throw error('not-supported', {
    what: 'row rules that join ever more cubes',
    instead: 'mend the access policies of the model',
  });
};

/**
 * Holds the joins that a leg was compiled to against what was planned for it: rows that joins multiply are counted once each by the
 * compiler, but where nobody expected it, values may have been added up from finer groups. Errors: `not-supported`.
 */
export const checkJoins = (asked: LegAsk, compiled: CompiledLeg, catalogue: Catalogue): void => {
  if (asked.moved && compiled.cubes[0] !== asked.root)
    throw error('not-supported', {
      what: `${asked.query.measures.join(', ') || asked.root} and the members beside it join another way than from ${asked.root}`,
      instead: 'include them in the view once more, with the join_path that is meant',
    });
  if (asked.mayMultiply) return;
  for (const measure of asked.query.measures) {
    const cube = cubeMember(catalogue, measure).split('.')[0] ?? '';
    if (compiled.multiplied.includes(cube))
      throw error('not-supported', {
        what: `${measure} counts rows of ${cube} that the joins of this query would multiply`,
        instead:
          'ask for it without the dimensions and filters of the joined tables, or through a view whose root is that table',
      });
  }
};
