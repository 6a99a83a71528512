import type { StoredColumn } from './stored.js';

/** How two contracts differ. */
export interface ContractDifference {
  readonly added: readonly StoredColumn[];
  readonly removed: readonly StoredColumn[];
  readonly changed: readonly { readonly before: StoredColumn; readonly after: StoredColumn }[];
}

export const contractDifference = (
  before: readonly StoredColumn[],
  after: readonly StoredColumn[],
): ContractDifference => {
  const [old, next] = [before, after].map((list) => new Map((list ?? []).map((column) => [column.name, column])));
  return {
    added: after.filter(({ name }) => !old?.has(name)),
    removed: before.filter(({ name }) => !next?.has(name)),
    changed: before.flatMap((column) => {
      const now = next?.get(column.name);
      return now && (now.type !== column.type || now.nullable !== column.nullable)
        ? [{ before: column, after: now }]
        : [];
    }),
  };
};

/** What readers of the old contract lose, in words. A column that may no longer be null loses nothing. */
export const lost = ({ removed, changed }: ContractDifference): string[] => [
  ...removed.map(({ name }) => `column ${name} is gone`),
  ...changed.flatMap(({ before, after }) => [
    ...(before.type === after.type ? [] : [`column ${before.name} is ${after.type}, it was ${before.type}`]),
    ...(!before.nullable && after.nullable ? [`column ${before.name} may now be null`] : []),
  ]),
];
