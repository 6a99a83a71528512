import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { type Document, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import { error } from '../../errors/index.js';
import type { Place } from '../catalog/index.js';
import { breath } from './breath.js';
import type { Report } from './faults.js';
import type { ModelFile } from './parts.js';

/** A file of the model, parsed with its line numbers. `name` is relative to the model's folder. */
export interface ParsedFile extends ModelFile {
  readonly document: Document.Parsed;
  lineOf(node: unknown): number;
}

const FOLDERS = ['cubes', 'views'];

export const invalid = (file: string, line: number, what: string) => error('model-invalid', { file, line, what });

const listed = async (dir: string, folder: string, report: Report): Promise<string[]> => {
  let entries: Awaited<ReturnType<typeof entriesOf>>;
  try {
    entries = await entriesOf(join(dir, folder));
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw thrown;
  }
  const names: string[] = [];
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const name = `${folder}/${entry.name}`;
    if (entry.name.startsWith('.')) continue;
    if (entry.isDirectory()) names.push(...(await listed(dir, name, report)));
    else if (/\.ya?ml$/.test(entry.name)) names.push(name);
    else if (['.js', '.ts', '.py', '.jinja'].includes(extname(entry.name)))
      report(invalid(name, 1, `models are written in YAML; a ${extname(entry.name)} file is code and is not run`));
  }
  return names;
};
const entriesOf = (path: string) => readdir(path, { withFileTypes: true });

/** A file with its lines; undefined when it is no YAML, which is reported. */
const parsed = (name: string, content: string, report: Report): ParsedFile | undefined => {
  const lines = new LineCounter();
  const template = /\{\{|\{%|%\}/.exec(content);
  if (template) {
    const line = content.slice(0, template.index).split('\n').length;
    report(invalid(name, line, `templates are not run; write plain YAML instead of ${template[0]}`));
    return undefined;
  }
  const document = parseDocument(content, { lineCounter: lines, merge: true, prettyErrors: false });
  for (const problem of document.errors) report(invalid(name, lines.linePos(problem.pos[0]).line, problem.message));
  if (document.errors.length > 0) return undefined;
  const lineOf = (node: unknown) => {
    const range = (node as Node | null | undefined)?.range;
    return range ? lines.linePos(range[0]).line : 1;
  };
  return { fileName: name, content, document, lineOf };
};

/** Reads every YAML file below `cubes/` and `views/`, in the order of their names. Files that are none are reported and left out. */
export const readModelFiles = async (dir: string, report: Report): Promise<readonly ParsedFile[]> => {
  let told = false;
  const telling: Report = (fault) => {
    told = true;
    report(fault);
  };
  const names = (await Promise.all(FOLDERS.map((folder) => listed(dir, folder, telling)))).flat();
  if (names.length === 0 && !told) report(invalid(dir, 1, 'there is no model here: no YAML file in cubes/ or views/'));
  return readNamed(dir, names, report);
};

/** Reads every YAML file below `features/`, which Cube never sees. */
export const readFeatureFiles = async (dir: string, report: Report): Promise<readonly ParsedFile[]> =>
  readNamed(dir, await listed(dir, 'features', report), report);

const readNamed = async (dir: string, names: readonly string[], report: Report): Promise<readonly ParsedFile[]> => {
  const texts = await Promise.all(names.map(async (name) => [name, await readFile(join(dir, name), 'utf8')] as const));
  const files: ParsedFile[] = [];
  for (const [name, content] of texts) {
    await breath();
    const file = parsed(name, content, report);
    if (file) files.push(file);
  }
  return files;
};

/** The model's version: a hash of what its files say. */
export const versionOf = (files: readonly ModelFile[]): string => {
  const hash = createHash('sha256');
  for (const { fileName, content } of files) hash.update(`${fileName}\0${content}\0`);
  return hash.digest('hex').slice(0, 16);
};

/**
 * Where cubes, views, their members, rollups, policies, joins and tables stand: `sales`, `sales.orders`, `sales.by_day`, `sales#0`,
 * `sales>products`, `sales<`, `dates~retail` (a calendar).
 */
export class Places {
  private readonly at = new Map<string, Place>();
  constructor(files: readonly ParsedFile[]) {
    for (const file of files) for (const kind of FOLDERS) this.owners(file, file.document.get(kind, true));
  }
  private owners(file: ParsedFile, list: unknown): void {
    if (!isSeq(list)) return;
    for (const owner of list.items) {
      if (!isMap(owner)) continue;
      const name = String(owner.get('name') ?? '');
      this.set(name, file, owner);
      for (const key of ['dimensions', 'measures', 'segments', 'pre_aggregations', 'preAggregations'])
        this.members(file, name, owner.get(key, true));
      const joins = owner.get('joins', true);
      if (isSeq(joins))
        for (const node of joins.items)
          if (isMap(node)) this.set(`${name}>${String(node.get('name') ?? '')}`, file, node);
      const source = ['sql_table', 'sqlTable', 'sql'].map((key) => owner.get(key, true)).find((node) => node);
      if (source) this.set(`${name}<`, file, source);
      const policies = owner.get('access_policy', true) ?? owner.get('accessPolicy', true);
      if (isSeq(policies)) policies.items.forEach((node, i) => void this.set(`${name}#${i}`, file, node));
      this.calendars(file, name, owner.get('meta', true));
      const cubes = owner.get('cubes', true);
      if (!isSeq(cubes)) continue;
      for (const cube of cubes.items) {
        const includes = isMap(cube) ? cube.get('includes', true) : undefined;
        if (!isSeq(includes)) continue;
        for (const node of includes.items) {
          const member = isMap(node)
            ? (node.get('alias') ?? node.get('name'))
            : isScalar(node)
              ? node.value
              : undefined;
          this.set(`${name}.${String(member)}`, file, node);
        }
      }
    }
  }
  private calendars(file: ParsedFile, owner: string, meta: unknown): void {
    const list = isMap(meta) ? meta.get('calendars', true) : undefined;
    if (!isSeq(list)) return;
    for (const node of list.items) if (isMap(node)) this.set(`${owner}~${String(node.get('name') ?? '')}`, file, node);
  }
  private members(file: ParsedFile, owner: string, list: unknown): void {
    if (!isSeq(list)) return;
    for (const node of list.items) if (isMap(node)) this.set(`${owner}.${String(node.get('name') ?? '')}`, file, node);
  }
  private set(name: string, file: ParsedFile, node: unknown): void {
    this.at.set(name, { file: file.fileName, line: file.lineOf(node) });
  }
  /** The place of a name, or else of the owner it begins with. */
  of(name: string): Place {
    const found = this.at.get(name) ?? this.at.get(name.split(/[.#><~]/)[0] ?? '');
    return found ?? { file: 'cubes', line: 1 };
  }
  has(name: string): boolean {
    return this.at.has(name);
  }
}
