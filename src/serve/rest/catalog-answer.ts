import type { Catalogue, Member } from '../../model/catalog/index.js';
import type { Access } from '../../model/policy/index.js';
import { type TableVersion, typeText } from '../../query/index.js';

/** A member as the catalogue tells it to a caller who may see it. */
const memberJson = (member: Member, masked: boolean) => ({
  name: member.name,
  kind: member.kind,
  title: member.title,
  description: member.description,
  type: typeText(member.type),
  ...(member.unit === undefined ? {} : { unit: member.unit }),
  ...(member.format === undefined ? {} : { format: member.format }),
  synonyms: member.synonyms,
  ...(member.granularities.length === 0 ? {} : { granularities: member.granularities }),
  ...(member.kind === 'dimension' ? { searchable: member.searchable, pii: member.pii } : {}),
  masked,
});

/** What `GET /api/v1/catalog` answers: the views and members that exist for the caller, and the data behind just these. */
export const catalogAnswer = (catalogue: Catalogue, access: Access, versions: readonly TableVersion[]) => {
  const tables = new Set<string>();
  const views = access.owners().flatMap((name) => {
    const owner = catalogue.owners.get(name);
    if (!owner) return [];
    const members = access.members(name).flatMap((path) => {
      const member = catalogue.members.get(path);
      if (!member) return [];
      const table = catalogue.tables.get((member.aliasOf ?? member.name).split('.', 1)[0] ?? '');
      if (table !== undefined) tables.add(table);
      return [memberJson(member, access.masked(path))];
    });
    return [{ name, title: owner.title, description: owner.description, members }];
  });
  return {
    model: catalogue.version,
    views,
    // Tables that no visible member reads do not exist for the caller either.
    tables: versions.filter(({ table }) => tables.has(table)),
  };
};
export type CatalogAnswer = ReturnType<typeof catalogAnswer>;
