import { error } from '../../../errors/index.js';
import type { AddFile, DeletionVector, Domain, Metadata, Protocol, RemoveFile, Txn } from '../types.js';
import { Fields, isRecord, type Json, type Where } from './fields.js';
import { checkPath } from './paths.js';

export type { Where } from './fields.js';

/** A file that holds a part of a V2 checkpoint. */
export interface Sidecar {
  /** Name below `_delta_log/_sidecars`, or an absolute path; URI-encoded. */
  readonly path: string;
}

/** One action of the log; of other kinds only the name is kept. */
export type Action =
  | { readonly kind: 'add'; readonly add: AddFile }
  | { readonly kind: 'remove'; readonly remove: RemoveFile }
  | { readonly kind: 'metaData'; readonly metaData: Metadata }
  | { readonly kind: 'protocol'; readonly protocol: Protocol }
  | { readonly kind: 'txn'; readonly txn: Txn }
  | { readonly kind: 'domainMetadata'; readonly domainMetadata: Domain }
  | { readonly kind: 'commitInfo'; readonly commitInfo: Json }
  | { readonly kind: 'checkpointMetadata'; readonly checkpointMetadata: Json }
  | { readonly kind: 'sidecar'; readonly sidecar: Sidecar }
  | { readonly kind: 'other'; readonly name: string };

const STORAGE = new Set(['u', 'p', 'i']);

const readVector = (json: Json, where: Where): DeletionVector => {
  const f = new Fields(json, 'deletionVector', where);
  const storageType = f.text('storageType');
  if (!STORAGE.has(storageType))
    throw error('delta-unsupported', { table: where.table, feature: `deletion vectors stored as ${storageType}` });
  return {
    storageType: storageType as DeletionVector['storageType'],
    pathOrInlineDv: f.text('pathOrInlineDv'),
    ...(f.has('offset') ? { offset: f.count('offset') } : {}),
    sizeInBytes: f.count('sizeInBytes'),
    cardinality: f.count('cardinality'),
  };
};

/** What adds and removes have in common and may lack. */
const optional = (f: Fields, where: Where) => ({
  ...(f.has('stats') ? { stats: f.text('stats') } : {}),
  ...(f.has('tags') ? { tags: f.map('tags') } : {}),
  ...(f.has('deletionVector') ? { deletionVector: readVector(f.record('deletionVector'), where) } : {}),
  ...(f.has('baseRowId') ? { baseRowId: f.integer('baseRowId') } : {}),
  ...(f.has('defaultRowCommitVersion') ? { defaultRowCommitVersion: f.integer('defaultRowCommitVersion') } : {}),
});

const readAdd = (json: Json, where: Where): AddFile => {
  const f = new Fields(json, 'add', where);
  const path = f.text('path');
  checkPath(path, where.file);
  return {
    path,
    partitionValues: f.map('partitionValues'),
    size: f.count('size'),
    modificationTime: f.has('modificationTime') ? f.integer('modificationTime') : 0,
    dataChange: f.flag('dataChange'),
    ...optional(f, where),
    ...(f.has('clusteringProvider') ? { clusteringProvider: f.text('clusteringProvider') } : {}),
  };
};

const readRemove = (json: Json, where: Where): RemoveFile => {
  const f = new Fields(json, 'remove', where);
  const path = f.text('path');
  checkPath(path, where.file);
  return {
    path,
    ...(f.has('deletionTimestamp') ? { deletionTimestamp: f.integer('deletionTimestamp') } : {}),
    dataChange: f.has('dataChange') ? f.flag('dataChange') : true,
    ...(json['extendedFileMetadata'] === true ? { extendedFileMetadata: true } : {}),
    ...(f.has('partitionValues') ? { partitionValues: f.map('partitionValues') } : {}),
    ...(f.has('size') ? { size: f.count('size') } : {}),
    ...optional(f, where),
  };
};

/** Some logs of tests and tools name no schema; Spark takes that for a table without columns. */
const NO_COLUMNS = '{"type":"struct","fields":[]}';

const readMetadata = (json: Json, where: Where): Metadata => {
  const f = new Fields(json, 'metaData', where);
  const format = f.has('format') ? new Fields(f.record('format'), 'metaData.format', where) : undefined;
  return {
    id: f.text('id'),
    ...(f.has('name') ? { name: f.text('name') } : {}),
    ...(f.has('description') ? { description: f.text('description') } : {}),
    format: { provider: format?.text('provider') ?? 'parquet', options: format?.textMap('options') ?? {} },
    schemaString: f.has('schemaString') ? f.text('schemaString') : NO_COLUMNS,
    partitionColumns: f.texts('partitionColumns'),
    configuration: f.textMap('configuration'),
    ...(f.has('createdTime') ? { createdTime: f.integer('createdTime') } : {}),
  };
};

