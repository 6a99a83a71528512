import { error } from '../../../errors/index.js';
import type { Transform } from '../files/definition.js';
import { wantedColumns } from '../step/shape.js';
import type { Analysis } from './lineage.js';
import { type Column, type Edges, indirect, merge, named, through } from './resolve/scope.js';
import { digest } from './tree.js';

/** A contract column: what decides its value, and where that comes from. */
export interface Made {
  readonly hash: string;
  readonly edges: Edges;
}

/** The SELECT's columns by the names that they have in the contract. Errors: `transform-invalid` when they are not those of it. */
const given = (transform: Transform, { relation, opaque }: Analysis): Map<string, Column> => {
  const { columns, file, bodyLine } = transform;
  // A later column of the same name is called `id_1` where the result becomes a table.
  const found = named(relation).columns;
  if (relation.open)
    return new Map(
      columns.flatMap(({ name }) => {
        const column = found.find((each) => each.name === name) ?? relation.open?.(name);
        return column ? [[name, column] as const] : [];
      }),
    );
  const names = found.map(({ name }) => name);
  const wanted =
    names.length === columns.length
      ? columns.map(({ name }) => name)
      : wantedColumns(transform, names).map(({ name }) => name);
  const line = bodyLine + transform.body.slice(0, Math.max(0, transform.body.search(/\S/))).split('\n').length - 1;
  for (let i = 0; i < Math.max(names.length, wanted.length); i += 1) {
    if (names[i] === wanted[i] || (names[i] === '' && wanted[i] !== undefined)) continue;
    // A struct that is unnested has columns that only the engine knows.
    if (opaque.size > 0) break;
    const what = `column ${i + 1} of the SELECT is ${names[i] ?? 'missing'}, the contract says ${wanted[i] ?? 'nothing'}`;
    throw error('transform-invalid', { file, line, what });
  }
  return new Map(wanted.flatMap((name, i) => (found[i] ? [[name, found[i]] as const] : [])));
};

/** What the kind makes of the SELECT's columns: ends of validity, current, version, key. */
const madeByHistory = (transform: Transform, columns: ReadonlyMap<string, Column>): Map<string, Made> => {
  const { scd2, surrogate } = transform;
  const made = new Map<string, Made>();
  if (!scd2) return made;
  const of = (names: readonly (string | undefined)[]): Column[] =>
    names.flatMap((name) => {
      const column = name === undefined ? undefined : columns.get(name);
      return column ? [column] : [];
    });
  const edges = (list: readonly Column[]): Edges => merge(...list.map((column) => column.edges));
  const key = of(scd2.key);
  const since = of([scd2.history ? scd2.validFrom : scd2.updatedAt]);
  const track = of(scd2.track);
  const all = digest([...key, ...since, ...track].map(({ hash }) => hash));
  const turns = merge(indirect(edges(key), 'WINDOW'), indirect(edges(track), 'CONDITIONAL'));
  const put = (name: string | undefined, role: string, from: Edges): void => {
    if (name !== undefined && !columns.has(name)) made.set(name, { hash: digest(['history', role, all]), edges: from });
  };
  put(scd2.validFrom, 'from', merge(through(edges(since), 'TRANSFORMATION'), turns));
  put(scd2.validTo, 'to', merge(through(edges(since), 'TRANSFORMATION'), turns));
  put(scd2.current, 'current', merge(indirect(edges(since), 'WINDOW'), turns));
  put(scd2.version, 'version', merge(indirect(edges(since), 'WINDOW'), turns));
  put(scd2.deleted, 'deleted', indirect(edges(key), 'CONDITIONAL'));
  put(surrogate, 'key', through(edges([...key, ...since]), 'TRANSFORMATION'));
  return made;
};

/** Columns by whose values rows are brought together or put in their place: they decide which rows there are. */
const deciding = (transform: Transform): readonly string[] => {
  const { kind, natural, partition, scd2 } = transform;
  return [
    ...(partition ? [partition.column] : []),
    ...(kind === 'incremental_by_key' ? natural : []),
    ...(scd2
      ? [...scd2.key, ...scd2.track, ...[scd2.history ? scd2.validFrom : scd2.updatedAt].flatMap((n) => n ?? [])]
      : []),
  ];
};

/** Every contract column, and what the kind adds to the rows that the SELECT gives. Errors: `transform-invalid`. */
export const contractColumns = (
  transform: Transform,
  found: Analysis,
): {
  readonly columns: Map<string, Made>;
  readonly rows: { readonly form: readonly string[]; readonly edges: Edges };
} => {
  const columns = given(transform, found);
  const all = new Map<string, Made>();
  const made = madeByHistory(transform, columns);
  for (const { name } of transform.columns) {
    const column = columns.get(name) ?? made.get(name);
    if (column) all.set(name, { hash: column.hash, edges: column.edges });
  }
  const by = deciding(transform).flatMap((name) => columns.get(name) ?? []);
  return {
    columns: all,
    rows: { form: by.map(({ hash }) => hash), edges: indirect(merge(...by.map(({ edges }) => edges)), 'GROUP_BY') },
  };
};
