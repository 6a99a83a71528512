import { error } from '../../../errors/index.js';
import type { PartitionValues } from '../types.js';

/** Where an action stood, for errors. */
export interface Where {
  /** The log file, absolute. */
  readonly file: string;
  readonly line: number;
  readonly table: string;
}

export type Json = Readonly<Record<string, unknown>>;

export const isRecord = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isText = (value: unknown): value is string => typeof value === 'string';

/** Reads fields of one action with their types checked; a wrong one is damage, named with file and line. */
export class Fields {
  constructor(
    readonly json: Json,
    private readonly kind: string,
    private readonly where: Where,
  ) {}

  damaged(what: string): never {
    throw error('delta-corrupt', { file: this.where.file, why: `line ${this.where.line}: ${this.kind}: ${what}` });
  }

  /** True where the field is there and not null. */
  has(name: string): boolean {
    const value = this.json[name];
    return value !== undefined && value !== null;
  }

  text(name: string): string {
    const value = this.json[name];
    return isText(value) ? value : this.damaged(`${name} is no text`);
  }

  integer(name: string): number {
    const value = this.json[name];
    return typeof value === 'number' && Number.isSafeInteger(value) ? value : this.damaged(`${name} is no integer`);
  }

  /** Zero or more. */
  count(name: string): number {
    const value = this.integer(name);
    return value >= 0 ? value : this.damaged(`${name} is negative`);
  }

  flag(name: string): boolean {
    const value = this.json[name];
    return typeof value === 'boolean' ? value : this.damaged(`${name} is no boolean`);
  }

  texts(name: string): readonly string[] {
    const value = this.json[name];
    return Array.isArray(value) && value.every(isText) ? value : this.damaged(`${name} is no list of texts`);
  }

  record(name: string): Json {
    const value = this.json[name];
    return isRecord(value) ? value : this.damaged(`${name} is no record`);
  }

  map(name: string): PartitionValues {
    const value = this.json[name];
    if (!isRecord(value)) return this.damaged(`${name} is no map`);
    for (const key in value) {
      const item = value[key];
      if (item !== null && !isText(item)) this.damaged(`${name} holds a value that is no text`);
    }
    return value as PartitionValues;
  }

  textMap(name: string): Readonly<Record<string, string>> {
    if (!this.has(name)) return {};
    return Object.fromEntries(Object.entries(this.map(name)).map(([key, value]) => [key, value ?? '']));
  }
}
