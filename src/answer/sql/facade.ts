import type { Catalogue, Join, Member, Owner } from '../../model/catalog/index.js';
import type { Access } from '../../model/policy/index.js';
import type { DataType } from '../../query/index.js';

/** A column of a facade table: a visible member. */
export interface FacadeColumn {
  readonly name: string;
  /** The member's full path. */
  readonly member: string;
  readonly kind: Member['kind'];
  readonly type: DataType;
  readonly comment: string;
  /** Measures: how parts may be summed up, and whether an empty set gives 0 instead of null. */
  readonly additivity: Member['additivity'];
  readonly counts: boolean;
  /** The cube that the member is of. */
  readonly cube: string;
  readonly granularities: readonly string[];
}

/** A visible view or cube as a table. */
export interface FacadeTable {
  readonly name: string;
  readonly comment: string;
  readonly columns: readonly FacadeColumn[];
  /** The measure that counts the rows of the root cube; without one `COUNT(*)` is refused. */
  readonly rowCount: FacadeColumn | undefined;
  /** For each cube, itself and the cubes of which one of its rows has at most one: sums over groups of those are sums of disjoint parts. */
  readonly toOne: ReadonlyMap<string, ReadonlySet<string>>;
}

/** All that exists for one visibility in one model version. `key` names its database. */
export interface Facade {
  readonly key: string;
  readonly tables: ReadonlyMap<string, FacadeTable>;
}

/** PostgreSQL's name of a type. */
export const postgresType = (type: DataType): string => {
  switch (type.kind) {
    case 'string':
      return 'text';
    case 'integer':
      return 'integer';
    case 'double':
      return 'double precision';
    case 'decimal':
      return `numeric(${type.precision},${type.scale})`;
    case 'timestamp':
      return 'timestamp with time zone';
    default:
      return type.kind;
  }
};

const cubeOf = (member: Member): string => (member.aliasOf ?? member.name).split('.')[0] ?? '';

/** Texts one behind the other, each ended once. */
const sentences = (...texts: readonly (string | undefined)[]): string =>
  texts
    .filter((t): t is string => t !== undefined && t.trim() !== '')
    .map((t) => t.trim())
    .reduce((all, t) => (all === '' ? t : `${all}${/[.!?:;]$/.test(all) ? ' ' : '. '}${t}`), '');

const columnOf = (member: Member): FacadeColumn => ({
  name: member.name.slice(member.owner.length + 1),
  member: member.name,
  kind: member.kind,
  type: member.kind === 'segment' ? { kind: 'boolean' } : member.type,
  comment: sentences(member.title, member.description, member.unit && `unit: ${member.unit}`),
  // what joins of the view may multiply cannot be summed up from finer groups
  additivity: member.multipliable ? 'none' : member.additivity,
  counts: member.cubeType.startsWith('count'),
  cube: cubeOf(member),
  granularities: member.granularities,
});

/** A plain count of the root cube's rows. Where a view shows several, none is taken for `COUNT(*)`. */
const isRowCount = (member: Member, owner: Owner): boolean => {
  return (
    member.kind === 'measure' &&
    member.cubeType === 'count' &&
    cubeOf(member) === owner.root &&
    member.filtered !== true &&
    member.additivity === 'sum' &&
    member.multipliable !== true
  );
};

/** Cubes that joins of a row to at most one row reach. */
const toOneOf = (cube: string, joins: readonly Join[]): ReadonlySet<string> => {
  const reached = new Set([cube]);
  for (const at of reached)
    for (const { from, to, kind } of joins) {
      if (from === at && kind !== 'hasMany') reached.add(to);
      if (to === at && kind !== 'belongsTo') reached.add(from);
    }
  return reached;
};

/** The facade of one visibility: visible views and cubes as tables, visible members as columns, nothing else. */
export const facadeOf = (catalogue: Catalogue, access: Access): Facade => {
  const tables = new Map<string, FacadeTable>();
  for (const name of access.owners()) {
    const owner = catalogue.owners.get(name);
    const members = access.members(name).flatMap((m) => catalogue.members.get(m) ?? []);
    if (!owner || members.length === 0) continue;
    const columns = members.map(columnOf);
    const counts = members.filter((m) => isRowCount(m, owner));
    tables.set(name, {
      name,
      comment: sentences(owner.title, owner.description),
      columns,
      toOne: new Map(columns.map((c) => [c.cube, toOneOf(c.cube, catalogue.joins)])),
      rowCount: counts.length === 1 ? columns.find((c) => c.member === counts[0]?.name) : undefined,
    });
  }
  return { key: `${catalogue.version}_${access.visibilityKey}`, tables };
};
