import type { Kind } from '../files/definition.js';
import { contractDifference, lost } from './contract-difference.js';
import { sameJson } from './same-json.js';
import type { StoredDefinition } from './stored.js';

const fieldsOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
const namesOf = (value: unknown): readonly string[] => (Array.isArray(value) ? value.map(String) : []);

/** Kinds whose rows of before are there to stay; every other kind is made whole each time. */
const STAYING: readonly Kind[] = ['incremental_by_partition', 'incremental_by_key', 'scd2'];

/** What rows are told apart by: rows that stay were told apart by the old one. */
const KEPT: Readonly<Record<string, string>> = {
  kind: 'the kind',
  partition: 'the partition',
  natural: 'the natural key',
  surrogate: 'the surrogate key',
  pseudonyms: 'the column of the pseudonyms',
};

/** Whether versions of rows go on under the new definition: the same keys and times, and what is tracked besides is new. */
const scd2Goes = (old: StoredDefinition, next: StoredDefinition): boolean => {
  const [before, after] = [fieldsOf(old.definition['scd2']), fieldsOf(next.definition['scd2'])];
  const tracked = namesOf(before['track']);
  const known = new Set(old.contract.map(({ name }) => name));
  return (
    sameJson({ ...before, track: null }, { ...after, track: null }) &&
    tracked.every((name) => namesOf(after['track']).includes(name)) &&
    namesOf(after['track']).every((name) => tracked.includes(name) || !known.has(name))
  );
};

/** Entries of `partition.inputs` and `partition.sources` by name: how a table's partitions follow what it reads. */
const followed = (definition: StoredDefinition['definition']) => {
  const [lookback, inputs, sources] = Array.isArray(definition['follows']) ? definition['follows'] : [];
  const entries = [inputs, sources].flatMap((list) => (Array.isArray(list) ? (list as [string, string][]) : []));
  return { lookback, by: new Map(entries) };
};

const followsOtherwise = (old: StoredDefinition, next: StoredDefinition): boolean => {
  const [before, after] = [followed(old.definition), followed(next.definition)];
  const read = new Set([
    ...Object.keys(next.reads),
    ...[...next.lineage.rows, ...Object.values(next.lineage.columns).flat()].map(({ table }) => table),
  ]);
  return (
    before.lookback !== after.lookback ||
    [...before.by].some(([name, column]) => after.by.get(name) !== column && (after.by.has(name) || read.has(name)))
  );
};

/**
 * Why a change cannot hold for partitions made from now on only, in words; none: it can. What stays was made by the old meaning, and
 * stands in the new table beside what the new one makes: nothing of the old contract may be lost, and what is new may be null.
 */
export const whyNotForward = (old: StoredDefinition, next: StoredDefinition): readonly string[] => {
  const contract = contractDifference(old.contract, next.contract);
  return [
    ...(STAYING.includes(next.kind) ? [] : [`a table of kind ${next.kind} is made whole each time`]),
    ...Object.entries(KEPT).flatMap(([field, words]) =>
      sameJson(old.definition[field], next.definition[field]) ? [] : [`${words} changed`],
    ),
    ...(next.kind === old.kind && !scd2Goes(old, next) ? ['scd2 changed'] : []),
    ...(fieldsOf(next.definition['scd2'])['history'] === true
      ? ['scd2.history makes all of the past by one SELECT']
      : []),
    ...(followsOtherwise(old, next) ? ['what its partitions follow (lookback, inputs, sources) changed'] : []),
    ...lost(contract),
    ...contract.changed.flatMap(({ before, after }) =>
      before.nullable && !after.nullable ? [`column ${before.name} may no longer be null`] : [],
    ),
    ...contract.added.flatMap(({ name, nullable }) =>
      nullable ? [] : [`column ${name} is new and must be nullable, because rows that stay have no value of it`],
    ),
  ];
};
