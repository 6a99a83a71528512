import { AssayError } from '../../errors/index.js';
import type { CompiledLeg, Dialect } from '../../query/index.js';
import type { Catalogue, Member, Place } from '../catalog/index.js';
import type { LegCompiler } from './compiler.js';

/**
 * A statement that an engine can refuse only for a fault of the model: it names every column and table that its members read, and
 * returns no row (`LIMIT 0`). Its tables are tokens, as in any leg.
 */
export interface Probe {
  readonly statement: CompiledLeg;
  /** The cube or view that the members belong to; for a join, the cube that it begins at. */
  readonly cube: string;
  /** Members that the statement reads. A fault that stays with none of them alone is of the cube's table or of the join. */
  readonly members: readonly string[];
  /** Where a single member stands; for several the cube's `sql_table` or `sql`, or the join. */
  readonly place: Place;
}

const NOWHERE: Place = { file: 'cubes', line: 1 };

/** Members that a leg can hold: all but ratios, which are divided above legs. */
export const askable = (catalogue: Catalogue, owner: string): readonly Member[] =>
  (catalogue.owners.get(owner)?.members ?? [])
    .map((name) => catalogue.members.get(name))
    .filter((member): member is Member => member !== undefined && member.additivity !== 'ratio');

/** A member that stands for its cube: its key, or else the first that a leg can hold. */
const standIn = (members: readonly Member[]): Member | undefined =>
  members.find((m) => m.primaryKey) ??
  members.find((m) => m.kind === 'dimension' && m.sameAs === undefined) ??
  members.find((m) => m.kind !== 'segment');

const statementOf = (
  catalogue: Catalogue,
  legs: LegCompiler,
  names: readonly string[],
  dialect: Dialect,
): CompiledLeg => {
  const of = (kind: Member['kind']) => names.filter((name) => catalogue.members.get(name)?.kind === kind);
  return legs.compile(
    {
      measures: of('measure'),
      dimensions: of('dimension'),
      segments: of('segment'),
      time: [],
      where: [],
      having: [],
      order: [],
      limit: 0,
      timezone: 'UTC',
    },
    dialect,
  );
};

/**
 * The probe of some members of one cube (or view), to find which of a failing probe's members is at fault. A segment alone is asked
 * for with the cube's key. Errors: `unknown-member`; `query-invalid` for a ratio; `not-supported` when they do not fit into one leg.
 */
export const probeOf = (
  catalogue: Catalogue,
  legs: LegCompiler,
  cube: string,
  members: readonly string[],
  dialect: Dialect = 'postgres',
): Probe => {
  const columns = members.some((name) => catalogue.members.get(name)?.kind !== 'segment');
  const key = columns ? undefined : standIn(askable(catalogue, cube));
  const owner = catalogue.owners.get(cube);
  const [only] = members.length === 1 ? members.map((name) => catalogue.members.get(name)) : [];
  return {
    statement: statementOf(catalogue, legs, key ? [key.name, ...members] : members, dialect),
    cube,
    members,
    place: only?.place ?? owner?.source ?? owner?.place ?? NOWHERE,
  };
};

/** As few probes as members of a cube fit into: one, unless two of them cannot stand in one leg. */
const probesOf = (
  catalogue: Catalogue,
  legs: LegCompiler,
  cube: string,
  members: readonly string[],
  dialect: Dialect,
): readonly Probe[] => {
  if (members.length === 0) return [];
  try {
    return [probeOf(catalogue, legs, cube, members, dialect)];
  } catch (thrown) {
    if (members.length === 1 || !(thrown instanceof AssayError)) throw thrown;
    const half = Math.ceil(members.length / 2);
    return [members.slice(0, half), members.slice(half)].flatMap((some) =>
      probesOf(catalogue, legs, cube, some, dialect),
    );
  }
};

/** The probe of each join: a member of either side. A cube without members is never joined by a query. */
export const joinProbes = (catalogue: Catalogue, legs: LegCompiler, dialect: Dialect = 'postgres'): readonly Probe[] =>
  catalogue.joins.flatMap((join) => {
    const from = standIn(askable(catalogue, join.from));
    const to = standIn(askable(catalogue, join.to));
    if (!from || !to) return [];
    const members = [from.name, to.name];
    const place = join.place ?? NOWHERE;
    return [{ statement: statementOf(catalogue, legs, members, dialect), cube: join.from, members, place }];
  });

/**
 * What an engine is asked once to prove that a model names only columns and tables that there are: every dimension, measure and
 * segment of every cube, public or not, then every join. Cubes that read fewest tables come first, so that a wrong table is told at
 * the cube that names it. Pure: nothing is run. Errors: those of `LegCompiler.compile`; none for a model that `loadModel` took.
 */
export const probes = (catalogue: Catalogue, legs: LegCompiler, dialect: Dialect = 'postgres'): readonly Probe[] => {
  const cubes = [...catalogue.owners.values()].filter((owner) => owner.kind === 'cube');
  const own = cubes.flatMap(({ name }) => {
    const members = askable(catalogue, name).map((member) => member.name);
    return probesOf(catalogue, legs, name, members, dialect);
  });
  const sorted = own.toSorted((a, b) => a.statement.cubes.length - b.statement.cubes.length);
  return [...sorted, ...joinProbes(catalogue, legs, dialect)];
};
