import { error } from '../../errors/index.js';
import type { Catalogue, Member } from '../../model/catalog/index.js';
import type { AskedMeasure } from './question.js';

/** The measures that legs deliver for what is asked: a ratio's parts stand for it. Each once; masked ones are not read. */
export const baseMeasures = (asked: readonly AskedMeasure[], catalogue: Catalogue): readonly Member[] => {
  const found = new Map<string, Member>();
  const add = (name: string) => {
    const member = catalogue.members.get(name);
    if (!member) throw error('unknown-member', { name });
    if (member.ratio) throw error('not-supported', { what: `${name} is a ratio inside another ratio` });
    found.set(name, member);
  };
  for (const { member, masked } of asked) {
    if (masked) continue;
    if (member.ratio) for (const part of [member.ratio.numerator, member.ratio.denominator]) add(part);
    else add(member.name);
  }
  return [...found.values()];
};

/** Checks that a ratio can be divided exactly, and gives the digits behind its point. Errors: `not-supported`. */
export const ratioScale = (member: Member, parts: readonly Member['type'][]): number => {
  if (parts.some((type) => !['integer', 'bigint', 'decimal'].includes(type.kind)))
    throw error('not-supported', { what: `${member.name}: a part of the ratio has no exact type` });
  if (member.type.kind !== 'decimal')
    throw error('not-supported', { what: `${member.name}: a ratio's type is a decimal` });
  return member.type.scale;
};
