import { error } from '../../errors/index.js';
import { decodePath } from './paths.js';
import type { AddFile, Metadata, PartitionValues, Protocol, RemoveFile, Txn } from './types.js';

/** One action of the log; of other kinds only the name is kept. */
export type Action =
  | { readonly kind: 'add'; readonly add: AddFile }
  | { readonly kind: 'remove'; readonly remove: RemoveFile }
  | { readonly kind: 'metaData'; readonly metaData: Metadata }
  | { readonly kind: 'protocol'; readonly protocol: Protocol }
  | { readonly kind: 'txn'; readonly txn: Txn }
  | { readonly kind: 'commitInfo'; readonly commitInfo: Readonly<Record<string, unknown>> }
  | { readonly kind: 'other'; readonly name: string };

/** Where an action stood, for errors. */
export interface Where {
  /** The log file, absolute. */
  readonly file: string;
  readonly line: number;
  readonly table: string;
}

type Json = Readonly<Record<string, unknown>>;
const isRecord = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Reads fields of one action with their types checked; a wrong one is damage, named with file and line. */
class Fields {
  constructor(
    private readonly json: Json,
    private readonly kind: string,
    private readonly where: Where,
  ) {}
  damaged(what: string): never {
    throw error('delta-corrupt', { file: this.where.file, why: `line ${this.where.line}: ${this.kind}: ${what}` });
  }
  text(name: string): string {
    const value = this.json[name];
    return typeof value === 'string' ? value : this.damaged(`${name} is no text`);
  }
  optionalText(name: string): string | undefined {
    return this.json[name] === undefined || this.json[name] === null ? undefined : this.text(name);
  }
  integer(name: string): number {
    const value = this.json[name];
    return typeof value === 'number' && Number.isSafeInteger(value) ? value : this.damaged(`${name} is no integer`);
  }
  optionalInteger(name: string): number | undefined {
    return this.json[name] === undefined || this.json[name] === null ? undefined : this.integer(name);
  }
  flag(name: string): boolean {
    const value = this.json[name];
    return typeof value === 'boolean' ? value : this.damaged(`${name} is no boolean`);
  }
  texts(name: string): readonly string[] {
    const value = this.json[name];
    return Array.isArray(value) && value.every((v): v is string => typeof v === 'string')
      ? value
      : this.damaged(`${name} is no list of texts`);
  }
  optionalTexts(name: string): readonly string[] | undefined {
    return this.json[name] === undefined || this.json[name] === null ? undefined : this.texts(name);
  }
  map(name: string): PartitionValues {
    const value = this.json[name];
    if (!isRecord(value)) return this.damaged(`${name} is no map`);
    for (const v of Object.values(value))
      if (v !== null && typeof v !== 'string') this.damaged(`${name} holds a value that is no text`);
    return value as PartitionValues;
  }
  optionalMap(name: string): PartitionValues | undefined {
    return this.json[name] === undefined || this.json[name] === null ? undefined : this.map(name);
  }
  textMap(name: string): Readonly<Record<string, string>> {
    const map = this.optionalMap(name) ?? {};
    return Object.fromEntries(Object.entries(map).map(([k, v]) => [k, v ?? '']));
  }
}

/** Leaves out what is undefined: an absent field and an undefined one are two things to the type checker. */
const present = <T extends object>(record: T): { [K in keyof T]: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(record).filter(([, v]) => v !== undefined)) as never;

const noDeletionVector = (json: Json, where: Where) => {
  if (json['deletionVector'] !== undefined && json['deletionVector'] !== null)
    throw error('delta-unsupported', { table: where.table, feature: 'deletionVectors' });
};

const readAdd = (json: Json, where: Where): AddFile => {
  const f = new Fields(json, 'add', where);
  noDeletionVector(json, where);
  const path = f.text('path');
  decodePath(path, where.file, where.table);
  const size = f.integer('size');
  if (size < 0) f.damaged('size is negative');
  return present({
    path,
    partitionValues: f.map('partitionValues'),
    size,
    modificationTime: f.optionalInteger('modificationTime') ?? 0,
    dataChange: f.flag('dataChange'),
    stats: f.optionalText('stats'),
    tags: f.optionalMap('tags'),
  }) as AddFile;
};

