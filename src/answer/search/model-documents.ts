import type { Catalogue, Member } from '../../model/catalog/index.js';
import type { Document } from './documents.js';

/** What search must know of the caller's rights: callers of equal keys see the same members, and the same rows. */
export interface Sees {
  readonly visibilityKey: string;
  readonly attributesKey: string;
  visible(member: string): boolean;
  masked(member: string): boolean;
}

/** A head start for members that somebody vouched for. */
const CERTIFIED = 0.4;

/** Members that exist for a caller, by name. */
export const visibleMembers = (catalogue: Catalogue, sees: Sees): ReadonlyMap<string, Member> =>
  new Map(
    [...catalogue.members.values()]
      .filter((m) => m.public && catalogue.owners.get(m.owner)?.public !== false && sees.visible(m.name))
      .map((m) => [m.name, m] as const),
  );

/** A member as search reads it. */
export const memberDocument = (m: Member, catalogue: Catalogue): Document => ({
  id: m.name,
  fields: {
    title: m.title,
    name: m.name.slice(m.owner.length + 1).replaceAll('_', ' '),
    synonyms: m.synonyms.join(', '),
    description: m.description,
    unit: m.unit ?? '',
    owner: catalogue.owners.get(m.owner)?.title ?? m.owner,
  },
  ...(m.certified ? { prior: CERTIFIED } : {}),
});

/** Dimensions whose values may be searched: marked so, seen, texts, and not masked: a masked value is in no index. */
export const searchableDimensions = (members: ReadonlyMap<string, Member>, sees: Sees): readonly Member[] =>
  [...members.values()].filter(
    (m) => m.kind === 'dimension' && m.searchable && m.type.kind === 'string' && !sees.masked(m.name),
  );

const BETWEEN = '\u0000';
export const valueId = (dimension: string, value: string): string => `${dimension}${BETWEEN}${value}`;
export const splitValueId = (id: string): { readonly dimension: string; readonly value: string } => {
  const at = id.indexOf(BETWEEN);
  return { dimension: id.slice(0, at), value: id.slice(at + 1) };
};
