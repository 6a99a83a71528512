import type { LegFilter } from '../../query/index.js';

/**
 * What one caller may see. Pure; made once per catalogue and caller by `accessOf`, and kept by callers of the room.
 * A name that is not visible does not exist: it is refused as `unknown-member`, exactly as a misspelt one.
 */
export interface Access {
  /** Hash of everything that is visible, and of what stands masked: facades, GraphQL schemas and listings are cached by it. */
  readonly visibilityKey: string;
  /** Hash of the caller's groups and of the attribute values that row rules and conditions read: results are cached by it. */
  readonly attributesKey: string;
  /** Public views and cubes of which the caller may see at least one member, by name. */
  owners(): readonly string[];
  /** The visible members of an owner, in the model's order; empty for an owner that does not exist for the caller. */
  members(owner: string): readonly string[];
  /** Whether a member's full path (`retail.country`) exists for the caller. */
  visible(member: string): boolean;
  /**
   * How the caller sees a member that is named by its cube, as features name them: `full`, `masked`, or undefined when it does not exist
   * for the caller. Both the cube's rules and those of views must give it: where public views include it, at least one must show it.
   */
  seesOfCube(member: string): 'full' | 'masked' | undefined;
  /** True where the caller gets a stand-in instead of the member's values. */
  masked(member: string): boolean;
  /**
   * The member to compile instead of a masked one, in select, group, filter and order alike: the pseudonym of the same view where
   * the view includes it, else the cube's. Undefined when the member is not masked. Answers keep the asked member's name.
   */
  replacement(member: string): string | undefined;
  /**
   * Row rules of a leg. `cubes`: every cube of its join tree (`CompiledLeg.cubes`); `members`: the members that the caller asked for
   * (of views or cubes, before replacement), which decide which groups speak. Filters are raw, name cube members, and are joined by
   * AND. A rule may add a join: compile again with the rules and ask again until `cubes` stays the same.
   */
  rules(cubes: readonly string[], members: readonly string[]): Rules;
  /** The nearest visible name to one that does not exist (view, or member of a view), or undefined. */
  suggest(name: string): string | undefined;
}

/** `denied`: no group of the caller may see these rows at all; `filters` then is one `never`, and the answer that of no rows. */
export interface Rules {
  readonly denied: boolean;
  readonly filters: readonly LegFilter[];
  /** Ids of the policies that spoke, for provenance and audit. */
  readonly policies: readonly string[];
}