const readRemove = (json: Json, where: Where): RemoveFile => {
  const f = new Fields(json, 'remove', where);
  noDeletionVector(json, where);
  return present({
    path: f.text('path'),
    deletionTimestamp: f.optionalInteger('deletionTimestamp'),
    dataChange: json['dataChange'] === null || json['dataChange'] === undefined ? true : f.flag('dataChange'),
    extendedFileMetadata: json['extendedFileMetadata'] === true ? true : undefined,
    partitionValues: f.optionalMap('partitionValues'),
    size: f.optionalInteger('size'),
  }) as RemoveFile;
};

const readMetadata = (json: Json, where: Where): Metadata => {
  const f = new Fields(json, 'metaData', where);
  const format = isRecord(json['format']) ? new Fields(json['format'], 'metaData.format', where) : undefined;
  return present({
    id: f.text('id'),
    name: f.optionalText('name'),
    description: f.optionalText('description'),
    format: { provider: format?.text('provider') ?? 'parquet', options: format?.textMap('options') ?? {} },
    schemaString: f.text('schemaString'),
    partitionColumns: f.texts('partitionColumns'),
    configuration: f.textMap('configuration'),
    createdTime: f.optionalInteger('createdTime'),
  }) as Metadata;
};

const readProtocol = (json: Json, where: Where): Protocol => {
  const f = new Fields(json, 'protocol', where);
  return present({
    minReaderVersion: f.integer('minReaderVersion'),
    minWriterVersion: f.integer('minWriterVersion'),
    readerFeatures: f.optionalTexts('readerFeatures'),
    writerFeatures: f.optionalTexts('writerFeatures'),
  }) as Protocol;
};

const readTxn = (json: Json, where: Where): Txn => {
  const f = new Fields(json, 'txn', where);
  return present({
    appId: f.text('appId'),
    version: f.integer('version'),
    lastUpdated: f.optionalInteger('lastUpdated'),
  }) as Txn;
};

/** One action from its JSON value (`{"add": {...}}`, or a checkpoint's row where all kinds but one are null). */
export const readAction = (value: unknown, where: Where): Action => {
  if (!isRecord(value)) throw error('delta-corrupt', { file: where.file, why: `line ${where.line} holds no action` });
  const found = Object.entries(value).find(([, v]) => v !== null);
  if (!found) return { kind: 'other', name: 'none' };
  const [name, json] = found;
  if (!isRecord(json)) return { kind: 'other', name };
  if (name === 'add') return { kind: 'add', add: readAdd(json, where) };
  if (name === 'remove') return { kind: 'remove', remove: readRemove(json, where) };
  if (name === 'metaData') return { kind: 'metaData', metaData: readMetadata(json, where) };
  if (name === 'protocol') return { kind: 'protocol', protocol: readProtocol(json, where) };
  if (name === 'txn') return { kind: 'txn', txn: readTxn(json, where) };
  if (name === 'commitInfo') return { kind: 'commitInfo', commitInfo: json };
  return { kind: 'other', name };
};

/** The actions of a commit file. Errors: `delta-corrupt` with file and line. */
export const readCommit = (bytes: Buffer, file: string, table: string): readonly Action[] => {
  let all: string;
  try {
    all = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (thrown) {
    if (thrown instanceof TypeError) throw error('delta-corrupt', { file, why: 'it is not UTF-8' }, thrown);
    throw thrown;
  }
  const lines = all.split('\n');
  const actions: Action[] = [];
  lines.forEach((text, index) => {
    if (text.trim() === '') return;
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (thrown) {
      if (thrown instanceof SyntaxError)
        throw error('delta-corrupt', { file, why: `line ${index + 1} is no JSON` }, thrown);
      throw thrown;
    }
    actions.push(readAction(value, { file, line: index + 1, table }));
  });
  if (actions.length === 0) throw error('delta-corrupt', { file, why: 'it holds no action' });
  return actions;
};
