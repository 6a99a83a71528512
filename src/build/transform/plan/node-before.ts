import type { ModelVersion } from '../../../store/state/index.js';
import { readTransform } from '../files/read-transforms.js';
import { idOfRef, referencesOf } from '../files/template.js';
import { readStored, type StoredDefinition } from '../meaning/stored.js';
import { inputsOf } from './inputs.js';
import { drivingInput } from './lookups.js';
import type { MadeBefore } from './past.js';
import type { World } from './world.js';

type Before = Pick<MadeBefore, 'node' | 'lineage' | 'reads' | 'lost'> & {
  /** What of it can still be asked. */
  readonly names: ReadonlySet<string>;
};

const lineageOf = ({ lineage }: StoredDefinition): MadeBefore['lineage'] => ({
  columns: new Map(Object.entries(lineage.columns)),
  rows: lineage.rows,
  opaque: new Set(lineage.opaque),
});

const readsOf = ({ reads }: StoredDefinition): MadeBefore['reads'] =>
  new Map(
    Object.entries(reads).map(([name, { rowset, columns }]) => [
      name,
      { rowset, columns: new Map(Object.entries(columns)) },
    ]),
  );

/** A table as an earlier version's file said, among what is there now: inputs that are gone are left out. */
export const nodeBefore = (
  world: Pick<World, 'published' | 'sources'>,
  id: string,
  { definition }: ModelVersion,
): Before => {
  const stored = readStored(definition);
  const has = (one: string): boolean => world.published.has(one);
  const read = readTransform(stored.file, stored.name.split('.')[0] ?? '', stored.text);
  const pseudonyms = read.pseudonyms && has(read.pseudonyms.of) ? read.pseudonyms : undefined;
  const transform = { ...read, id, pseudonyms };
  const all = referencesOf(read.file, read.body, read.bodyLine).map(({ reference }) => reference);
  const there = all.filter(
    (of) => (of.kind !== 'source' || world.sources.has(of.name)) && (of.kind !== 'ref' || has(idOfRef(of, has))),
  );
  const reads = new Set(there.flatMap((of) => (of.kind === 'ref' ? [idOfRef(of, has)] : [])));
  // A look-up for rows of a table that is gone gives nothing to compare.
  const whole = { transform, inputs: there, reads, needs: reads };
  const blind = inputsOf(whole).flatMap((input) =>
    input.role === 'lookup' && !drivingInput(whole, input) ? [input.name] : [],
  );
  const seen = new Set([...reads].filter((one) => !blind.includes(one)));
  const inputs = there.filter((of) => of.kind !== 'ref' || seen.has(idOfRef(of, has)));
  const node = { transform, inputs, reads: seen, needs: seen };
  return {
    ...{ node, lineage: lineageOf(stored), reads: readsOf(stored), lost: inputs.length < all.length },
    names: new Set(inputsOf(node).map(({ name }) => name)),
  };
};
