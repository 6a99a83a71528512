import { contractDifference, lost } from './contract-difference.js';
import { sameJson } from './same-json.js';
import type { StoredDefinition } from './stored.js';

const keysOf = (...of: readonly Readonly<Record<string, unknown>>[]): string[] => [
  ...new Set(of.flatMap((each) => Object.keys(each))),
];

/** Words for the parts of the front matter that decide data. */
const WORDS: Readonly<Record<string, string>> = {
  kind: 'the kind',
  partition: 'the partition',
  natural: 'the natural key',
  surrogate: 'the surrogate key',
  scd2: 'scd2',
  targets: 'the list of targets',
  lookups: 'the list of lookups',
  pseudonyms: 'the column of the pseudonyms',
  dialect: 'the dialect',
  overrides: 'a body for another engine',
  follows: 'what its partitions follow (lookback, inputs, sources)',
};

/** Which parts of the statement changed, as far as its text says. */
const changedParts = (old: StoredDefinition, next: StoredDefinition): string[] =>
  keysOf(next.statement.parts, old.statement.parts).filter(
    (part) => old.statement.parts[part] !== next.statement.parts[part],
  );

/** What the file itself says differently. */
const own = (old: StoredDefinition, next: StoredDefinition): string[] => {
  const contract = contractDifference(old.contract, next.contract);
  const retyped = new Set(
    contract.changed.filter(({ before, after }) => before.type !== after.type).map(({ before }) => before.name),
  );
  const made = next.contract
    .map(({ name }) => name)
    .filter(
      (name) => name in old.own.columns && old.own.columns[name] !== next.own.columns[name] && !retyped.has(name),
    );
  const parts = changedParts(old, next);
  const where = parts.length > 0 ? `: ${parts.join(', ')}` : '';
  return [
    ...(old.version === next.version ? [] : [`version ${next.version} takes the place of version ${old.version}`]),
    ...lost(contract),
    ...contract.changed.flatMap(({ before, after }) =>
      before.nullable && !after.nullable ? [`column ${before.name} may no longer be null`] : [],
    ),
    ...contract.added.map(({ name, type }) => `column ${name} ${type} is new`),
    ...made.map((name) => `column ${name} is made another way`),
    ...(old.own.rowset === next.own.rowset ? [] : [`the set of rows is another${where}`]),
    ...keysOf(next.definition, old.definition).flatMap((key) =>
      WORDS[key] !== undefined && !sameJson(old.definition[key], next.definition[key]) ? [`${WORDS[key]} changed`] : [],
    ),
  ];
};

/** What its inputs mean differently, as far as it reads them. */
const inputs = (old: StoredDefinition, next: StoredDefinition): string[] =>
  keysOf(next.reads).flatMap((name) => {
    const [before, after] = [old.reads[name], next.reads[name]];
    if (!before || !after) return [];
    return [
      ...(before.rowset === after.rowset ? [] : [`the rows of ${name} changed`]),
      ...keysOf(after.columns)
        .filter((column) => before.columns[column] !== undefined && before.columns[column] !== after.columns[column])
        .map((column) => `it reads column ${column} of ${name}, which changed`),
    ];
  });

/** Tables that a view stands on which are others now, although what it reads of them means the same. */
const under = (old: StoredDefinition, next: StoredDefinition): string[] =>
  keysOf(next.view?.over ?? {}).flatMap((id) =>
    old.view?.over[id] === next.view?.over[id] ? [] : [`it stands on another table of ${id}`],
  );

/** Everything that makes a version another than the one before, one text each. */
export const reasonsOf = (old: StoredDefinition, next: StoredDefinition): string[] => {
  const found = [...own(old, next), ...inputs(old, next)];
  const meta = old.metaHash === next.metaHash ? [] : ['checks, owner, descriptions or storage changed'];
  const all = [...(found.length > 0 ? found : under(old, next)), ...meta];
  if (all.length > 0) return all;
  return ['what it reads besides columns changed: a key of pseudonyms, or an input that takes the place of another'];
};
