import { error } from '../../errors/index.js';
import type { Catalogue, Member } from '../../model/catalog/index.js';
import type { Access } from '../../model/policy/index.js';

/** A caller's names: what exists for it, what it gets instead. */
export interface Names {
  /** The member of a name. Wrong and hidden names give the same error. Errors: `unknown-member`. */
  member(name: string): Member;
  /** The member to compile: itself, its pseudonym, or undefined where only a constant mask may be shown. */
  seen(member: Member): Member | undefined;
}

export const namesOf = (catalogue: Catalogue, access: Access): Names => {
  const unknown = (name: string) => {
    const suggestion = access.suggest(name);
    return error('unknown-member', suggestion === undefined ? { name } : { name, suggestion });
  };
  const member = (name: string): Member => {
    const found = typeof name === 'string' ? catalogue.members.get(name) : undefined;
    if (!found || !access.visible(name)) throw unknown(String(name));
    return found;
  };
  const seen = (m: Member): Member | undefined => {
    if (access.masked(m.name)) {
      const stand = access.replacement(m.name);
      return stand === undefined ? undefined : catalogue.members.get(stand);
    }
    return isMadeOfMasked(m) ? undefined : m;
  };
  const isMadeOfMasked = (m: Member): boolean =>
    madeOf(m).some((name) => {
      const part = catalogue.members.get(name);
      return access.masked(name) || (part !== undefined && isMadeOfMasked(part));
    });
  return { member, seen };
};

/** The measures that a measure is made of above legs; none for one that a leg delivers. */
export const madeOf = (m: Member): readonly string[] => [
  ...(m.ratio ? [m.ratio.numerator, m.ratio.denominator] : []),
  ...(m.stage ? [m.stage.measure] : []),
  ...(m.level ? [m.level.measure] : []),
  ...(m.period ? [m.period.measure] : []),
  ...(m.difference ? [m.difference.of, m.difference.less] : []),
];

/** The cube member behind a view's member, or behind a cube's second name for it. Rollups name these. */
export const cubeMember = (catalogue: Catalogue, name: string): string => {
  const own = catalogue.members.get(name)?.aliasOf ?? name;
  return catalogue.members.get(own)?.sameAs ?? own;
};
