import type { Catalogue, Member } from '../../../model/catalog/index.js';
import { words } from '../tokens.js';
import { CUT, RANKED } from './text.js';

/** What members are called: phrases (words without their plural) to members, the surest name first. */
export interface Lexicon {
  /** Members that a phrase names exactly; 1 is a title, less a synonym. */
  named(phrase: readonly string[]): readonly Named[];
}

export interface Named {
  readonly member: Member;
  readonly surety: number;
}

export const LONGEST_PHRASE = 6;

/** Words of a text that was taken apart; a cut stays as a word of its own. */
export const tokensOf = (text: string): readonly string[] =>
  text.split(' ').flatMap((part) => (part === CUT || part === RANKED ? [part] : words(part)));

export const lexiconOf = (members: readonly Member[], catalogue: Catalogue): Lexicon => {
  const phrases = new Map<string, Named[]>();
  const add = (text: string, member: Member, surety: number) => {
    const key = words(text).join(' ');
    if (key === '') return;
    const list = phrases.get(key) ?? [];
    const known = list.findIndex((n) => n.member === member);
    const at = list[known];
    if (at && at.surety >= surety) return;
    if (at) list.splice(known, 1);
    list.push({ member, surety });
    list.sort((a, b) => b.surety - a.surety);
    phrases.set(key, list);
  };
  for (const member of members) {
    add(member.title, member, 1);
    add(member.name.slice(member.owner.length + 1).replaceAll('_', ' '), member, 0.95);
    for (const synonym of member.synonyms) add(synonym, member, 0.85);
    const owner = catalogue.owners.get(member.owner);
    if (owner) add(`${owner.title} ${member.title}`, member, 0.9);
  }
  return { named: (phrase) => phrases.get(phrase.join(' ')) ?? [] };
};
