import type { Catalogue, Member } from '../../model/catalog/index.js';
import type { Access } from '../../model/policy/index.js';
import { isName } from './names.js';

/** A view as one caller's schema knows it: its visible members by their GraphQL names. */
export interface View {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  /** Dimensions without buckets of their own. */
  readonly dimensions: ReadonlyMap<string, Member>;
  /** Time dimensions: a field for each bucket, and `value`. */
  readonly times: ReadonlyMap<string, Member>;
  readonly measures: ReadonlyMap<string, Member>;
  readonly segments: ReadonlyMap<string, Member>;
}

/** The part of a member's path behind its view. */
const shortName = (member: Member): string => member.name.slice(member.owner.length + 1);

/** The views that exist for a caller. A name that GraphQL cannot write is left out; the other surfaces have it. */
export const viewsOf = (catalogue: Catalogue, access: Access): View[] =>
  access.owners().flatMap((name) => {
    const owner = catalogue.owners.get(name);
    if (!owner || !isName(name)) return [];
    const members = access.members(name).flatMap((path) => catalogue.members.get(path) ?? []);
    const of = (kind: Member['kind'], timed?: boolean) =>
      new Map(
        members
          .filter((m) => m.kind === kind && isName(shortName(m)) && (timed === undefined || isTime(m) === timed))
          .map((m) => [shortName(m), m] as const),
      );
    const view: View = {
      name,
      title: owner.title,
      description: owner.description,
      dimensions: of('dimension', false),
      times: of('dimension', true),
      measures: of('measure'),
      segments: of('segment'),
    };
    return view.dimensions.size + view.times.size + view.measures.size > 0 ? [view] : [];
  });

const isTime = (member: Member): boolean =>
  (member.type.kind === 'timestamp' || member.type.kind === 'date') && member.granularities.length > 0;

/** Buckets of a time dimension that have a field; `value` is the time itself. */
export const bucketsOf = (member: Member): readonly string[] =>
  member.granularities.filter((g) => isName(g) && g !== 'value');
