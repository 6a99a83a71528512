import type { RollupDefinition } from '../../model/catalog/index.js';

/** A part of a key: nothing in it may look like a separator or a hash tag. */
const part = (text: string): string => encodeURIComponent(text);

/** A rollup's name in the store: another definition, or another way to store it, is another rollup. */
export const rollupName = (definition: RollupDefinition, layoutHash: string): string =>
  `${part(definition.id)}@${layoutHash.slice(0, 12)}`;

/** Every key of the room lies below this. */
export const keyPrefix = (namespace: string): string => `assay:${part(namespace)}:rollup:`;

/** Keys of the whole rollup, on one slot: what is published, by whom, and who may. */
export const rollupKeys = (namespace: string, name: string) => {
  const base = `${keyPrefix(namespace)}{${part(namespace)}/${name}}`;
  return { manifest: `${base}:manifest`, fence: `${base}:fence`, lease: `${base}:lease` } as const;
};

/** Keys of one version of a partition, on one slot. */
export const partitionKeys = (namespace: string, name: string, partition: string, version: string) => {
  const base = `${keyPrefix(namespace)}{${part(namespace)}/${name}/${part(partition)}}:${version}`;
  return { entry: `${base}:entry`, chunk: (n: number): string => `${base}:${n}` } as const;
};

/** What a key of the room belongs to; undefined for other keys. */
export const parseKey = (
  namespace: string,
  key: string,
): { readonly name: string; readonly partition?: string; readonly version?: string } | undefined => {
  const prefix = `${keyPrefix(namespace)}{${part(namespace)}/`;
  if (!key.startsWith(prefix)) return undefined;
  const match = /^([^/}]+)(?:\/([^/}]+))?\}:([^:]+)/.exec(key.slice(prefix.length));
  const [, name, partition, version] = match ?? [];
  if (name === undefined) return undefined;
  if (partition === undefined || version === undefined) return { name };
  return { name, partition: decodeURIComponent(partition), version };
};

/** The channel on which publications are told. */
export const channelOf = (namespace: string): string => `${keyPrefix(namespace)}published`;
