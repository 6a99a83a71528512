import { AssayError } from '../../errors/index.js';
import type { Dialect } from '../../query/index.js';
import type { Catalogue, Member, Owner, Place } from '../catalog/index.js';
import { breath } from './breath.js';
import type { LegCompiler } from './compiler.js';
import type { Report } from './faults.js';
import { invalid } from './model-files.js';
import { askable, joinProbes, probeOf } from './probes.js';

/** One dialect shows what is wrong with a text: they differ in zones, buckets and conditions, which are ours. */
const DIALECT: Dialect = 'postgres';

/** What is wrong, in one line: Cube's own words where it has any. */
const reason = (thrown: unknown): string => {
  const cause = thrown instanceof AssayError && thrown.cause instanceof Error ? thrown.cause : thrown;
  const said = cause instanceof Error ? (cause.message.split('\n')[0] ?? '') : '';
  return /join path|no join|Can't find join/i.test(said)
    ? `what it names does not join (${said}); give the cube a join to it`
    : said || 'no statement can be made of it';
};

const faultOf = (work: () => unknown): unknown => {
  try {
    work();
  } catch (thrown) {
    return thrown;
  }
  return undefined;
};

/**
 * What of an owner is compiled: all of a cube's members. A view's are other names of those, so that only its join paths are new: one
 * member stands for each cube behind it.
 */
const membersToCompile = (catalogue: Catalogue, owner: Owner): readonly Member[] => {
  const members = askable(catalogue, owner.name);
  if (owner.kind === 'cube') return members;
  const byCube = new Map<string | undefined, Member>();
  for (const member of members) {
    const cube = member.aliasOf?.split('.')[0];
    if (byCube.get(cube)?.kind !== 'dimension') byCube.set(cube, member);
  }
  return [...byCube.values()];
};

/**
 * Every member and join is compiled once, because Cube looks into many texts only then. All members of a cube go into one leg; only
 * where that fails each is tried alone. A fault stands at the member or join.
 */
export const checkLegs = async (catalogue: Catalogue, legs: LegCompiler, report: Report): Promise<void> => {
  const refuse = (place: Place, name: string, fault: unknown) =>
    report(invalid(place.file, place.line, `${name}: ${reason(fault)}`));
  for (const owner of catalogue.owners.values()) {
    await breath();
    const members = membersToCompile(catalogue, owner);
    const names = members.map((member) => member.name);
    if (names.length === 0 || faultOf(() => probeOf(catalogue, legs, owner.name, names, DIALECT)) === undefined)
      continue;
    // what stands first is what others may be made of
    for (const { name, place } of members.toSorted((a, b) => a.place.line - b.place.line)) {
      const fault = faultOf(() => probeOf(catalogue, legs, owner.name, [name], DIALECT));
      if (fault !== undefined) refuse(place, name, fault);
    }
  }
  for (const join of catalogue.joins) {
    await breath();
    const fault = faultOf(() => joinProbes({ ...catalogue, joins: [join] }, legs, DIALECT));
    if (fault !== undefined) refuse(join.place ?? { file: 'cubes', line: 1 }, `${join.from}: join ${join.to}`, fault);
  }
};