const readProtocol = (json: Json, where: Where): Protocol => {
  const f = new Fields(json, 'protocol', where);
  return {
    minReaderVersion: f.integer('minReaderVersion'),
    minWriterVersion: f.integer('minWriterVersion'),
    ...(f.has('readerFeatures') ? { readerFeatures: f.texts('readerFeatures') } : {}),
    ...(f.has('writerFeatures') ? { writerFeatures: f.texts('writerFeatures') } : {}),
  };
};

const readTxn = (json: Json, where: Where): Txn => {
  const f = new Fields(json, 'txn', where);
  return {
    appId: f.text('appId'),
    version: f.integer('version'),
    ...(f.has('lastUpdated') ? { lastUpdated: f.integer('lastUpdated') } : {}),
  };
};

const readDomain = (json: Json, where: Where): Domain => {
  const f = new Fields(json, 'domainMetadata', where);
  return { domain: f.text('domain'), configuration: f.text('configuration'), removed: f.flag('removed') };
};

const READERS: Readonly<Record<string, (json: Json, where: Where) => Action>> = {
  add: (json, where) => ({ kind: 'add', add: readAdd(json, where) }),
  remove: (json, where) => ({ kind: 'remove', remove: readRemove(json, where) }),
  metaData: (json, where) => ({ kind: 'metaData', metaData: readMetadata(json, where) }),
  protocol: (json, where) => ({ kind: 'protocol', protocol: readProtocol(json, where) }),
  txn: (json, where) => ({ kind: 'txn', txn: readTxn(json, where) }),
  domainMetadata: (json, where) => ({ kind: 'domainMetadata', domainMetadata: readDomain(json, where) }),
  commitInfo: (json) => ({ kind: 'commitInfo', commitInfo: json }),
  checkpointMetadata: (json) => ({ kind: 'checkpointMetadata', checkpointMetadata: json }),
  sidecar: (json, where) => ({ kind: 'sidecar', sidecar: { path: new Fields(json, 'sidecar', where).text('path') } }),
};

/** One action from its JSON value (`{"add": {...}}`, or a checkpoint's row where all kinds but one are null). */
export const readAction = (value: unknown, where: Where): Action => {
  const damaged = (why: string) => error('delta-corrupt', { file: where.file, why: `line ${where.line} ${why}` });
  if (!isRecord(value)) throw damaged('holds no action');
  let found: Action | undefined;
  let name = 'none';
  for (const key in value) {
    const json = value[key];
    if (json === null || json === undefined) continue;
    name = key;
    const read = Object.hasOwn(READERS, key) ? READERS[key] : undefined;
    if (!read) continue;
    if (!isRecord(json)) throw damaged(`holds a ${key} that is no record`);
    if (found) throw damaged('holds two actions');
    found = read(json, where);
  }
  return found ?? { kind: 'other', name };
};

/** The text of a log file. Errors: `delta-corrupt` where it is no UTF-8. */
export const textOf = (bytes: Buffer, file: string): string => {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (thrown) {
    if (thrown instanceof TypeError) throw error('delta-corrupt', { file, why: 'it is not UTF-8' }, thrown);
    throw thrown;
  }
};

/** A line's JSON. Errors: `delta-corrupt` with file and line. */
export const parseLine = (text: string, file: string, line: number): unknown => {
  try {
    return JSON.parse(text) as unknown;
  } catch (thrown) {
    if (thrown instanceof SyntaxError) throw error('delta-corrupt', { file, why: `line ${line} is no JSON` }, thrown);
    throw thrown;
  }
};

/** The actions of a commit file, a compacted one or a checkpoint in JSON. Errors: `delta-corrupt` with file and line. */
export const readCommit = (bytes: Buffer, file: string, table: string): readonly Action[] => {
  const actions: Action[] = [];
  let line = 0;
  for (const text of textOf(bytes, file).split('\n')) {
    line += 1;
    if (text === '' || text.trim() === '') continue;
    actions.push(readAction(parseLine(text, file, line), { file, line, table }));
  }
  if (actions.length === 0) throw error('delta-corrupt', { file, why: 'it holds no action' });
  return actions;
};
